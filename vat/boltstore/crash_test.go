package boltstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

const (
	sector    = 512
	frontSize = 2 * 4096 // the two front pages
)

// TestCrash takes images of the file before and after each commit, and makes of them what
// a crash in between can leave. A commit writes free pages, waits for the disk, writes a
// front page, and waits again. So while the front is as it was, of the other sectors any
// may be on the disk, and any not, whole or torn; when they are all there, the front may be
// there in part. Whatever it is, the store opens as it was before or, with the front there,
// after; it is whole; and it takes the next commit.
func TestCrash(t *testing.T) {
	spec.Covers(t, "STORE-1")
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	r := rand.New(rand.NewPCG(1, 2))
	before := image(t, path)
	for i := range 40 {
		old := holds(t, s)
		require.NoError(t, s.Commit(work(r, i)))
		after := image(t, path)
		for range 4 {
			require.Equal(t, old, revived(t, dir, crashed(r, before, after, frontSize, 0)), "commit %d, before the front", i)
			got := revived(t, dir, crashed(r, before, after, 0, frontSize))
			if got != old {
				require.Equal(t, holds(t, s), got, "commit %d, in the front", i)
			}
		}
		before = after
	}
}

// TestCrashIsSeen is the test of TestCrash: with the front on the disk before the rest, as
// after a commit that does not wait, the store is damaged, or holds what it never held.
func TestCrashIsSeen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	r := rand.New(rand.NewPCG(1, 2))
	seen := 0
	for i := range 10 {
		before, old := image(t, path), holds(t, s)
		require.NoError(t, s.Commit(work(r, i)))
		after := image(t, path)
		disk := crashed(r, before, after, frontSize, 0)
		copy(disk, after[:frontSize])
		require.NoError(t, os.WriteFile(filepath.Join(dir, "crashed"), disk, 0o600))
		crashed, err := boltstore.Open(filepath.Join(dir, "crashed"))
		if err == nil {
			if err = crashed.Check(t.Context()); err == nil {
				if held := holds(t, crashed); held != old && held != holds(t, s) {
					err = store.ErrDamaged
				}
			}
			require.NoError(t, crashed.Close())
		}
		if err != nil {
			require.ErrorIs(t, err, store.ErrDamaged)
			seen++
		}
	}
	require.Greater(t, seen, 5)
}

// work is commit i: some keys come, some go, some large.
func work(r *rand.Rand, i int) *store.Batch {
	var b store.Batch
	for range 1 + r.IntN(20) {
		key := fmt.Appendf(nil, "%d", r.IntN(200))
		if r.IntN(3) == 0 {
			b.Delete("w", key)
		} else {
			b.Put("w", key, bytes.Repeat([]byte{byte(i)}, r.IntN(3000)))
		}
	}
	return &b
}

func image(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// crashed is before, with each changed sector of after from the offset low on that chance
// has picked, and with all from the offset all on, if that is not 0.
func crashed(r *rand.Rand, before, after []byte, low, all int) []byte {
	disk := bytes.Clone(before)
	if len(after) > len(disk) && (all > 0 || r.IntN(2) == 0) {
		disk = append(disk, make([]byte, len(after)-len(disk))...)
	}
	for at := low; at < len(after); at += sector {
		end := min(at+sector, len(after))
		certain := all > 0 && at >= all
		if end > len(disk) || !certain && r.IntN(2) == 0 {
			continue
		}
		if !certain && r.IntN(8) == 0 {
			end = at + r.IntN(end-at) // torn
		}
		copy(disk[at:end], after[at:end])
	}
	return disk
}

// revived opens a store from an image, and returns what it holds.
func revived(t *testing.T, dir string, disk []byte) string {
	t.Helper()
	path := filepath.Join(dir, "crashed")
	require.NoError(t, os.WriteFile(path, disk, 0o600))
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
	held := holds(t, s)
	var b store.Batch
	b.Put("w", []byte("next"), make([]byte, 10_000))
	require.NoError(t, s.Commit(&b))
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Close())
	return held
}

// holds returns what a store holds, as one text.
func holds(t *testing.T, s store.Store) string {
	t.Helper()
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	var all []byte
	c := shot.Cursor("w")
	for c.Next() {
		all = fmt.Appendf(all, "%s=%d×%x ", c.Key(), len(c.Value()), c.Value()[:min(1, len(c.Value()))])
	}
	require.NoError(t, c.Err())
	return string(all)
}
