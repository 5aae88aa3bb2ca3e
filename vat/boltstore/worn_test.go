package boltstore_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// Whatever page of a store is worn, using it ends in an error, and not with the program.
func TestWornPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	key := func(i int) []byte { return fmt.Appendf(nil, "%04d", i) }
	for i := range 20 {
		var b store.Batch
		for j := range 50 {
			b.Put("w", key(50*i+j), bytes.Repeat([]byte("x"), 50))
		}
		require.NoError(t, s.Commit(&b))
	}
	require.NoError(t, s.Close())
	whole := image(t, path)
	size := os.Getpagesize()
	for at := 2 * size; at < min(len(whole), 64*size); at += size {
		for _, worn := range []byte{0, 0x55, 0xff} {
			path := filepath.Join(t.TempDir(), "store")
			data := bytes.Clone(whole)
			copy(data[at:at+size], bytes.Repeat([]byte{worn}, size))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			require.NotPanics(t, func() { wear(t, path, key) }, "page %d of %#x", at/size, worn)
		}
	}
}

// wear uses a store in every way.
func wear(t *testing.T, path string, key func(int) []byte) {
	s, err := boltstore.Open(path)
	if err != nil {
		require.ErrorIs(t, err, store.ErrDamaged)
		return
	}
	shot, err := s.Snapshot()
	require.NoError(t, err)
	for i := 0; i < 1000; i += 10 {
		if _, err := shot.Get("w", key(i)); err != nil {
			require.ErrorIs(t, err, store.ErrDamaged)
		}
	}
	c := shot.Cursor("w")
	for c.Next() {
	}
	if c.Err() != nil {
		require.ErrorIs(t, c.Err(), store.ErrDamaged)
	}
	require.NoError(t, shot.Close())
	for i := 0; i < 1000; i += 100 {
		var b store.Batch
		b.Put("w", key(i), []byte("y"))
		_ = s.Commit(&b) // it may fail
	}
	require.NoError(t, s.Close())
}
