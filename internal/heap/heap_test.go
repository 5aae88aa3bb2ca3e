package heap_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/heap"
	"github.com/vatnet/vatnet/vat/store"
)

// model is what a heap should have: after the turn that runs, after the one before, and in
// the store.
type model struct{ turn, ended, cut, stored map[string]string }

// TestModel does to a heap what vats do, in random orders, and compares all that can be read
// with maps.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var disk store.Memory
		s, err := disk.Open()
		require.NoError(t, err)
		h := heap.New(s)
		m := model{map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
		var batch *store.Batch
		var group uint64
		for step := range 60 {
			key := string([]byte{byte('a' + rnd.IntN(3)), 0xff, byte(rnd.IntN(4))}[:1+rnd.IntN(3)])
			switch what := rnd.IntN(13); {
			case what == 12: // of keys that turns do not change
				key = "d" + key
				m.turn[key] = fmt.Sprint(step)
				m.ended[key] = m.turn[key]
				var b store.Batch
				b.Put("b", []byte(key), []byte(m.ended[key]))
				h.Join(&b)
			case what < 5:
				m.turn[key] = fmt.Sprint(step)
				h.Put("b", []byte(key), []byte(m.turn[key]))
			case what < 7:
				delete(m.turn, key)
				h.Delete("b", []byte(key))
			case what < 8:
				h.End(true)
				m.ended = maps.Clone(m.turn)
			case what < 9:
				h.End(false)
				m.turn = maps.Clone(m.ended)
			case batch == nil:
				batch, group = h.Cut()
				m.cut = maps.Clone(m.ended)
			case what < 11:
				require.NoError(t, h.Commit(batch))
				h.Done(group)
				m.stored, batch = m.cut, nil
			default:
				h.End(false)
				h.Forget()
				m.ended, batch = maps.Clone(m.stored), nil
				m.turn = maps.Clone(m.stored)
			}
			compare(t, seed, h, m.turn, rnd)
		}
		require.NoError(t, s.Close())
	}
}

func compare(t *testing.T, seed uint64, h *heap.Heap, want map[string]string, rnd *rand.Rand) {
	t.Helper()
	for _, prefix := range []string{"", "a", "b\xff", "c"} {
		var keys []string
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if bytes.HasPrefix([]byte(k), []byte(prefix)) {
				keys = append(keys, k)
			}
		}
		last, err := h.Last("b", []byte(prefix))
		require.NoError(t, err)
		if len(keys) == 0 {
			require.Nil(t, last, "seed %d", seed)
		} else {
			require.Equal(t, keys[len(keys)-1], string(last), "seed %d", seed)
		}
		from, n := 0, 1+rnd.IntN(4)
		if len(keys) > 0 {
			from = rnd.IntN(len(keys))
		}
		var start []byte
		if from > 0 {
			start = []byte(keys[from])
		}
		page, err := h.Page("b", []byte(prefix), start, n)
		require.NoError(t, err)
		require.Len(t, page, min(n, len(keys)-from), "seed %d", seed)
		for i, e := range page {
			require.Equal(t, keys[from+i], string(e.Key), "seed %d", seed)
			require.Equal(t, want[keys[from+i]], string(e.Value), "seed %d", seed)
			value, err := h.Get("b", e.Key)
			require.NoError(t, err)
			require.Equal(t, e.Value, value)
		}
	}
	value, err := h.Get("b", []byte("none"))
	require.NoError(t, err)
	require.Nil(t, value)
}
