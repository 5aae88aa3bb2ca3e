// Package storetest holds the tests that every backend of package store has to pass. A
// backend calls Run from a test of its own, with a function that makes it a new, empty
// place for a store:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Place { return &place{dir: t.TempDir()} })
//	}
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat/store"
)

// Place is where one store is kept, from one Open to the next.
type Place interface {
	// Open opens the store; the first time it makes an empty one.
	Open() (store.Store, error)
	// Restore makes the store, which does not exist yet, from a copy that Backup wrote.
	Restore(r io.Reader) error
}

// Run runs all of the tests. fresh gives a place of its own to each.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) Place){
		"Commit": commit, "Invalid": invalid, "Cursor": cursor, "Snapshot": snapshot, "Reopen": reopen, "Lock": lock,
		"Closed": closed, "Backup": backup, "Compact": compact, "Check": check, "Concurrent": concurrent, "Model": model,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh) })
	}
}

// open opens the store of a place, and closes it at the end of the test.
func open(t *testing.T, p Place) store.Store {
	t.Helper()
	s, err := p.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// put commits pairs of keys and values to a bucket.
func put(t *testing.T, s store.Store, bucket string, pairs ...string) {
	t.Helper()
	var b store.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Put(bucket, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	require.NoError(t, s.Commit(&b))
}

// content returns what a bucket holds, as "key=value" in order.
func content(t *testing.T, s store.Store, bucket string) []string {
	t.Helper()
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	return list(t, shot, bucket)
}

func list(t *testing.T, shot store.Snapshot, bucket string) []string {
	t.Helper()
	pairs := []string{}
	c := shot.Cursor(bucket)
	for c.Next() {
		pairs = append(pairs, fmt.Sprintf("%s=%s", c.Key(), c.Value()))
	}
	require.NoError(t, c.Err())
	require.Nil(t, c.Key())
	require.Nil(t, c.Value())
	return pairs
}

func commit(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	require.Empty(t, content(t, s, "a"))
	require.NoError(t, s.Commit(&store.Batch{}))

	var b store.Batch
	b.Put("a", []byte("k"), []byte("old"))
	b.Put("a", []byte("gone"), []byte("x"))
	b.Put("b", []byte("k"), []byte("other"))
	b.Put("a", []byte("k"), []byte("new"))
	b.Delete("a", []byte("gone"))
	b.Delete("a", []byte("never"))
	b.Delete("nowhere", []byte("never"))
	var more store.Batch
	more.Put("a", []byte("empty"), nil)
	b.Append(&more)
	require.NoError(t, s.Commit(&b))
	b.Reset()
	require.Zero(t, b.Len()+b.Size())
	require.Equal(t, []string{"empty=", "k=new"}, content(t, s, "a"))
	require.Equal(t, []string{"k=other"}, content(t, s, "b"))
	require.Empty(t, content(t, s, "nowhere"))

	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	for key, want := range map[string][]byte{"empty": {}, "k": []byte("new"), "gone": nil} {
		got, err := shot.Get("a", []byte(key))
		require.NoError(t, err)
		require.Equal(t, want, got, key)
	}
	got, err := shot.Get("nowhere", []byte("k"))
	require.NoError(t, err)
	require.Nil(t, got)
}

// invalid: a batch with one change that no store takes changes nothing.
func invalid(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	long := string(bytes.Repeat([]byte("n"), store.MaxBucket))
	key, value := make([]byte, store.MaxKey), make([]byte, store.MaxValue)
	for _, tt := range []struct {
		bucket     string
		key, value []byte
		want       error
	}{
		{"", []byte("k"), nil, store.ErrName},
		{long + "n", []byte("k"), nil, store.ErrName},
		{"\x00own", []byte("k"), nil, store.ErrName},
		{"a", nil, nil, store.ErrName},
		{"a", append(key, 0), nil, store.ErrTooLarge},
		{"a", []byte("k"), append(value, 0), store.ErrTooLarge},
		{long, key, value, nil},
	} {
		var b store.Batch
		b.Put("a", []byte("good"), nil)
		b.Put(tt.bucket, tt.key, tt.value)
		require.ErrorIs(t, s.Commit(&b), tt.want)
		if tt.want != nil {
			require.Empty(t, content(t, s, "a"))
		}
	}
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	got, err := shot.Get(long, key)
	require.NoError(t, err)
	require.Len(t, got, store.MaxValue)
}

func cursor(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	put(t, s, "a", "b", "1", "d", "2", "d\x00", "3", "\xff", "4")
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()

	c := shot.Cursor("a")
	require.Nil(t, c.Key())
	require.True(t, c.Next())
	require.Equal(t, "b", string(c.Key()))
	require.False(t, c.Prev(), "before the first")
	require.Nil(t, c.Key())
	require.True(t, c.Seek([]byte("c")))
	require.Equal(t, "d", string(c.Key()))
	require.Equal(t, "2", string(c.Value()))
	require.True(t, c.Next())
	require.Equal(t, "d\x00", string(c.Key()))
	require.True(t, c.Prev())
	require.Equal(t, "d", string(c.Key()))
	require.True(t, c.Seek([]byte("d")), "the key itself")
	require.Equal(t, "d", string(c.Key()))
	require.True(t, c.Last())
	require.Equal(t, "\xff", string(c.Key()))
	require.False(t, c.Next())
	require.Nil(t, c.Value())
	require.False(t, c.Seek([]byte("\xff\x00")))
	require.True(t, c.Seek(nil))
	require.Equal(t, "b", string(c.Key()))
	require.NoError(t, c.Err())

	for _, c := range []store.Cursor{shot.Cursor("a"), shot.Cursor("nowhere")} {
		require.False(t, c.Prev(), "nothing is before the first key")
	}
	empty := shot.Cursor("nowhere")
	require.False(t, empty.Next() || empty.Last() || empty.Seek(nil) || empty.Seek([]byte("x")))
	require.NoError(t, empty.Err())
}

func snapshot(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	put(t, s, "a", "k", "old", "m", "x")
	before, err := s.Snapshot()
	require.NoError(t, err)
	c := before.Cursor("a")
	require.True(t, c.Next())

	var b store.Batch
	b.Put("a", []byte("k"), []byte("new"))
	b.Put("a", []byte("l"), []byte("more"))
	b.Delete("a", []byte("m"))
	b.Put("b", []byte("k"), nil)
	require.NoError(t, s.Commit(&b))
	require.Equal(t, "old", string(c.Value()))
	require.True(t, c.Next())
	require.Equal(t, "m", string(c.Key()))
	require.Equal(t, []string{"k=old", "m=x"}, list(t, before, "a"))
	require.Empty(t, list(t, before, "b"))
	require.NoError(t, before.Close())
	require.NoError(t, before.Close())
	require.Equal(t, []string{"k=new", "l=more"}, content(t, s, "a"))

	_, err = before.Get("a", []byte("k"))
	require.ErrorIs(t, err, store.ErrClosed)
	late := before.Cursor("a")
	require.False(t, late.Next())
	require.ErrorIs(t, late.Err(), store.ErrClosed)
}

func reopen(t *testing.T, fresh func(*testing.T) Place) {
	p := fresh(t)
	for i := range 5 {
		s, err := p.Open()
		require.NoError(t, err)
		require.Len(t, content(t, s, "a"), i)
		put(t, s, "a", fmt.Sprint(i), "x")
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
}

func lock(t *testing.T, fresh func(*testing.T) Place) {
	p, other := fresh(t), fresh(t)
	s := open(t, p)
	_, err := p.Open()
	require.ErrorIs(t, err, store.ErrLocked)
	var locked *store.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)
	require.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
	open(t, other) // has nothing to do with it
	put(t, s, "a", "k", "v")
	require.NoError(t, s.Close())
	require.Equal(t, []string{"k=v"}, content(t, open(t, p), "a"))
}

func closed(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	put(t, s, "a", "k", "v")
	require.NoError(t, s.Close())
	var b store.Batch
	b.Put("a", []byte("k"), nil)
	require.ErrorIs(t, s.Commit(&b), store.ErrClosed)
	_, err := s.Snapshot()
	require.ErrorIs(t, err, store.ErrClosed)
	require.ErrorIs(t, s.Check(t.Context()), store.ErrClosed)
	require.ErrorIs(t, s.Compact(t.Context()), store.ErrClosed)
	require.ErrorIs(t, s.Backup(t.Context(), io.Discard), store.ErrClosed)
}

func backup(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	put(t, s, "a", "k", "v", "l", "")
	put(t, s, "b", "k", string(make([]byte, 100_000)))
	w := &committing{t: t, s: s}
	require.NoError(t, s.Backup(t.Context(), w))
	require.Equal(t, []string{"k=v", "l=", "while=it runs"}, content(t, s, "a"))

	p := fresh(t)
	require.NoError(t, p.Restore(&w.copy))
	copied := open(t, p)
	require.NoError(t, copied.Check(t.Context()))
	require.Equal(t, []string{"k=v", "l="}, content(t, copied, "a"))
	require.Equal(t, content(t, s, "b"), content(t, copied, "b"))
	require.Error(t, p.Restore(bytes.NewReader(nil)), "there is a store already, and it is open")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Backup(ctx, io.Discard), context.Canceled)
	require.ErrorIs(t, s.Backup(t.Context(), full{}), io.ErrShortWrite)
	require.NoError(t, s.Check(t.Context()))
}

// committing commits something when the copy has begun to be written.
type committing struct {
	t    *testing.T
	s    store.Store
	copy bytes.Buffer
}

func (w *committing) Write(b []byte) (int, error) {
	if w.copy.Len() == 0 {
		put(w.t, w.s, "a", "while", "it runs")
	}
	return w.copy.Write(b)
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func compact(t *testing.T, fresh func(*testing.T) Place) {
	p := fresh(t)
	s := open(t, p)
	put(t, s, "a", "k", "v")
	for i := range 20 {
		put(t, s, "b", fmt.Sprint(i), string(make([]byte, 100_000)))
	}
	for i := range 20 {
		var b store.Batch
		b.Delete("b", []byte(fmt.Sprint(i)))
		require.NoError(t, s.Commit(&b))
	}
	shot, err := s.Snapshot()
	require.NoError(t, err)
	require.ErrorIs(t, s.Compact(t.Context()), store.ErrBusy)
	require.ErrorIs(t, s.Close(), store.ErrBusy)
	require.NoError(t, shot.Close())
	require.NoError(t, s.Compact(t.Context()))
	require.Equal(t, []string{"k=v"}, content(t, s, "a"))
	require.Empty(t, content(t, s, "b"))
	put(t, s, "a", "l", "w")
	require.NoError(t, s.Check(t.Context()))
	_, err = p.Open()
	require.ErrorIs(t, err, store.ErrLocked, "it is still the opener's alone")
	require.NoError(t, s.Close())
	require.Equal(t, []string{"k=v", "l=w"}, content(t, open(t, p), "a"))
}

func check(t *testing.T, fresh func(*testing.T) Place) {
	s := open(t, fresh(t))
	put(t, s, "a", "k", "v")
	shot, err := s.Snapshot()
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, shot.Close())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Check(ctx), context.Canceled)
}
