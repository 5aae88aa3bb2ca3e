// Package boltstore keeps a store in one file, by bbolt: a tree of pages that are never
// overwritten while they count, with two pages at the front of which the newer whole one
// says where the tree begins. A commit writes what changed into free pages, waits for the
// disk, writes one of the two pages, and waits again: that is two trips to the disk, for
// however many changes.
//
//	s, err := boltstore.Open("/var/lib/log/store")
//
// Beside the file lies another, with .lock at the end of its name, which the opener has
// locked and in which his process id stands. It stays when he is gone, and means nothing
// then.
//
// Values are kept with a checksum, so that what a disk has changed by itself is an error
// and not another value.
package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/vatnet/vatnet/internal/durably"
	"github.com/vatnet/vatnet/vat/store"
)

// What the store keeps for itself.
var (
	ownBucket = []byte("\x00store")
	formatKey = []byte("format")
)

// boltStore is an open store.
type boltStore struct {
	mu   sync.RWMutex // held for writing by Compact and Close, for reading by all who use db
	db   *bbolt.DB
	path string
	lock *os.File

	shots  atomic.Int64 // open snapshots
	failed atomic.Bool
	closed bool // guarded by mu
}

// Open opens the store in the file at path, and makes an empty one, of mode 0600, if there
// is none. The folder must exist.
//
// Errors: a *store.LockedError if it is open already; store.ErrFormat if a program of
// another time wrote it; store.ErrDamaged; or an error of the file system.
func Open(path string) (store.Store, error) {
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	s := &boltStore{path: path, lock: lock}
	if err = s.prepare(); err == nil {
		s.db, err = openDB(path)
	}
	if err != nil {
		_ = lock.Close() // the error to report is the other one
		return nil, err
	}
	return s, nil
}

// acquire locks the store at path.
func acquire(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("boltstore: whoever opens a store has to be able to write where it is: %w", err)
	}
	taken, err := tryLock(lock)
	if err == nil && taken {
		if err = sign(lock); err == nil {
			return lock, nil
		}
	}
	defer lock.Close()
	if err != nil {
		return nil, fmt.Errorf("boltstore: locking: %w", err)
	}
	text := make([]byte, 20)
	n, _ := lock.ReadAt(text, 0) // it ends before the 20 bytes do
	pid, _ := strconv.Atoi(string(text[:n]))
	return nil, &store.LockedError{Path: path, PID: pid}
}

// sign writes the process id into a lock. Where there is no room for that, what is in the store can be read all the same.
func sign(lock *os.File) error {
	pid := strconv.AppendInt(nil, int64(os.Getpid()), 10)
	_, err := lock.WriteAt(pid, 0) // over another one, which takes no room
	if err == nil {
		return lock.Truncate(int64(len(pid)))
	}
	if isFull(err) {
		err = lock.Truncate(0)
	}
	return err
}

// prepare removes what a crash left, and makes a store where there is none: under another
// name, so that the one that counts is never half made.
func (s *boltStore) prepare() error {
	for _, temp := range []string{s.path + newSuffix, s.path + compactSuffix} {
		if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("boltstore: %w", err)
		}
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = durably.Sync(filepath.Dir(s.path)) // whoever has made it may not have come to that
		}
		return err
	}
	db, err := openBolt(s.path+newSuffix, &bbolt.Options{})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		own, err := tx.CreateBucket(ownBucket)
		if err != nil {
			return err
		}
		return own.Put(formatKey, binary.BigEndian.AppendUint32(nil, store.Format))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return refusal(err)
	}
	return publish(s.path+newSuffix, s.path)
}

const (
	newSuffix     = ".new"
	compactSuffix = ".compact"
)

// publish gives a whole file the name that counts.
func publish(from, to string) error {
	if err := durably.Rename(from, to); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

// openDB opens a file that is there, and looks whether it is a store. What is damaged is
// found in a panic of bbolt, or in a fault of memory behind the end of the file; then the
// file is still mapped, which keeps the lock that bbolt has on it beyond its end.
func openDB(path string) (db *bbolt.DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, errors.Join(fmt.Errorf("%w: %v", store.ErrDamaged, r), unlock(file), file.Close())
		}
	}()
	if db, err = openBolt(path, &bbolt.Options{OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}}); err != nil {
		return nil, err
	}
	if err = db.View(recognize); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openBolt opens a bbolt file; opts are changed.
func openBolt(path string, opts *bbolt.Options) (*bbolt.DB, error) {
	opts.Timeout = time.Second // nobody else has it: the lock is ours
	opts.FreelistType = bbolt.FreelistMapType
	opts.InitialMmapSize = mapSize
	opts.NoStatistics = true
	db, err := bbolt.Open(path, 0o600, opts)
	switch {
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: it is no file of bbolt: %w", store.ErrDamaged, err)
	case err != nil:
		return nil, refusal(err)
	}
	db.AllocSize = growth
	return db, nil
}

// growth is by how many bytes the file grows at least, which costs a trip to the disk.
const growth = 1 << 20

// recognize looks whether a file is a whole store of a known format.
func recognize(tx *bbolt.Tx) error {
	info, err := os.Stat(tx.DB().Path())
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: the file is cut off", store.ErrDamaged)
	}
	own := tx.Bucket(ownBucket)
	if own == nil {
		return fmt.Errorf("%w: it is no store", store.ErrDamaged)
	}
	format := own.Get(formatKey)
	if len(format) != 4 {
		return fmt.Errorf("%w: it has no format", store.ErrDamaged)
	}
	if n := binary.BigEndian.Uint32(format); n != store.Format {
		return fmt.Errorf("%w: it is of format %d, and this program knows %d", store.ErrFormat, n, store.Format)
	}
	return nil
}

// use lets f use the store, unless it cannot be used.
func (s *boltStore) use(f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(); err != nil {
		return err
	}
	return f()
}

// usable returns why the store cannot be used. mu.
func (s *boltStore) usable() error {
	switch {
	case s.closed:
		return store.ErrClosed
	case s.failed.Load():
		return store.ErrFailed
	}
	return nil
}

// guarded calls f, which looks at pages. One that is damaged has bbolt panic, or is behind the end of the
// file, which is a fault of memory.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, r)
		}
	}()
	return f()
}

// Close implements store.Store.
func (s *boltStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if s.shots.Load() > 0 {
		return store.ErrBusy
	}
	s.closed = true
	var err error
	if s.db != nil { // nil: a Compact has failed in the middle
		err = s.db.Close()
	}
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}
