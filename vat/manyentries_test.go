package vat_test

import (
	"flag"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

var manyEntries = flag.Int("entries", 100_000, "of the list of TestListOfMany; a million takes ten seconds or so")

// countingStore counts what is asked of a store.
type countingStore struct {
	store.Store
	written, bytes, read atomic.Int64 // changes, their bytes, keys that were looked at
}

func (s *countingStore) Commit(b *store.Batch) error {
	s.written.Add(int64(b.Len()))
	s.bytes.Add(int64(b.Size()))
	return s.Store.Commit(b)
}

func (s *countingStore) Snapshot() (store.Snapshot, error) {
	shot, err := s.Store.Snapshot()
	return &countingSnapshot{shot, s}, err
}

type countingSnapshot struct {
	store.Snapshot
	to *countingStore
}

func (s *countingSnapshot) Get(bucket string, key []byte) ([]byte, error) {
	s.to.read.Add(1)
	return s.Snapshot.Get(bucket, key)
}

func (s *countingSnapshot) Cursor(bucket string) store.Cursor {
	return &countingCursor{s.Snapshot.Cursor(bucket), s.to}
}

type countingCursor struct {
	store.Cursor
	to *countingStore
}

func (c *countingCursor) Seek(key []byte) bool { c.to.read.Add(1); return c.Cursor.Seek(key) }
func (c *countingCursor) Next() bool           { c.to.read.Add(1); return c.Cursor.Next() }
func (c *countingCursor) Prev() bool           { c.to.read.Add(1); return c.Cursor.Prev() }
func (c *countingCursor) Last() bool           { c.to.read.Add(1); return c.Cursor.Last() }

// counts is what was asked since the last time.
func (s *countingStore) counts() [3]int64 {
	return [3]int64{s.written.Swap(0), s.bytes.Swap(0), s.read.Swap(0)}
}

// Chronicle is a long list.
type Chronicle struct {
	vat.Durable
	Lines vat.List[string]
}

func init() { vat.Register[Chronicle]("chronicle") }

func (c *Chronicle) Append(line string) { c.Lines.Append(line) }

// Walk goes through all entries, and returns how many there were and how large the heap was at most.
func (c *Chronicle) Walk() (seen []uint64) {
	n, most := uint64(0), uint64(0)
	for i := range c.Lines.All() {
		if n++; i%(*manyEntries/4) == 0 {
			most = max(most, heapNow())
		}
	}
	return []uint64{n, most}
}

// heapNow is how many bytes are in use.
func heapNow() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// To append to a long list costs what it costs to append to a short one, and neither that nor to go through it takes memory
// for the entries.
func TestListOfMany(t *testing.T) {
	const thousand, room = 1000, 2 << 20
	file, err := boltstore.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	s := &countingStore{Store: file}
	cfg := quiet()
	cfg.Store = s
	v, err := vat.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	c, err := vat.Root(v, "chronicle", func() *Chronicle { return &Chronicle{} })
	require.NoError(t, err)

	// grow appends a thousand entries, each in a turn of its own.
	grow := func() (asked [3]int64) {
		t.Helper()
		s.counts()
		for range thousand - 1 {
			c.SendOnly("append", "what was to be told, and has been")
		}
		call[any](t, c, "append", "and that was the last of them")
		return s.counts()
	}
	first := grow()
	require.GreaterOrEqual(t, first[0], int64(thousand))
	before, most := heapNow(), uint64(0)
	var last [3]int64
	rounds := *manyEntries / thousand
	for i := range rounds - 1 {
		if last = grow(); i%(rounds/10) == 0 {
			most = max(most, heapNow())
		}
	}
	most = max(most, heapNow())
	require.Less(t, most, before+room, "while it grew")
	for i, what := range []string{"changes", "bytes", "keys looked at"} {
		require.LessOrEqual(t, last[i], first[i]+first[i]/50+8, what)
	}
	walked := call[[]uint64](t, c, "walk")
	require.Equal(t, uint64(rounds*thousand), walked[0])
	require.Less(t, walked[1], before+room, "while somebody went through it")
}
