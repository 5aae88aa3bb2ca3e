package vat

import (
	"encoding/binary"
	"fmt"
	"iter"
	"reflect"
)

// List is a field of a [Durable] object that is kept entry by entry: to append to one of a
// million costs no more than to one of ten, and it takes no memory to speak of. Its entries may
// be whatever fields may be. The zero value is an empty list.
//
//	type Log struct {
//		vat.Durable
//		Lines vat.List[Entry]
//	}
//
// It belongs to its object, and is for turns only. In an object that is not kept, for
// instance in a vat without a store, it is a slice. Each entry that is taken out is a copy, as
// a message's would be, but for pointers to durable objects. When the store fails, or an
// entry cannot be kept, its methods panic, which undoes the turn.
type List[T any] struct {
	entries
	loose []T    // what is in it, while it is not bound
	first uint64 // place of the first entry
	count uint64
}

// flush implements collection.
func (l *List[T]) flush() { l.kept() }

// kept reports whether the entries are in the store; then first and count are right.
func (l *List[T]) kept() bool {
	bound, stale := l.bound()
	if !bound {
		return false
	}
	if stale {
		l.first, l.count = 0, 0
		if last := l.last(); last != nil {
			l.first = binary.BigEndian.Uint64(l.entry(l.page(nil, 1)[0].Key))
			l.count = binary.BigEndian.Uint64(l.entry(last)) - l.first + 1
		}
	}
	if loose := l.loose; loose != nil {
		l.loose = nil
		l.r.onLoose(func() { l.r, l.loose = nil, loose })
		l.Append(loose...)
	}
	return true
}

// place is the key of an entry.
func (l *List[T]) place(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, l.first+i) }

// Len returns how many entries there are.
func (l *List[T]) Len() int {
	if !l.kept() {
		return len(l.loose)
	}
	return int(l.count)
}

// Append adds entries at the end.
func (l *List[T]) Append(xs ...T) {
	if !l.kept() {
		l.loose = append(l.loose, xs...)
		return
	}
	for i := range xs {
		l.put(l.place(l.count), reflect.ValueOf(&xs[i]).Elem())
		l.count++
	}
}

// At returns the i-th entry. It panics if there is none.
func (l *List[T]) At(i int) (x T) {
	if !l.kept() {
		return l.loose[i]
	}
	l.check(i)
	if !l.get(l.place(uint64(i)), &x) {
		must(fmt.Errorf("%w: entry %d of a list is missing", errDamaged, i))
	}
	return x
}

// Set replaces the i-th entry. It panics if there is none.
func (l *List[T]) Set(i int, x T) {
	if !l.kept() {
		l.loose[i] = x
		return
	}
	l.check(i)
	l.put(l.place(uint64(i)), reflect.ValueOf(&x).Elem())
}

func (l *List[T]) check(i int) {
	if i < 0 || uint64(i) >= l.count {
		panic(fmt.Sprintf("vat: there is no entry %d in a List of %d", i, l.count))
	}
}

// DropFirst removes the first n entries, or all if there are not as many. The one that was
// behind them is the first.
func (l *List[T]) DropFirst(n int) {
	n = max(0, min(n, l.Len()))
	if !l.kept() {
		l.loose = append([]T(nil), l.loose[n:]...)
		return
	}
	for i := range uint64(n) {
		l.remove(l.place(i))
	}
	l.first, l.count = l.first+uint64(n), l.count-uint64(n)
}

// All iterates over the entries with their places, in their order. What changes meanwhile is seen or
// not; the list must not get shorter.
func (l *List[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		if !l.kept() {
			for i, x := range l.loose {
				if !yield(i, x) {
					return
				}
			}
			return
		}
		for i := 0; i < int(l.count); {
			page := l.page(l.place(uint64(i)), entryPage)
			if len(page) == 0 {
				must(fmt.Errorf("%w: entry %d of a list is missing", errDamaged, i))
			}
			for _, e := range page {
				var x T
				l.decode(e.Value, &x)
				if !yield(i, x) {
					return
				}
				i++
			}
		}
	}
}
