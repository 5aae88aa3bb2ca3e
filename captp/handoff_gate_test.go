package captp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/spec/network"
)

// gated is an object whose calls wait until they are told otherwise.
type gated struct {
	wait  bool
	calls []*Call
}

func (o *gated) Deliver(c *Call) bool {
	o.calls = append(o.calls, c)
	if o.wait {
		return true
	}
	c.Return(nil, nil)
	return false
}
func (o *gated) Canceled(c *Call) { c.Fail(errCanceled) }
func (o *gated) Dropped(*Grant)   {}

// TestLiftingsAtAGate: a donor does not have a host hold one thing after the other for one gift.
func TestLiftingsAtAGate(t *testing.T) {
	spec.Covers(t, "HAND-19")
	o := &gated{wait: true}
	h := newHostingOf(t, Limits{}, o)
	s := h.peers["donor"]
	h.feed("donor", call(1, export(0)), provide(2, export(0), "recipient", id32("x")))
	before := s.Stats().Charged
	g := s.gate(s.exports.get(0).ref)
	require.NotNil(t, g)
	for i := range 10000 {
		h.feed("donor", lifts(result(2), fmt.Sprintf("%032d", i)))
	}
	if s.Err() == nil {
		kept, charged := len(g.queue), s.Stats().Charged-before
		require.GreaterOrEqual(t, charged, int64(kept-3)*itemCost, "%d items are kept, and %d bytes charged for them", kept, charged)
	}
}

// TestProvideAndFinishAtAGate: a gift that is over is not kept by the gate that it waited at, for nothing.
func TestProvideAndFinishAtAGate(t *testing.T) {
	o := &gated{wait: true}
	h := newHostingOf(t, Limits{}, o)
	s := h.peers["donor"]
	h.feed("donor", call(1, export(0)))
	before := s.Stats().Charged
	g := s.gate(s.exports.get(0).ref)
	for i := range 10000 {
		h.feed("donor", provide(2, export(0), "recipient", id32(fmt.Sprint(i))), finish(2))
	}
	if s.Err() == nil {
		kept, charged := len(g.queue), s.Stats().Charged-before
		require.GreaterOrEqual(t, charged, int64(kept)*itemCost, "%d items are kept, and %d bytes charged for them", kept, charged)
	}
}

// TestGiftPassesTheHostsOwnGate: what the host's own code sent to the object, and what waits there, is nothing to the
// recipient, who passed it by the vine.
func TestGiftPassesTheHostsOwnGate(t *testing.T) {
	spec.Covers(t, "HAND-9")
	o := &gated{wait: true}
	h := newHostingOf(t, Limits{}, o)
	own := h.m.Near(o, nil)
	h.m.Send(own, &Outgoing{Params: params("", 0)}).Done() // waits for its argument
	require.Len(t, o.calls, 1)
	o.wait = false
	h.feed("donor", call(1, export(0)))
	require.Len(t, o.calls, 2, "the donor's pass")
	h.feed("donor", provide(2, export(0), "recipient", id32("x")))
	h.feed("recipient", accept(1, "donor", id32("x"), ""))
	out := h.out("recipient")
	require.Contains(t, out, "sender-hosted", out)
	own.Release()
	o.calls[0].Return(nil, nil)
	h.clean()
}

// TestResolvesAtAGate: references that come home to a closed gate take no more room there than the calls before them.
func TestResolvesAtAGate(t *testing.T) {
	h := newHostingOf(t, Limits{}, &gated{wait: true})
	s := h.peers["donor"]
	h.feed("donor", call(1, export(0)))
	g := s.gate(s.exports.get(0).ref)
	for range 1000 {
		h.feed("donor", resolve(99, yours(0)))
	}
	require.Nil(t, s.Err())
	require.LessOrEqual(t, len(g.queue), 1)
}

// TestFarStaysFarAtAGate: what turns out to be near, while calls on it wait there for their arguments, is settled also meanwhile:
// who watches it waits for it to break, and who watches a promise for it hears at once.
func TestFarStaysFarAtAGate(t *testing.T) {
	spec.Covers(t, "HAND-24")
	o := &gated{wait: true}
	h := newHostingOf(t, Limits{}, o)
	h.feed("stranger", boot(0))
	h.feed("donor", call(5, export(0), thirdParty(5, func(c network.Contact) { _, _ = c.SetHost(id32("stranger")), c.SetNonce(id32("x")) })))
	_, caps := o.calls[0].Params()
	r := caps[0].Retain()
	o.calls[0].Return(nil, nil)
	h.m.Met(h.meets[0], h.peers["stranger"])
	h.m.Send(r, &Outgoing{Params: params("", 0)}).Done()
	h.m.Send(r, &Outgoing{Params: params("", 0)}).Done()
	h.feed("stranger", returns(0, yours(0)))
	require.Len(t, o.calls, 2, "the first waits for its arguments, the second behind it")
	require.NotEqual(t, Promise, r.State())
	told, hears := &changes{}, &changes{}
	r.Watch(told)
	p := h.m.NewPromise()
	p.Watch(hears)
	h.m.Resolve(p, r.Retain())
	require.Equal(t, 1, hears.n)
	for i := 1; i < len(o.calls); i++ {
		o.calls[i].Return(nil, nil)
	}
	require.Len(t, o.calls, 3)
	require.Equal(t, Near, r.State())
	require.Zero(t, told.n)
	p.Release()
	r.Release()
	h.clean()
}
