package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
)

// Memory is a disk in memory: it keeps a store from one Open to the next, for as long as
// the process lives. The zero value is an empty one. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	buckets map[string]*tree // never changed, only replaced
	open    bool
	refuse  error
}

// Open opens the store. With it open already, the error is a *LockedError.
func (m *Memory) Open() (Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open {
		return nil, &LockedError{Path: "memory", PID: os.Getpid()}
	}
	m.open, m.refuse = true, nil
	return &memoryStore{disk: m}, nil
}

// Refuse has Commits fail from now on, as on a disk that fails with err: ErrFull, until
// Refuse(nil), any other error until the store is opened again.
func (m *Memory) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

// Restore fills the memory with what Backup wrote. The store must not be open.
func (m *Memory) Restore(r io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open {
		return &LockedError{Path: "memory", PID: os.Getpid()}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	buckets := map[string]*tree{}
	for len(data) > 0 {
		var fields [3][]byte
		for i := range fields {
			n, used := binary.Uvarint(data)
			if used <= 0 || n > uint64(len(data)-used) {
				return fmt.Errorf("%w: a copy that is cut off", ErrDamaged)
			}
			fields[i], data = data[used:][:n:n], data[used+int(n):]
		}
		name := string(fields[0])
		buckets[name] = buckets[name].put(fields[1], fields[2])
	}
	m.buckets = buckets
	return nil
}

// memoryStore is Memory from one Open to the Close.
type memoryStore struct {
	disk   *Memory
	closed bool // guarded by disk.mu, like all that follows
	failed bool
	shots  int // open snapshots
}

// usable returns why the store cannot be used. disk.mu.
func (s *memoryStore) usable() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.failed:
		return ErrFailed
	}
	return nil
}

// Commit implements Store.
func (s *memoryStore) Commit(b *Batch) error {
	if err := b.Valid(); err != nil {
		return err
	}
	m := s.disk
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.usable(); err != nil || b.Len() == 0 {
		return err
	}
	if m.refuse != nil {
		s.failed = !errors.Is(m.refuse, ErrFull)
		return m.refuse
	}
	buckets := map[string]*tree{}
	maps.Copy(buckets, m.buckets)
	for _, op := range b.Ops() {
		if op.Delete {
			buckets[op.Bucket] = buckets[op.Bucket].del(op.Key)
		} else {
			buckets[op.Bucket] = buckets[op.Bucket].put(op.Key, op.Value)
		}
	}
	m.buckets = buckets
	return nil
}

// Snapshot implements Store.
func (s *memoryStore) Snapshot() (Snapshot, error) {
	m := s.disk
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	s.shots++
	return &memorySnapshot{store: s, buckets: m.buckets}, nil
}

// Check implements Store: memory is never damaged.
func (s *memoryStore) Check(ctx context.Context) error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return ctx.Err()
}

// Backup implements Store: bucket, key, value of each entry, each with its length before it.
func (s *memoryStore) Backup(ctx context.Context, w io.Writer) error {
	shot, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = shot.Close() }() // it never fails
	buckets := shot.(*memorySnapshot).buckets
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		for c := shot.Cursor(name); c.Next() && ctx.Err() == nil; {
			for _, field := range [][]byte{[]byte(name), c.Key(), c.Value()} {
				out = append(binary.AppendUvarint(out, uint64(len(field))), field...)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// Compact implements Store: the garbage collector does it.
func (s *memoryStore) Compact(ctx context.Context) error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if s.shots > 0 {
		return ErrBusy
	}
	return ctx.Err()
}

// Close implements Store.
func (s *memoryStore) Close() error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if s.closed {
		return nil
	}
	if s.shots > 0 {
		return ErrBusy
	}
	s.closed, s.disk.open = true, false
	return nil
}

// memorySnapshot is the buckets as they were.
type memorySnapshot struct {
	store   *memoryStore
	buckets map[string]*tree
	closed  bool
}

// Get implements Snapshot.
func (s *memorySnapshot) Get(bucket string, key []byte) ([]byte, error) {
	if s.closed {
		return nil, ErrClosed
	}
	return s.buckets[bucket].get(key), nil
}

// Cursor implements Snapshot.
func (s *memorySnapshot) Cursor(bucket string) Cursor {
	return &memoryCursor{shot: s, tree: s.buckets[bucket], fresh: true}
}

// Close implements Snapshot.
func (s *memorySnapshot) Close() error {
	s.store.disk.mu.Lock()
	defer s.store.disk.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.store.shots--
	}
	return nil
}

// memoryCursor walks over a tree.
type memoryCursor struct {
	shot  *memorySnapshot
	tree  *tree
	at    *tree // nil: nowhere
	fresh bool  // it has not moved yet
}

func (c *memoryCursor) move(to *tree) bool {
	c.fresh = false
	if c.shot.closed {
		to = nil
	}
	c.at = to
	return to != nil
}

func (c *memoryCursor) Seek(key []byte) bool { return c.move(c.tree.from(key, false)) }
func (c *memoryCursor) Last() bool           { return c.move(c.tree.before(nil)) }

func (c *memoryCursor) Next() bool {
	if c.fresh {
		return c.Seek(nil)
	}
	return c.at != nil && c.move(c.tree.from(c.at.key, true))
}

func (c *memoryCursor) Prev() bool { return c.at != nil && c.move(c.tree.before(c.at.key)) }

func (c *memoryCursor) Key() []byte {
	if c.at == nil {
		return nil
	}
	return c.at.key
}

func (c *memoryCursor) Value() []byte {
	if c.at == nil {
		return nil
	}
	return c.at.value
}

func (c *memoryCursor) Err() error {
	if c.shot.closed {
		return ErrClosed
	}
	return nil
}
