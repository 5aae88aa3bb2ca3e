// Package store is what a durable vat keeps its memory in: named buckets of small keys and
// values, in order, changed in batches that are whole and on the disk when Commit returns,
// or not at all.
//
// It is narrow on purpose. A backend has to do two things: apply a [Batch] so that it
// survives a crash of the machine, and show what had been committed at one moment, as a
// [Snapshot]. Whoever wants to read what he has not committed yet looks into his own
// batch first. Whoever wants many small changes to share one trip to the disk joins their
// batches, and commits once: one Commit is one fsync, or as many as the backend needs.
//
//	b := new(store.Batch)
//	b.Put("log", key, line)
//	b.Delete("drafts", key)
//	err := s.Commit(b) // nil: both have happened, and will have happened after a crash
//
// vat/boltstore keeps a store in a file. [Memory] keeps one in memory, for tests. Package
// storetest has the tests that every backend has to pass.
package store

import (
	"context"
	"io"
)

const (
	// MaxBucket is how long the name of a bucket may be, in bytes. It is not empty, and
	// does not begin with a zero byte: such names are for what backends keep themselves.
	MaxBucket = 64
	// MaxKey is how long a key may be, in bytes. It is not empty.
	MaxKey = 4096
	// MaxValue is how long a value may be, in bytes. It may be empty.
	MaxValue = 16 << 20
)

// Format is the version of the format of stores: what every backend records in a new one,
// and finds in one that it opens. It changes when an older program could misread a store.
const Format = 1

// Store is an open store. Its opener has it alone: while it is open nobody else, in this
// process or another, can open it. Its methods are safe for concurrent use.
type Store interface {
	// Commit applies a batch, the whole of it or nothing, and returns when it would survive
	// a crash of the machine. Batches that are committed at the same time are applied one
	// after the other, in some order. The empty batch is free.
	//
	// ErrFull, ErrName, ErrTooLarge and ErrClosed leave the store as it was, and a later
	// Commit may succeed. After any other error, of the disk, it is open whether the batch
	// is there: the store fails, and refuses everything but Close with ErrFailed, until it
	// is opened again.
	//
	// It may wait until a snapshot is closed: who has one open does not wait for a Commit.
	Commit(b *Batch) error

	// Snapshot shows what was committed before it was called, and nothing of what is
	// committed later. Close it soon, as it keeps the room of what is overwritten. Errors:
	// ErrClosed, ErrFailed.
	Snapshot() (Snapshot, error)

	// Check reads everything and reports what is damaged, wrapping ErrDamaged. Commits may
	// wait for it. When ctx ends it gives up as soon as it can, with the error of ctx.
	Check(ctx context.Context) error

	// Backup writes a copy, as of the moment of the call, from which the backend can open
	// a store with the same content. Commits go on meanwhile, unless they have to wait for
	// it as for a snapshot.
	Backup(ctx context.Context, w io.Writer) error

	// Compact gives room that is not used any more back to the file system. Commits and
	// new snapshots wait for it; with a snapshot open it is refused, with ErrBusy. A
	// crash during it leaves the store as it was before, or as after.
	Compact(ctx context.Context) error

	// Close waits for Commits that are under way, and lets others open the store. With a
	// snapshot open it does nothing, and returns ErrBusy. Close more than once is as once.
	Close() error
}

// Snapshot is a store at one moment. It is for one goroutine at a time. All slices that
// it and its cursors give are only to be read, and only until it is closed.
type Snapshot interface {
	// Get returns the value of a key; nil if there is none. An empty value is not nil.
	// Errors: ErrDamaged, ErrClosed.
	Get(bucket string, key []byte) ([]byte, error)
	// Cursor returns a cursor in front of a bucket's first key. A bucket that does not
	// exist is an empty one.
	Cursor(bucket string) Cursor
	// Close ends the snapshot and its cursors. Close more than once is as once.
	Close() error
}

// Cursor walks over the keys of a bucket in their order, that of bytes.Compare.
//
//	for ok := c.Seek(prefix); ok && bytes.HasPrefix(c.Key(), prefix); ok = c.Next() {
type Cursor interface {
	// Seek goes to the first key that is key or comes after it; nil means the first key of
	// all. It reports whether there is one.
	Seek(key []byte) bool
	// Last goes to the last key, and reports whether there is one.
	Last() bool
	// Next goes to the following key, and reports whether there is one. The first Next of
	// a new cursor goes to the first key.
	Next() bool
	// Prev goes to the key before, and reports whether there is one.
	Prev() bool
	// Key returns where the cursor stands; nil after a false.
	Key() []byte
	// Value returns the value there; nil after a false.
	Value() []byte
	// Err returns what went wrong with a step that reported false; nil if there was just
	// nothing there.
	Err() error
}
