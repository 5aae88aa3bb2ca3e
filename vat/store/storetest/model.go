package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat/store"
)

// concurrent: many commit and read at once; each sees its own commits, all of a batch or
// nothing, and never a later one without an earlier one.
func concurrent(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	const writers, batches = 4, 25
	errs := make(chan error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { errs <- writePairs(s, fmt.Sprint("w", w), batches) })
	}
	wg.Wait()
	for range writers {
		require.NoError(t, <-errs)
	}
	for w := range writers {
		require.Len(t, content(t, s, fmt.Sprint("w", w)), 2*batches)
	}
}

// writePairs commits pairs of keys, and looks after each what the bucket holds.
func writePairs(s store.Store, bucket string, batches int) error {
	for i := range batches {
		var b store.Batch
		for j := range 2 {
			b.Put(bucket, fmt.Appendf(nil, "%d %04d", j, i), []byte("x"))
		}
		if err := s.Commit(&b); err != nil {
			return err
		}
		shot, err := s.Snapshot()
		if err != nil {
			return err
		}
		n := 0
		for c := shot.Cursor(bucket); c.Next(); n++ {
		}
		if err := shot.Close(); err != nil {
			return err
		}
		if n != 2*(i+1) {
			return errors.New("a commit that is not seen, or half of one that is")
		}
	}
	return nil
}

// model compares a store with a map, over random batches, restarts and compactions.
func model(t *testing.T, fresh func(*testing.T) Place) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			modelled(t, fresh(t), rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func modelled(t *testing.T, p Place, r *rand.Rand) {
	s, err := p.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	want := map[string]string{}
	for range 40 {
		switch r.IntN(8) {
		case 0:
			require.NoError(t, s.Close())
			s, err = p.Open()
			require.NoError(t, err)
		case 1:
			require.NoError(t, s.Compact(t.Context()))
		default:
			require.NoError(t, s.Commit(change(r, want)))
		}
		compare(t, s, want)
	}
}

// change makes a random batch, and changes want by it.
func change(r *rand.Rand, want map[string]string) *store.Batch {
	keys := []string{"a", "aa", "ab", "b", "\x00", "\xff", "\xff\xff"}
	var b store.Batch
	for range 1 + r.IntN(5) {
		k := keys[r.IntN(len(keys))]
		if r.IntN(2) == 0 {
			b.Delete("m", []byte(k))
			delete(want, k)
		} else {
			v := strings.Repeat("v", r.IntN(6000))
			b.Put("m", []byte(k), []byte(v))
			want[k] = v
		}
	}
	return &b
}

// compare walks over the store, forward and back, and seeks.
func compare(t *testing.T, s store.Store, want map[string]string) {
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	keys := slices.Sorted(maps.Keys(want))
	var forward, back []string
	c := shot.Cursor("m")
	for ok := c.Seek(nil); ok; ok = c.Next() {
		forward = append(forward, string(c.Key()))
		require.Equal(t, want[string(c.Key())], string(c.Value()))
	}
	for ok := c.Last(); ok; ok = c.Prev() {
		back = append(back, string(c.Key()))
	}
	slices.Reverse(back)
	require.Equal(t, keys, forward)
	require.Equal(t, keys, back)
	for _, k := range []string{"a", "aaa", "\x01", "\xff\xff\xff"} {
		i, _ := slices.BinarySearch(keys, k)
		require.Equal(t, i < len(keys), c.Seek([]byte(k)))
		if i < len(keys) {
			require.Equal(t, keys[i], string(c.Key()))
		}
	}
}
