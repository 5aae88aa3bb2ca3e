package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// Whoever answers the enlivening of his sturdyref with a reference to another's object does not become
// the way on which that object is kept by those who had it already.
func TestOriginsAreOfTheirVats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		p := page(t, v)
		third, err := vat.Root(v, "third", func() *Page { return &Page{Title: "third"} })
		require.NoError(t, err)

		id, err := crypto.NewIdentity()
		require.NoError(t, err)
		s, err := new(store.Memory).Open()
		require.NoError(t, err)
		evil, err := vat.New(&vat.Config{
			Store: s, Identity: id, Network: d.net.Host("evil"), Listen: []string{"evil:7000"}, Logger: quiet().Logger,
		})
		require.NoError(t, err)
		defer evil.Close()
		trap, err := evil.Mint("trap", nil)
		require.NoError(t, err)
		sr, err := v.Export(third, nil)
		require.NoError(t, err)
		own := v.Enliven(sr) // the very reference that evil has
		theirs := evil.Enliven(sr)
		require.NoError(t, theirs.Await(t.Context()))

		lured := v.Enliven(trap.Sturdyref())
		pass(time.Second)
		vat.Answer(trap, theirs)
		require.NoError(t, lured.Await(t.Context()))

		call[any](t, p, "link", "own", own)
		require.NoError(t, v.Revoke(sr))
		_, err = vat.Call[string](t.Context(), call[*vat.Ref](t, p, "follow", "own"), "named")
		require.ErrorIs(t, err, vat.ErrRevoked)
		end()
		v, end = d.start(nil)
		defer end()
		require.NoError(t, evil.Publish("trap", &Page{Title: "evil"}))
		got, err := vat.Call[string](t.Context(), page(t, v).Send("follow", "own"), "named")
		require.Error(t, err, "it leads to %q now", got)
	})
}
