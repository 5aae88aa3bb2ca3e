package vat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// TestHealBehindAGate: what was found behind a call that waits for its argument is watched as what it turns out to be.
func TestHealBehindAGate(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&Recorder{}, nil)
		require.NoError(t, err)
		own := p.there.Enliven(g.Sturdyref())
		word, r := vat.NewPromise[string](p.there)
		noted := own.Send("note", word)
		h := &health{}
		heals := p.there.Heal(g.Sturdyref(), h.config())
		told := make(chan error, 1)
		heals.WhenBroken(func(err error) { told <- err })
		pass(time.Second)
		_ = r.Resolve("x")
		await(t, noted)
		require.Equal(t, vat.NearRef, heals.State())
		h.require(t, "found")
		g.Revoke()
		pass(time.Second)
		require.Equal(t, vat.BrokenRef, heals.State())
		require.Len(t, told, 1)
	})
}
