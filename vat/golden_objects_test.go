package vat_test

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// makeObjects, in the environment, has testdata/objects1 made anew. Its format must not have changed.
const makeObjects = "VATNET_MAKE_GOLDEN_OBJECTS"

// goldenDisk is a disk without a store yet; the vat on it is always the same.
func goldenDisk(t *testing.T) *disk {
	t.Helper()
	d := newDisk(t)
	d.id = crypto.IdentityFromSeed([32]byte{1: 1})
	return d
}

// goldenFriend is a sturdyref of a vat that does not exist.
func goldenFriend(t *testing.T) sturdyref.Ref {
	t.Helper()
	id := crypto.IdentityFromSeed([32]byte{2: 2})
	r, err := sturdyref.New(id.VatID(), []string{"friend:7000"}, sturdyref.SwissnumOf([32]byte{3: 3}))
	require.NoError(t, err)
	return r
}

// What a store of the first format has is there, whatever has become of this package since.
func TestGoldenObjects(t *testing.T) {
	const file = "testdata/objects1"
	synctest.Test(t, func(t *testing.T) {
		if os.Getenv(makeObjects) != "" {
			d := goldenDisk(t)
			v, end := d.start(nil)
			p := page(t, v)
			call[any](t, p, "write", "a line")
			call[any](t, p, "befriend", "friend", goldenFriend(t), false)
			call[any](t, p, "know", goldenFriend(t))
			call[any](t, p, "chain")
			call[any](t, p, "writeNext", "another line")
			c := cabinet(t, v)
			call[any](t, c, "do", "append x y", "drop 1", "age Zoe 7777", "forget a")
			call[any](t, c, "ordered", 300, -300)
			call[any](t, c, "scribble", 9, "a third line")
			_, err := v.After(time.Hour, p, "write", "an alarm")
			require.NoError(t, err)
			end()
			s, err := d.Open()
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, s.Backup(t.Context(), &out))
			require.NoError(t, s.Close())
			require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
		}
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		d := goldenDisk(t)
		require.NoError(t, d.Restore(bytes.NewReader(golden)))
		v, end := d.start(nil)
		defer end()
		_, err = v.Collect(t.Context())
		require.NoError(t, err)
		p := page(t, v)
		require.Equal(t, "first", call[string](t, p, "named"))
		require.Equal(t, []string{"a line"}, call[[]string](t, p, "read"))
		require.Equal(t, []string{"another line"}, call[[]string](t, p, "readNext"))
		require.Equal(t, []sturdyref.Ref{goldenFriend(t)}, call[[]sturdyref.Ref](t, p, "knows"))
		require.Equal(t, "third", call[string](t, call[*vat.Ref](t, p, "follow", "third"), "named"))
		c := cabinet(t, v)
		require.Equal(t, []string{"b", "x", "y"}, call[[]string](t, c, "titles"))
		require.Equal(t, map[string]int{"Zoe": 4}, call[map[string]int](t, c, "old"))
		require.Equal(t, []int16{-300, 300}, call[[]int16](t, c, "ordered"))
		require.Equal(t, "a third line", call[string](t, call[*vat.Ref](t, c, "page", 9), "named"))
		pass(2 * time.Hour)
		require.Equal(t, []string{"a line", "an alarm"}, call[[]string](t, p, "read"))
	})
}
