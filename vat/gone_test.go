package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// hung is an object whose methods return promises that never settle.
type hung struct {
	Object
	self  *Vat
	never *Promise[*Ref]
}

// New returns a promise of its own.
func (h *hung) New([]byte) *Promise[*Ref] {
	p, _ := NewPromise[*Ref](h.self)
	return p
}

// Same always returns the same one.
func (h *hung) Same([]byte) *Promise[*Ref] { return h.never }

// Call returns the outcome of a call.
func (h *hung) Call([]byte) *Promise[*Ref] { return Send[*Ref](h.never, "new", []byte(nil)) }

// What a peer asked for and what will never be answered is let go of when its session
// ends, also if it called on the results: else peers that come and go would fill the
// vat.
func TestNothingOfAPeerIsLeftWhenItGoes(t *testing.T) {
	for _, verb := range []string{"new", "same", "call"} {
		for _, pipelined := range []int{0, 1, 3} {
			w := newStepped()
			v := &Vat{core: w.b}
			o := &hung{self: v}
			o.never, _ = NewPromise[*Ref](v)
			h, err := w.b.host(o)
			require.NoError(t, err)
			w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
			far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
			for range 100 {
				var at Target = Send[*Ref](far, verb, make([]byte, 1000))
				for range pipelined {
					at = Send[*Ref](at, verb, make([]byte, 1000))
				}
			}
			w.run()
			require.Greater(t, w.b.machine.Charged(), int64(50_000), "it is held while the peer is there")
			w.ba.Closed(nil)
			w.run()
			require.Zero(t, w.b.machine.Charged(), "%s, %d calls on each result", verb, pipelined)
			require.Empty(t, w.b.calls)
			require.Less(t, len(o.never.watch), 100, "those who do not wait any more are forgotten")
		}
	}
}

// A call that was canceled while it waits for what its method returned is answered.
func TestACanceledCallDoesNotWaitForWhatItsMethodReturned(t *testing.T) {
	w := newStepped()
	v := &Vat{core: w.b}
	o := &hung{self: v}
	p, res := NewPromise[*Ref](v)
	o.never = p
	h, err := w.b.host(o)
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	var qs []*Promise[*Ref]
	for range 100 {
		qs = append(qs, Send[*Ref](far, "same", []byte(nil)))
	}
	w.run()
	for i, q := range qs {
		if i%10 > 0 {
			q.Cancel()
		}
	}
	w.run()
	require.Equal(t, 10, w.ab.captp.Stats().Questions, "the others are over")
	require.Len(t, w.b.calls, 10)
	require.NoError(t, res.Resolve(w.b.newRef(h.ref(nil))))
	w.run()
	for i, q := range qs {
		if i%10 > 0 {
			require.ErrorIs(t, q.err(), ErrCanceled)
		} else {
			require.Equal(t, fulfilled, q.state)
		}
	}
	require.Empty(t, w.b.calls)
}
