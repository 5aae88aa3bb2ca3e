package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// model compares a store with a map, over generated batches, restarts and compactions.
func model(t *testing.T, fresh func(*testing.T) Place) {
	key := rapid.SampledFrom([]string{"a", "aa", "ab", "b", "\x00", "\xff", "\xff\xff"})
	rapid.Check(t, func(r *rapid.T) {
		p := fresh(t)
		s, err := p.Open()
		require.NoError(r, err)
		defer func() { require.NoError(r, s.Close()) }()
		want := map[string]string{}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) { compare(r, s, want) },
			"commit": func(r *rapid.T) {
				var b store.Batch
				for range rapid.IntRange(1, 5).Draw(r, "changes") {
					k := key.Draw(r, "key")
					if rapid.Bool().Draw(r, "delete") {
						b.Delete("m", []byte(k))
						delete(want, k)
					} else {
						v := rapid.String().Draw(r, "value")
						b.Put("m", []byte(k), []byte(v))
						want[k] = v
					}
				}
				require.NoError(r, s.Commit(&b))
			},
			"reopen": func(r *rapid.T) {
				require.NoError(r, s.Close())
				s, err = p.Open()
				require.NoError(r, err)
			},
			"compact": func(r *rapid.T) { require.NoError(r, s.Compact(t.Context())) },
		})
	})
}

// compare walks over the store, forward and back, and seeks.
func compare(r *rapid.T, s store.Store, want map[string]string) {
	shot, err := s.Snapshot()
	require.NoError(r, err)
	defer func() { require.NoError(r, shot.Close()) }()
	keys := slices.Sorted(maps.Keys(want))
	var forward, back []string
	c := shot.Cursor("m")
	for ok := c.Seek(nil); ok; ok = c.Next() {
		forward = append(forward, string(c.Key()))
		require.Equal(r, want[string(c.Key())], string(c.Value()))
	}
	for ok := c.Last(); ok; ok = c.Prev() {
		back = append(back, string(c.Key()))
	}
	slices.Reverse(back)
	require.Equal(r, keys, forward)
	require.Equal(r, keys, back)
	for _, k := range []string{"a", "aaa", "\x01", "\xff\xff\xff"} {
		i, _ := slices.BinarySearch(keys, k)
		require.Equal(r, i < len(keys), c.Seek([]byte(k)))
		if i < len(keys) {
			require.Equal(r, keys[i], string(c.Key()))
		}
	}
}
