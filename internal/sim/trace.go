package sim

import (
	"fmt"
	"slices"

	"capnproto.org/go/capnp/v3/std/capnp/rpc"

	"github.com/vatnet/vatnet/internal/rpctext"
	"github.com/vatnet/vatnet/spec/object"
)

// traced has the trace tell what a writes to b.
func (w *world) traced(a, b *machine, data []byte) []byte {
	if !w.opts.Verbose {
		return data
	}
	e := a.links[b.i]
	list, rest := frames(append(e.part, data...))
	for _, f := range list {
		fmt.Fprintf(&w.trace, "       %s writes to %s: %s\n", a, b, rpctext.Frame(f, method))
	}
	if e.part = slices.Clone(rest); len(rest) > 0 && !w.has(Driven) {
		fmt.Fprintf(&w.trace, "       %s writes to %s: %d bytes that are no message\n", a, b, len(rest))
		e.part = nil
	}
	return data
}

// method says which method a call calls; of a send, the number that the call has here.
func method(c rpc.Call) string {
	switch {
	case c.InterfaceId() == object.NonceLocator_TypeID:
		return "lookup"
	case c.InterfaceId() != object.Object_TypeID:
		return "?"
	case c.MethodId() == 1:
		return "settle"
	}
	p, err := c.Params()
	if err != nil {
		return "send"
	}
	content, err := p.Content()
	if err != nil {
		return "send"
	}
	args, err := object.Object_send_Params(content.Struct()).Args()
	if err != nil || args.Len() == 0 || args.At(0).Which() != object.Value_Which_int64 {
		return "send"
	}
	return fmt.Sprintf("send#%d", args.At(0).Int64())
}
