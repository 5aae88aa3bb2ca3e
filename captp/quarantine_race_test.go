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
