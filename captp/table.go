package captp

import "slices"

// idTable holds entries under ids that a peer chose. Small ids are found in a
// slice, others in a map: a peer cannot stretch anything by choosing a high one.
type idTable[T any] struct {
	dense  []*T
	sparse map[uint32]*T
	n      int
}

const denseIDs = 1024

func (t *idTable[T]) get(id uint32) *T {
	if int64(id) < int64(len(t.dense)) {
		return t.dense[id]
	}
	if t.sparse == nil {
		return nil
	}
	return t.sparse[id]
}

// put enters v under an id that is free.
func (t *idTable[T]) put(id uint32, v *T) {
	t.n++
	if id < denseIDs {
		for int(id) >= len(t.dense) {
			t.dense = append(t.dense, nil)
		}
		t.dense[id] = v
		return
	}
	if t.sparse == nil {
		t.sparse = make(map[uint32]*T)
	}
	t.sparse[id] = v
}

func (t *idTable[T]) remove(id uint32) {
	if id < denseIDs {
		if int(id) < len(t.dense) && t.dense[id] != nil {
			t.dense[id] = nil
			t.n--
		}
		return
	}
	if _, ok := t.sparse[id]; ok {
		delete(t.sparse, id)
		t.n--
	}
}

// all returns the entries in the order of their ids.
func (t *idTable[T]) all() []*T {
	out := make([]*T, 0, t.n)
	for _, v := range t.dense {
		if v != nil {
			out = append(out, v)
		}
	}
	for _, id := range sortedKeys(t.sparse) {
		out = append(out, t.sparse[id])
	}
	return out
}

// unsorted returns the entries.
func (t *idTable[T]) unsorted() []*T {
	out := make([]*T, 0, t.n)
	for _, v := range t.dense {
		if v != nil {
			out = append(out, v)
		}
	}
	for _, v := range t.sparse {
		out = append(out, v)
	}
	return out
}

func sortedKeys[V any](m map[uint32]V) []uint32 {
	ids := make([]uint32, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// ownTable holds entries under ids that this side chooses: always the lowest
// that was freed last, or the next.
type ownTable[T any] struct {
	entries []*T
	free    []uint32
	n       int
}

func (t *ownTable[T]) get(id uint32) *T {
	if int64(id) < int64(len(t.entries)) {
		return t.entries[id]
	}
	return nil
}

func (t *ownTable[T]) add(v *T) uint32 {
	t.n++
	if k := len(t.free); k > 0 {
		id := t.free[k-1]
		t.free = t.free[:k-1]
		t.entries[id] = v
		return id
	}
	t.entries = append(t.entries, v)
	return uint32(len(t.entries) - 1)
}

func (t *ownTable[T]) remove(id uint32) {
	t.entries[id] = nil
	t.free = append(t.free, id)
	t.n--
}
