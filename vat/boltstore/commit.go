package boltstore

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/vatnet/vatnet/vat/store"
)

// Commit implements store.Store.
func (s *boltStore) Commit(b *store.Batch) error {
	if err := b.Valid(); err != nil {
		return err
	}
	return s.use(func() error {
		if b.Len() == 0 {
			return nil
		}
		return guarded(func() error { return s.commit(b) })
	})
}

func (s *boltStore) commit(b *store.Batch) (err error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	id := tx.ID()
	whole := false
	defer func() {
		if !whole && err == nil { // a panic, of bbolt on what is damaged
			s.failed.Store(true)
		}
		_ = tx.Rollback() // after Commit it has nothing to do, which is an error
		if err != nil && !whole {
			err = s.refused(err, id)
		}
	}()
	if s.failed.Load() { // while we waited
		whole = true
		return store.ErrFailed
	}
	if err = apply(tx, b.Ops()); err == nil {
		err = tx.Commit()
	}
	whole = err == nil
	return err
}

// apply makes the changes in tx.
func apply(tx *bbolt.Tx, ops []store.Op) error {
	var bucket *bbolt.Bucket
	name := ""
	for _, op := range ops {
		if op.Bucket != name {
			var err error
			if bucket, err = tx.CreateBucketIfNotExists([]byte(op.Bucket)); err != nil {
				return err
			}
			name = op.Bucket
		}
		var err error
		if op.Delete {
			err = bucket.Delete(op.Key)
		} else {
			err = bucket.Put(op.Key, seal(op.Key, op.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refusal is err in the words of package store.
func refusal(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return fmt.Errorf("boltstore: %w", err)
}

// isFull reports whether it is room that was missing.
func isFull(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, diskFull}, func(full error) bool { return errors.Is(err, full) })
}

// refused is err, with which transaction id has failed, in the words of package store. The store is as it was if only room was
// missing, and the transaction's front page has not come to be; else it fails: a disk that fails otherwise may have
// kept anything, and may not tell a second time.
func (s *boltStore) refused(err error, id int) error {
	if isFull(err) && s.lastID() < id {
		return refusal(err)
	}
	s.failed.Store(true)
	return fmt.Errorf("boltstore: %w", err)
}

// lastID returns the last transaction whose front page there is.
func (s *boltStore) lastID() int {
	tx, err := s.db.Begin(false)
	if err != nil {
		return math.MaxInt
	}
	defer func() { _ = tx.Rollback() }() // it never fails
	return tx.ID()
}
