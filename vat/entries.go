package vat

import (
	"encoding/binary"
	"reflect"

	"github.com/vatnet/vatnet/internal/heap"
)

// entries is a field that is kept entry by entry, as List and Map have in common. Before
// its object is kept it is bound to nothing.
type entries struct {
	_     noCopy
	r     *resident // nil: not bound
	name  string
	epoch uint64 // of which what List and Map remember of the store is
}

// entryPage is how many entries an iteration takes into memory at a time.
const entryPage = 256

// bind implements collection.
func (f *entries) bind(r *resident, name string) bool {
	if f.r == r {
		return false
	}
	f.r, f.name, f.epoch = r, name, r.dur.epoch-1
	return true
}

// bound reports whether the entries are in the store, and whether what is remembered of them
// has to be read again.
func (f *entries) bound() (bound, stale bool) {
	if f.r != nil && !f.r.attached() {
		f.r = nil // what bound it was undone
	}
	if f.r == nil {
		return false, false
	}
	stale = f.epoch != f.r.dur.epoch
	f.epoch = f.r.dur.epoch
	return true, stale
}

// key returns the key of an entry, for an empty one what all keys begin with.
func (f *entries) key(entry []byte) []byte {
	k := make([]byte, 0, 9+len(f.name)+len(entry))
	k = binary.BigEndian.AppendUint64(k, f.r.id)
	k = append(append(k, byte(len(f.name))), f.name...)
	return append(k, entry...)
}

// entry returns what follows the prefix in a key.
func (f *entries) entry(key []byte) []byte { return key[9+len(f.name):] }

// put, get, remove, page and last are the heap's. What goes wrong undoes the turn.
func (f *entries) put(entry []byte, v reflect.Value) {
	value, err := f.r.dur.recorder.record(nil, v)
	must(err)
	f.r.dur.heap.Put(bucketEntries, f.key(entry), value)
}

func (f *entries) get(entry []byte, into any) bool {
	value, err := f.r.dur.heap.Get(bucketEntries, f.key(entry))
	must(err)
	if value != nil {
		f.decode(value, into)
	}
	return value != nil
}

func (f *entries) remove(entry []byte) { f.r.dur.heap.Delete(bucketEntries, f.key(entry)) }

func (f *entries) page(from []byte, n int) []heap.Entry {
	page, err := f.r.dur.heap.Page(bucketEntries, f.key(nil), f.key(from), n)
	must(err)
	return page
}

func (f *entries) last() []byte {
	key, err := f.r.dur.heap.Last(bucketEntries, f.key(nil))
	must(err)
	return key
}

// decode decodes an entry, with all that pointers in it lead to.
func (f *entries) decode(value []byte, into any) {
	d := f.r.dur
	must(newReviver(d).read(value, into))
	must(d.load())
}

// clear implements collection.
func (f *entries) clear() {
	const most = 16 * entryPage // each page looks at all that the turn has removed
	var from []byte
	for {
		page := f.page(from, most)
		for _, e := range page {
			from = append(f.entry(e.Key), 0) // behind it
			f.remove(f.entry(e.Key))
		}
		if len(page) < most {
			return
		}
	}
}

// must undoes the turn if there is an error.
func must(err error) {
	if err != nil {
		panic(undoing{err})
	}
}

// caught, deferred, gives the error for which must would undo the turn.
func caught(err *error) {
	switch p := recover().(type) {
	case nil:
	case undoing:
		*err = p.error
	default:
		panic(p)
	}
}

// undoing is what the turn panics with that is to be undone because of an error.
type undoing struct{ error }
