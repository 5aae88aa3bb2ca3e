package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"

	"github.com/vatnet/vatnet/vat/store"
)

// sumSize is the size of the checksum in front of each value, of the key and the value.
const sumSize = 4

var sums = crc32.MakeTable(crc32.Castagnoli)

func sum(key, value []byte) uint32 { return crc32.Update(crc32.Checksum(key, sums), sums, value) }

// seal puts a value's checksum in front of it.
func seal(key, value []byte) []byte {
	sealed := make([]byte, 0, sumSize+len(value))
	return append(binary.BigEndian.AppendUint32(sealed, sum(key, value)), value...)
}

// unseal returns the value; store.ErrDamaged if it is another one than was put there.
func unseal(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sumSize || binary.BigEndian.Uint32(sealed) != sum(key, sealed[sumSize:]) {
		return nil, fmt.Errorf("%w: the value of a key is not what was put there", store.ErrDamaged)
	}
	return sealed[sumSize:], nil
}

// snapshot is a transaction that only reads.
type snapshot struct {
	store *boltStore
	tx    *bbolt.Tx // nil: closed
}

// Snapshot implements store.Store.
func (s *boltStore) Snapshot() (store.Snapshot, error) {
	var shot *snapshot
	err := s.use(func() error {
		tx, err := s.db.Begin(false)
		if err != nil {
			return fmt.Errorf("boltstore: %w", err)
		}
		s.shots.Add(1)
		shot = &snapshot{s, tx}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return shot, nil
}

// Get implements store.Snapshot.
func (s *snapshot) Get(bucket string, key []byte) (value []byte, err error) {
	if s.tx == nil {
		return nil, store.ErrClosed
	}
	err = guarded(func() (err error) {
		b := s.tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		if sealed := b.Get(key); sealed != nil {
			value, err = unseal(key, sealed)
		}
		return err
	})
	return value, err
}

// Cursor implements store.Snapshot.
func (s *snapshot) Cursor(bucket string) store.Cursor {
	c := &cursor{shot: s, fresh: true}
	if s.tx != nil {
		c.err = guarded(func() error {
			if b := s.tx.Bucket([]byte(bucket)); b != nil {
				c.bolt = b.Cursor()
			}
			return nil
		})
	}
	return c
}

// Close implements store.Snapshot.
func (s *snapshot) Close() error {
	if s.tx == nil {
		return nil
	}
	err := s.tx.Rollback()
	s.tx = nil
	s.store.shots.Add(-1)
	return err
}

// cursor walks over a bucket.
type cursor struct {
	shot       *snapshot
	bolt       *bbolt.Cursor // nil: there is no such bucket
	key, value []byte        // nil: it stands nowhere
	fresh      bool          // it has not moved yet
	err        error
}

// move makes a step.
func (c *cursor) move(step func() (key, sealed []byte)) bool {
	c.fresh, c.key, c.value = false, nil, nil
	switch {
	case c.err != nil:
	case c.shot.tx == nil:
		c.err = store.ErrClosed
	case c.bolt != nil:
		c.err = guarded(func() (err error) {
			if key, sealed := step(); key != nil {
				if c.value, err = unseal(key, sealed); err == nil {
					c.key = key
				}
			}
			return err
		})
	}
	return c.key != nil
}

// Seek implements store.Cursor, as the others do.
func (c *cursor) Seek(key []byte) bool {
	return c.move(func() ([]byte, []byte) {
		if key == nil {
			return c.bolt.First()
		}
		return c.bolt.Seek(key)
	})
}

func (c *cursor) Last() bool {
	return c.move(func() ([]byte, []byte) { return c.bolt.Last() })
}

func (c *cursor) Next() bool {
	if c.fresh {
		return c.Seek(nil)
	}
	return c.key != nil && c.move(func() ([]byte, []byte) { return c.bolt.Next() })
}

func (c *cursor) Prev() bool {
	return c.key != nil && c.move(func() ([]byte, []byte) { return c.bolt.Prev() })
}

func (c *cursor) Key() []byte   { return c.key }
func (c *cursor) Value() []byte { return c.value }
func (c *cursor) Err() error    { return c.err }
