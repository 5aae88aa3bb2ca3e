package vat

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// A call whose turn is over holds nothing of its parameters, however long its answer takes; and
// nothing is charged to a session that has ended, though its calls are never answered.
func TestUnansweredCallsHoldLittle(t *testing.T) {
	spec.Covers(t, "CREDIT-4")
	w := newStepped()
	h := &hanger{v: &Vat{core: w.b}}
	require.NoError(t, (*bareCore)(w.b).Publish(h, secret))
	far := (*bareSession)(w.ab).Ask(secret).(*Ref)
	var ps []*Promise[any]
	for range 10 {
		ps = append(ps, far.Send("hang", strings.Repeat("x", 100_000), ""))
	}
	w.run()
	require.Len(t, h.hung, 10)
	charged := w.b.machine.Charged()
	for i := 0; i < 100 && charged >= 20_000; i++ { // the arguments are the collector's to find
		runtime.GC()
		w.b.lock()
		charged = w.b.machine.Charged()
		w.b.unlock()
	}
	require.Positive(t, charged)
	require.Less(t, charged, int64(20_000))
	for _, p := range ps {
		p.Send("text").Send("text") // calls wait for what was promised, too
	}
	w.run()
	(*bareSession)(w.ba).Close()
	require.Zero(t, w.b.machine.Charged())
	require.Empty(t, w.b.calls)
	for _, r := range h.hung { // nothing but the promises is left of them
		for _, x := range r.p.watch {
			require.Nil(t, x)
		}
	}
	require.NoError(t, h.hung[0].Resolve(1), "to nobody")
}

// hanger promises what never comes.
type hanger struct {
	Object
	v    *Vat
	hung []*Resolver[int]
	kept []*Ref
}

func (h *hanger) Hang(string, any) *Promise[int] {
	p, r := NewPromise[int](h.v)
	h.hung = append(h.hung, r)
	return p
}

func (h *hanger) Keep(r *Ref) { h.kept = append(h.kept, r) }

func (h *hanger) Make() *hanger { return &hanger{v: h.v} }

func (h *hanger) Text() string { return "x" }

// The end of a session that has much in its tables is not done with at once, so that others
// need not wait for it.
func TestEndInBatches(t *testing.T) {
	spec.Covers(t, "END-2")
	w := newStepped()
	w.b.machine.EndInBatches(50)
	require.NoError(t, (*bareCore)(w.b).Publish(&hanger{v: &Vat{core: w.b}}, secret))
	far := (*bareSession)(w.ab).Ask(secret).(*Ref)
	var mine []*Ref
	for range 100 { // exports, imports and answers
		mine = append(mine, near(t, w.a, &hanger{}))
		far.Send("hang", "", mine[len(mine)-1])
		far.Send("keep", mine[len(mine)-1])
		far.Send("make")
	}
	w.run()
	(*bareSession)(w.ba).Close()
	require.True(t, w.b.machine.Burying())
	require.Error(t, w.ba.captp.Err())
	batches := 1
	for w.b.machine.Bury() {
		batches++
	}
	require.Greater(t, batches, 4)
	w.b.lock()
	w.b.leave() // lets go of what the kept references held
	require.Zero(t, w.b.machine.Charged())
	require.Zero(t, w.ba.captp.Stats().Exports+w.ba.captp.Stats().Imports+w.ba.captp.Stats().Answers)
}

// near makes a reference to an object of a stepped core.
func near(t *testing.T, c *core, o objecter) *Ref {
	h, err := c.host(o)
	require.NoError(t, err)
	c.lock()
	defer c.leave()
	return c.newRef(h.ref(nil))
}
