package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// What a call waited for is released when it has been answered, and not when the
// collector finds it.
func TestWhatACallWaitedForIsReleased(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&relay{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	v := &Vat{core: w.a}
	w.run()
	before := w.ba.captp.Stats().Imports
	p, r := NewPromise[int](v)
	q := Send[int](far, "sum", p)
	broken1, r1 := NewPromise[int](v)
	q1 := Send[int](far, "sum", broken1)
	w.run()
	require.NoError(t, r.Resolve(7))
	r1.Break(errReleased)
	w.run()
	got, err := valueOf(q)
	require.NoError(t, err)
	require.Equal(t, 8, got)
	_, err = valueOf(q1)
	require.EqualError(t, err, errReleased.Error()) // it was about the argument: it has no code
	require.Equal(t, before, w.ba.captp.Stats().Imports)
}

// Who does not wait any more does not leave its questions behind.
func TestWhatACanceledCallWaitedForIsNotAskedAnyMore(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&relay{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	w.run()
	p, _ := NewPromise[int](&Vat{core: w.a})
	q := Send[int](far, "sum", p)
	w.run()
	require.Equal(t, 1, w.ba.captp.Stats().Questions, "what it settles to")
	q.Cancel()
	w.run()
	require.Zero(t, w.ba.captp.Stats().Questions)
	require.Zero(t, w.ab.captp.Stats().Answers)
	require.Empty(t, w.b.calls)
}
