package vat

import (
	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec/object"
)

// holder is the near object that stands for plain data where only a reference
// can stand: what a promise resolves to that settled to data. It answers settle
// with its data, and has no verbs. Machine right.
type holder struct {
	core *core
	flat []byte       // results (ref, value), a flat segment; nil is null
	caps []*captp.Ref // one holder each

	from *captp.Session // to which it is charged; nil: to none
}

// size is what h takes, about.
func (h *holder) size() int { return cap(h.flat) + 16*cap(h.caps) + 512 }

// Deliver implements captp.Object.
func (h *holder) Deliver(call *captp.Call) (wait bool) {
	h.core.later(&settleAnswer{core: h.core, call: call, data: h})
	if from := call.From(); from != nil {
		from.Tag().(*session).enqueued() // the data may be large
	}
	return false
}

// Canceled implements captp.Object; the answer is on its way.
func (h *holder) Canceled(*captp.Call) {}

// Dropped implements captp.Object.
func (h *holder) Dropped(*captp.Grant) {
	if h.from != nil {
		h.from.Hold(-h.size())
	}
	h.core.garbage.add(h.caps...)
	h.caps = nil
}

// isNull reports whether the data is null.
func (h *holder) isNull() bool {
	if h.flat == nil {
		return true
	}
	var m capn.Message
	if m.ParseFlat(h.flat, nil) != nil {
		return false
	}
	root, err := m.Root()
	if err != nil {
		return false
	}
	v, _, _, isRef, err := value.ResultOf(root)
	return err == nil && !isRef && value.KindOf(v) == value.Null
}

// settleAnswer answers what can be answered without a turn: settle, and calls
// that cannot succeed.
type settleAnswer struct {
	core *core
	call *captp.Call
	data *holder // asked was a holder of data,
	self *face   // or an object
}

func (a *settleAnswer) afterwards() {
	defer a.core.over(a.call, nil) // it may have been canceled in the same read
	if from := a.call.From(); from != nil && a.data != nil {
		defer from.Tag().(*session).turned()
	}
	iface, method := a.call.Method()
	switch {
	case iface == object.Object_TypeID && method == methodSettle && a.data != nil:
		caps := make([]*captp.Ref, len(a.data.caps))
		for i, r := range a.data.caps {
			if r != nil {
				caps[i] = r.Retain()
			}
		}
		a.call.Return(a.data.flat, caps)
	case iface == object.Object_TypeID && method == methodSettle:
		a.call.Return(selfResult, []*captp.Ref{a.core.machine.Near(a.self, a.self.grant)})
	case a.data != nil && a.data.isNull():
		a.call.Fail(toWire(ErrNull))
	case a.data != nil:
		a.call.Fail(toWire(ErrNotObject))
	default:
		a.call.Fail(toWire(ErrNoSuchVerb))
	}
}

// The methods of the interface Object.
const (
	methodSend   = 0
	methodSettle = 1
)
