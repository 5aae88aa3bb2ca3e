package vat_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// onVault runs a test with a page that others write to, and another one that somebody has under a grant
// and has linked to the first.
func onVault(t *testing.T, test func(t *testing.T, d *disk, other *vat.Vat, p *vat.Ref, g *vat.Grant, end func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		vault, err := vat.Root(v, "vault", func() *Page { return &Page{Title: "vault"} })
		require.NoError(t, err)
		require.NoError(t, v.Publish("vault", vault))
		g, err := v.Mint("vault", nil)
		require.NoError(t, err)
		other := d.net.Vat(t, "other", quiet())
		p := exported(t, v, other)
		loot := other.Enliven(g.Sturdyref())
		require.NoError(t, loot.Await(t.Context()))
		call[any](t, p, "link", "loot", loot)
		test(t, d, other, p, g, end)
	})
}

// exported is the page of v as another vat sees it.
func exported(t *testing.T, v, other *vat.Vat) *vat.Ref {
	t.Helper()
	sr, err := v.Export(page(t, v), nil)
	require.NoError(t, err)
	return other.Enliven(sr)
}

// A reference that came of a grant ends with it also when a durable object has kept it: a restart does
// not bring it back.
func TestKeptReferencesEndWithTheirGrant(t *testing.T) {
	spec.Covers(t, "KEEP-10")
	for _, revoked := range []bool{false, true} {
		onVault(t, func(t *testing.T, d *disk, other *vat.Vat, _ *vat.Ref, g *vat.Grant, end func()) {
			if revoked {
				require.NoError(t, g.Revoke())
			}
			end()
			v, end := d.start(nil)
			defer end()
			p := exported(t, v, other)
			if !revoked {
				require.Equal(t, "vault", call[string](t, p.Send("follow", "loot"), "named"))
				require.NoError(t, v.Revoke(g.Sturdyref()))
			}
			_, err := vat.Call[string](t.Context(), p.Send("follow", "loot"), "named")
			require.ErrorIs(t, err, vat.ErrRevoked)
		})
	}
}

// Nor does an undone turn, which has the fields read anew from the store.
func TestUndoneTurnsKeepGrants(t *testing.T) {
	onVault(t, func(t *testing.T, _ *disk, _ *vat.Vat, p *vat.Ref, g *vat.Grant, end func()) {
		defer end()
		require.ErrorIs(t, failure(t, p.Send("writeAndPanic", "x")), vat.ErrInternal)
		require.NoError(t, g.Revoke())
		require.ErrorIs(t, failure(t, p.Send("follow", "loot").Send("named")), vat.ErrRevoked)
	})
}
