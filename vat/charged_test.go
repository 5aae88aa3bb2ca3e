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
	for range 10 {
		far.Send("hang", strings.Repeat("x", 100_000), far.Send("text"))
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
	(*bareSession)(w.ba).Close()
	require.Zero(t, w.b.machine.Charged())
}

// hanger promises what never comes.
type hanger struct {
	Object
	v    *Vat
	hung []*Resolver[int]
}

func (h *hanger) Hang(string, any) *Promise[int] {
	p, r := NewPromise[int](h.v)
	h.hung = append(h.hung, r)
	return p
}

func (h *hanger) Text() string { return strings.Repeat("x", 100_000) }
