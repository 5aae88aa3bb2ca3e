// Package heap is the store of a durable vat as its turns see it: what was committed,
// changed by the turns that have ended since, changed by the turn that runs.
//
// A turn's changes are its own until it ends. [Heap.End] joins them to those of other
// turns, in a group that is committed together, or forgets them. [Heap.Cut] takes the
// group that has grown so far, for its one Commit; while that is under way the next one
// grows, on top of it. [Heap.Forget] drops everything that is not in the store.
package heap

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/vatnet/vatnet/vat/store"
)

// Heap is a store with what is still to be committed. Put, Delete, End and what reads are
// for who runs the vat's turns; Cut, Done and Forget are for who commits, maybe another
// goroutine at the same time.
type Heap struct {
	mu      sync.Mutex
	store   store.Store
	turn    map[string]change // of the turn that runs
	waiting map[string]change // of turns that have ended, and are not committed
	batch   *store.Batch      // the group that grows
	group   uint64            // its number
}

// change is what a key is to have.
type change struct {
	value   []byte
	deleted bool
	group   uint64 // in which it is committed
}

// Entry is a key and what it has. Both are only to be read.
type Entry struct{ Key, Value []byte }

// New returns a heap over a store, which stays the caller's to close.
func New(s store.Store) *Heap {
	return &Heap{store: s, turn: map[string]change{}, waiting: map[string]change{}, batch: new(store.Batch), group: 1}
}

// place is where a key of a bucket stands in the maps. Names of buckets have no zeros.
func place(bucket string, key []byte) string { return bucket + "\x00" + string(key) }

// Put gives a key a value, for the turn that runs. The value is the heap's from now on.
func (h *Heap) Put(bucket string, key, value []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn[place(bucket, key)] = change{value: value}
}

// Delete takes a key away, for the turn that runs.
func (h *Heap) Delete(bucket string, key []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn[place(bucket, key)] = change{deleted: true}
}

// Size returns how many bytes the growing group has.
func (h *Heap) Size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.batch.Size()
}

// End ends the turn that runs: its changes join the group that grows, or are forgotten. It
// reports whether there were any.
func (h *Heap) End(keep bool) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = len(h.turn) > 0
	if keep {
		for _, at := range slices.Sorted(maps.Keys(h.turn)) {
			bucket, key, _ := strings.Cut(at, "\x00")
			h.join(bucket, []byte(key), h.turn[at])
		}
	}
	clear(h.turn)
	return changed
}

// Join has changes that are no turn's join the group that grows. The batch is the heap's from now on.
func (h *Heap) Join(b *store.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range b.Ops() {
		h.join(op.Bucket, op.Key, change{value: op.Value, deleted: op.Delete})
	}
}

// join adds a change to the group that grows. With mu.
func (h *Heap) join(bucket string, key []byte, c change) {
	c.group = h.group
	h.waiting[place(bucket, key)] = c
	if c.deleted {
		h.batch.Delete(bucket, key)
	} else {
		h.batch.Put(bucket, key, c.value)
	}
}

// Cut takes the group that has grown: the caller commits the batch, and then calls Done
// with the number, or Forget.
func (h *Heap) Cut() (b *store.Batch, group uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, group = h.batch, h.group
	h.batch, h.group = new(store.Batch), h.group+1
	return b, group
}

// Commit commits what Cut took.
func (h *Heap) Commit(b *store.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return h.store.Commit(b)
}

// Done says that a group has been committed, and with it all before.
func (h *Heap) Done(group uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.waiting, func(_ string, c change) bool { return c.group <= group })
}

// Forget drops all that is not committed, but for what the turn that runs has changed.
func (h *Heap) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.waiting)
	h.batch = new(store.Batch)
}

// changed returns what the changes say of a key. With mu.
func (h *Heap) changed(at string) (c change, ok bool) {
	if c, ok = h.turn[at]; !ok {
		c, ok = h.waiting[at]
	}
	return c, ok
}

// Get returns what a key has; nil if nothing. An empty value is not nil.
func (h *Heap) Get(bucket string, key []byte) (value []byte, err error) {
	h.mu.Lock()
	c, ok := h.changed(place(bucket, key))
	h.mu.Unlock()
	if ok {
		return c.value, nil
	}
	err = h.read(func(s store.Snapshot) error {
		v, err := s.Get(bucket, key)
		value = bytes.Clone(v)
		return err
	})
	return value, err
}

// read has f look at what is committed. What has changed has to be looked up before, since
// it may be committed, and leave the changes, at any time.
func (h *Heap) read(f func(store.Snapshot) error) error {
	s, err := h.store.Snapshot()
	if err != nil {
		return err
	}
	err = f(s)
	if bad := s.Close(); err == nil {
		err = bad
	}
	return err
}

// ranged returns the changed keys of a bucket with a prefix, in their order, as they stand
// in the maps, and what the changes say.
func (h *Heap) ranged(bucket string, prefix []byte) (keys []string, changes map[string]change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	begin := place(bucket, prefix)
	changes = map[string]change{}
	for _, m := range []map[string]change{h.waiting, h.turn} {
		for at, c := range m {
			if strings.HasPrefix(at, begin) {
				changes[at] = c
			}
		}
	}
	return slices.Sorted(maps.Keys(changes)), changes
}
