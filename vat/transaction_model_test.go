package vat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// moodyStore takes its time, and is sometimes full.
type moodyStore struct {
	store.Store
	mu  sync.Mutex
	rnd *rand.Rand // nil: it works
}

func (s *moodyStore) Commit(b *store.Batch) error {
	s.mu.Lock()
	var takes time.Duration
	full := false
	if s.rnd != nil {
		takes, full = time.Duration(s.rnd.IntN(5))*time.Millisecond, s.rnd.IntN(3) == 0
	}
	s.mu.Unlock()
	pass(takes)
	if full {
		return store.ErrFull
	}
	return s.Store.Commit(b)
}

// Many write at the same time, some turns panic, and the store refuses some batches: what was
// acknowledged is there, once, in the order in which each has sent it, and nothing else is.
func TestTransactionModel(t *testing.T) {
	spec.Covers(t, "KEEP-2", "KEEP-3", "KEEP-4")
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			d := newDisk(t)
			moody := &moodyStore{}
			v, end := d.start(&vat.Config{Store: moody})
			defer func() { end() }()
			c := cabinet(t, v)
			sr, err := v.Export(c, nil)
			require.NoError(t, err)
			writers := []*vat.Ref{c}
			for i := range 3 {
				writers = append(writers, d.net.Vat(t, fmt.Sprint("writer", i), quiet()).Enliven(sr))
			}
			for _, w := range writers {
				require.NoError(t, w.Await(t.Context()))
			}
			moody.mu.Lock()
			moody.rnd = rand.New(rand.NewPCG(seed, 4))
			moody.mu.Unlock()

			type sent struct {
				line string
				p    *vat.Promise[any]
			}
			all := make([][]sent, len(writers))
			for i := range 120 {
				w := rnd.IntN(len(writers))
				line := fmt.Sprintf("%d-%d", w, i)
				what := []any{"append " + line, "age " + line + " x"}
				if rnd.IntN(6) == 0 {
					what = append(what, "panic")
				}
				all[w] = append(all[w], sent{line, writers[w].Send("do", what...)})
				if rnd.IntN(10) == 0 {
					pass(time.Duration(rnd.IntN(4)) * time.Millisecond)
				}
			}
			var kept [][]string
			number := 0
			for _, sents := range all {
				var lines []string
				for _, s := range sents {
					if _, err := s.p.Await(t.Context()); err == nil {
						lines = append(lines, s.line)
						number++
					}
				}
				kept = append(kept, lines)
			}
			moody.mu.Lock()
			moody.rnd = nil
			moody.mu.Unlock()
			check := func(c *vat.Ref) {
				titles := call[[]string](t, c, "titles")[2:]
				require.Len(t, titles, number, "seed %d", seed)
				require.Len(t, call[map[string]int](t, c, "old"), number+1, "seed %d", seed)
				for w, lines := range kept {
					mine := slices.DeleteFunc(slices.Clone(titles), func(s string) bool { return s[:2] != fmt.Sprintf("%d-", w) })
					require.Equal(t, append([]string{}, lines...), append([]string{}, mine...), "seed %d", seed)
				}
			}
			check(c)
			end()
			v, end = d.start(nil)
			check(cabinet(t, v))
		})
	}
}
