package vat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
)

// MapKey is what keys of a [Map] may be.
type MapKey interface {
	~string | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Map is a field of a [Durable] object that is kept entry by entry, as a [List] is, whose
// rules hold for it, too. The zero value is an empty map. Keys that are text have 3800 bytes at most.
type Map[K MapKey, V any] struct {
	entries
	loose map[K]V // what is in it, while it is not bound
	count uint64
}

// countKey is the place of the number of entries; keys of entries begin with keyMark.
var countKey = []byte{0}

const keyMark = 1

// maxTextKey leaves room for what stands before it in the store.
const maxTextKey = 3800

// flush implements collection.
func (m *Map[K, V]) flush() { m.kept() }

// kept reports whether the entries are in the store; then count is right.
func (m *Map[K, V]) kept() bool {
	bound, stale := m.bound()
	if !bound {
		return false
	}
	if stale {
		m.count = 0
		m.get(countKey, &m.count)
	}
	if loose := m.loose; loose != nil {
		m.loose = nil
		m.r.onLoose(func() { m.r, m.loose = nil, loose })
		for k, v := range loose {
			m.Set(k, v)
		}
	}
	return true
}

// place is the key of an entry in the store, in the order of the keys.
func (m *Map[K, V]) place(k K) []byte {
	v := reflect.ValueOf(k)
	switch {
	case v.Kind() == reflect.String:
		if v.Len() > maxTextKey {
			must(fmt.Errorf("%w: a key of %d bytes", ErrNotKept, v.Len()))
		}
		return append([]byte{keyMark}, v.String()...)
	case v.CanInt():
		return binary.BigEndian.AppendUint64([]byte{keyMark}, uint64(v.Int())^1<<63)
	default:
		return binary.BigEndian.AppendUint64([]byte{keyMark}, v.Uint())
	}
}

// keyAt is the reverse.
func (m *Map[K, V]) keyAt(place []byte) (k K) {
	v := reflect.ValueOf(&k).Elem()
	switch place = place[1:]; {
	case v.Kind() == reflect.String:
		v.SetString(string(place))
	case len(place) != 8:
		must(fmt.Errorf("%w: a key of a map", errDamaged))
	case v.CanInt():
		v.SetInt(int64(binary.BigEndian.Uint64(place) ^ 1<<63))
	default:
		v.SetUint(binary.BigEndian.Uint64(place))
	}
	return k
}

// Len returns how many entries there are.
func (m *Map[K, V]) Len() int {
	if !m.kept() {
		return len(m.loose)
	}
	return int(m.count)
}

// Get returns what a key has, and whether it has anything.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	if !m.kept() {
		v, ok = m.loose[k]
		return v, ok
	}
	return v, m.get(m.place(k), &v)
}

// Set gives a key a value.
func (m *Map[K, V]) Set(k K, v V) {
	if !m.kept() {
		if m.loose == nil {
			m.loose = map[K]V{}
		}
		m.loose[k] = v
		return
	}
	place := m.place(k)
	if !m.has(place) {
		m.add(1)
	}
	m.put(place, reflect.ValueOf(&v).Elem())
}

// Delete takes a key away, if it is there.
func (m *Map[K, V]) Delete(k K) {
	if !m.kept() {
		delete(m.loose, k)
		return
	}
	if place := m.place(k); m.has(place) {
		m.remove(place)
		m.add(^uint64(0))
	}
}

func (m *Map[K, V]) has(place []byte) bool {
	value, err := m.r.dur.heap.Get(bucketEntries, m.key(place))
	must(err)
	return value != nil
}

func (m *Map[K, V]) add(n uint64) {
	m.count += n
	m.put(countKey, reflect.ValueOf(&m.count).Elem())
}

// Clear removes all entries.
func (m *Map[K, V]) Clear() {
	if m.kept() {
		m.entries.clear()
	}
	m.loose, m.count = nil, 0
}

// All iterates over the entries in the order of their keys. What is added or removed meanwhile is seen
// or not.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if !m.kept() {
			for _, k := range slices.SortedFunc(maps.Keys(m.loose), cmp.Compare[K]) {
				if v, ok := m.loose[k]; ok && !yield(k, v) {
					return
				}
			}
			return
		}
		from := []byte{keyMark}
		for {
			page := m.page(from, entryPage)
			for _, e := range page {
				from = append(m.entry(e.Key), 0) // behind it
				var v V
				m.decode(e.Value, &v)
				if !yield(m.keyAt(m.entry(e.Key)), v) {
					return
				}
			}
			if len(page) < entryPage {
				return
			}
		}
	}
}
