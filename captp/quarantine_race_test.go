//go:build race

package captp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A handle must not be used again after Done: the entry may be another call's then.
func TestDoneTwicePanics(t *testing.T) {
	p := newPair()
	c := p.a.m.Send(p.boot, &Outgoing{Params: rbody(1, 0), NoPipelining: true})
	p.run()
	c.Done()
	require.Panics(t, c.Done)
	require.Panics(t, c.Cancel)
}

// A reference that led somewhere and has no holder any more must not be used: it may be
// another one then.
func TestUseOfAReleasedReferencePanics(t *testing.T) {
	m := New(nil)
	p, to := m.NewPromise(), m.BrokenRef(errDropped)
	m.Resolve(p, to)
	p.Release()
	require.Panics(t, func() { p.Retain() })
	require.Panics(t, func() { p.State() })
	require.Panics(t, p.Release)
}
