// Package rpctext describes the messages of rpc.capnp, one in a line, for the traces of tests. It reads them through the
// generated types: they are the oracle for what captp writes by hand.
package rpctext

import (
	"fmt"
	"strconv"
	"strings"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
)

// Frame describes a framed message, which may be malformed. method says what a call calls and with what, beside its
// capabilities; nil: its method's number.
func Frame(frame []byte, method func(c rpc.Call) string) (text string) {
	defer func() {
		if p := recover(); p != nil { // of must
			text = fmt.Sprint("malformed: ", p)
		}
	}()
	msg, err := capnp.Unmarshal(frame)
	if err != nil {
		return "malformed: " + err.Error()
	}
	m, err := rpc.ReadRootMessage(msg)
	if err != nil {
		return "malformed: " + err.Error()
	}
	if method == nil {
		method = func(c rpc.Call) string { return fmt.Sprint(c.MethodId()) }
	}
	return message(m, method)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func message(m rpc.Message, method func(rpc.Call) string) string {
	if !m.IsValid() {
		return "nothing" // which would be unimplemented, and so on
	}
	switch m.Which() {
	case rpc.Message_Which_bootstrap:
		return fmt.Sprintf("bootstrap q%d", must(m.Bootstrap()).QuestionId())
	case rpc.Message_Which_call:
		c := must(m.Call())
		s := fmt.Sprintf("call q%d %s.%s(%s)", c.QuestionId(), target(must(c.Target())), method(c), payload(must(c.Params()), true))
		if c.NoPromisePipelining() {
			s += " no-pipelining"
		}
		if c.SendResultsTo().Which() == rpc.Call_sendResultsTo_Which_yourself {
			s += " results-to-yourself"
		}
		return s
	case rpc.Message_Which_return:
		return returned(must(m.Return()))
	case rpc.Message_Which_finish:
		f := must(m.Finish())
		s := fmt.Sprintf("finish q%d", f.QuestionId())
		if f.ReleaseResultCaps() {
			s += " release-result-caps"
		}
		return s
	case rpc.Message_Which_resolve:
		r := must(m.Resolve())
		if r.Which() == rpc.Resolve_Which_exception {
			return fmt.Sprintf("resolve e%d = %s", r.PromiseId(), exception(must(r.Exception())))
		}
		if r.Which() != rpc.Resolve_Which_cap {
			return fmt.Sprintf("resolve e%d = ?", r.PromiseId())
		}
		return fmt.Sprintf("resolve e%d = %s", r.PromiseId(), capability(must(r.Cap())))
	case rpc.Message_Which_release:
		r := must(m.Release())
		return fmt.Sprintf("release e%d ×%d", r.Id(), r.ReferenceCount())
	case rpc.Message_Which_disembargo:
		d := must(m.Disembargo())
		switch d.Context().Which() {
		case rpc.Disembargo_context_Which_senderLoopback:
			return fmt.Sprintf("disembargo %s sender-loopback %d", target(must(d.Target())), d.Context().SenderLoopback())
		case rpc.Disembargo_context_Which_receiverLoopback:
			return fmt.Sprintf("disembargo %s receiver-loopback %d", target(must(d.Target())), d.Context().ReceiverLoopback())
		}
		if d.Context().Which() == rpc.Disembargo_context_Which_accept {
			return fmt.Sprintf("disembargo %s accept %s", target(must(d.Target())), bytes(must(d.Context().Accept())))
		}
		return "disembargo " + d.Context().Which().String()
	case rpc.Message_Which_provide:
		return provide(must(m.Provide()))
	case rpc.Message_Which_accept:
		return accept(must(m.Accept()))
	case rpc.Message_Which_abort:
		return "abort " + exception(must(m.Abort()))
	case rpc.Message_Which_unimplemented:
		inner := must(m.Unimplemented())
		return "unimplemented { " + message(inner, method) + " }"
	}
	return m.Which().String()
}

func returned(r rpc.Return) string {
	s := fmt.Sprintf("return q%d ", r.AnswerId())
	switch r.Which() {
	case rpc.Return_Which_results:
		s += "(" + payload(must(r.Results()), false) + ")"
	case rpc.Return_Which_exception:
		s += exception(must(r.Exception()))
	case rpc.Return_Which_takeFromOtherQuestion:
		s += fmt.Sprintf("take-from-other-question q%d", r.TakeFromOtherQuestion())
	default:
		s += r.Which().String()
	}
	if r.ReleaseParamCaps() {
		s += " release-param-caps"
	}
	if r.NoFinishNeeded() {
		s += " no-finish-needed"
	}
	return s
}

func exception(e rpc.Exception) string {
	s := fmt.Sprintf("%s %q", e.Type(), must(e.Reason()))
	if l := must(e.Details()); l.Len() > 0 {
		s += " " + string(must(l.At(0).Data()))
	}
	return s
}

func target(t rpc.MessageTarget) string {
	if t.Which() == rpc.MessageTarget_Which_importedCap {
		return fmt.Sprintf("e%d", t.ImportedCap())
	}
	if t.Which() != rpc.MessageTarget_Which_promisedAnswer {
		return "?"
	}
	return promised(must(t.PromisedAnswer()))
}

func promised(p rpc.PromisedAnswer) string {
	s := fmt.Sprintf("q%d", p.QuestionId())
	l := must(p.Transform())
	for i := range l.Len() {
		s += fmt.Sprintf(".%d", l.At(i).GetPointerField())
	}
	return s
}

func capability(d rpc.CapDescriptor) string {
	switch d.Which() {
	case rpc.CapDescriptor_Which_senderHosted:
		return fmt.Sprintf("sender-hosted e%d", d.SenderHosted())
	case rpc.CapDescriptor_Which_senderPromise:
		return fmt.Sprintf("sender-promise e%d", d.SenderPromise())
	case rpc.CapDescriptor_Which_receiverHosted:
		return fmt.Sprintf("receiver-hosted e%d", d.ReceiverHosted())
	case rpc.CapDescriptor_Which_receiverAnswer:
		return "receiver-answer " + promised(must(d.ReceiverAnswer()))
	case rpc.CapDescriptor_Which_thirdPartyHosted:
		return thirdParty(must(d.ThirdPartyHosted()))
	}
	return "none"
}

func payload(p rpc.Payload, textFirst bool) string {
	var parts []string
	st := must(p.Content()).Struct()
	if st.IsValid() && st.Size().PointerCount > 0 {
		i := uint16(0)
		if !textFirst {
			i = st.Size().PointerCount - 1
		}
		if t := must(st.Ptr(i)).Text(); t != "" {
			parts = append(parts, printable(t))
		}
	}
	l := must(p.CapTable())
	for i := range l.Len() {
		parts = append(parts, capability(l.At(i)))
	}
	return strings.Join(parts, ", ")
}

// printable quotes what is no text.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
