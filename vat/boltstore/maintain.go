package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/vatnet/vatnet/vat/store"
)

// Check implements store.Store. Commits wait for it: bbolt's check of pages looks at what
// they change.
func (s *boltStore) Check(ctx context.Context) error {
	return s.use(func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		tx, err := s.db.Begin(true)
		if err != nil {
			return fmt.Errorf("boltstore: %w", err)
		}
		defer func() { _ = tx.Rollback() }() // nothing was written
		if err := checkValues(ctx, tx); err != nil {
			return err
		}
		var damage error
		for fault := range tx.Check() { // to its end, or its goroutine stays
			if damage == nil {
				damage = fmt.Errorf("%w: %w", store.ErrDamaged, fault)
			}
		}
		return damage
	})
}

// checkValues compares all values with their checksums. It comes before bbolt's own check,
// which reads the same pages on a goroutine of its own, where a page that is none would be
// the end of the program.
func checkValues(ctx context.Context, tx *bbolt.Tx) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, r)
		}
	}()
	if err := recognize(tx); err != nil {
		return err
	}
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(key, sealed []byte) error {
			if name[0] == 0 {
				return ctx.Err()
			}
			if _, err := unseal(key, sealed); err != nil {
				return fmt.Errorf("bucket %q, key %x: %w", name, key, err)
			}
			return ctx.Err()
		})
	})
}

// Backup implements store.Store.
func (s *boltStore) Backup(ctx context.Context, w io.Writer) error {
	shot, err := s.Snapshot()
	if err != nil {
		return err
	}
	p := &patient{ctx: ctx, w: w}
	_, err = shot.(*snapshot).tx.WriteTo(p)
	return errors.Join(cmp.Or(p.err, err), shot.Close())
}

// patient writes until its context ends. It keeps the error, of which bbolt passes on the
// text.
type patient struct {
	ctx context.Context
	w   io.Writer
	err error
}

func (p *patient) Write(b []byte) (n int, err error) {
	if p.err = p.ctx.Err(); p.err == nil {
		n, p.err = p.w.Write(b)
	}
	return n, p.err
}

// Restore makes the file at path from what Backup has written to r. It appears whole and
// checked, or not at all. A store that exists is not replaced: the error wraps fs.ErrExist.
func Restore(path string, r io.Reader) error {
	lock, err := acquire(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "restore", Path: path, Err: fs.ErrExist}
	}
	temp := path + newSuffix
	if err := fill(temp, r); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return publish(temp, path)
}

// fill makes a file from r, and looks whether it is a store.
func fill(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	n, err := io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	if n == 0 { // of which bbolt would make a new file
		return fmt.Errorf("%w: the copy is empty", store.ErrDamaged)
	}
	db, err := openDB(path)
	if err != nil {
		return err
	}
	s := &boltStore{db: db}
	return errors.Join(s.Check(context.Background()), db.Close())
}

// compactBatch is how many bytes Compact copies in one transaction.
const compactBatch = 4 << 20

// Compact implements store.Store. It copies the store into another file, which then takes
// its place.
func (s *boltStore) Compact(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.usable(), ctx.Err()); err != nil {
		return err
	}
	if s.shots.Load() > 0 {
		return store.ErrBusy
	}
	temp := s.path + compactSuffix
	if err := guarded(func() error { return copyTo(temp, s.db) }); err != nil {
		return errors.Join(refusal(err), os.Remove(temp))
	}
	err := s.db.Close()
	s.db = nil
	if err == nil {
		err = publish(temp, s.path)
	}
	if err == nil {
		s.db, err = openDB(s.path)
	}
	if err != nil {
		s.failed.Store(true)
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

// copyTo writes all of db into a new file, and waits for the disk once, at the end.
func copyTo(path string, db *bbolt.DB) error {
	dst, err := openBolt(path, &bbolt.Options{NoSync: true, NoGrowSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(dst, db, compactBatch)
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
