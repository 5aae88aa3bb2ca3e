package vat

import (
	"fmt"
	"reflect"
	"slices"
	"weak"
)

// Durable makes the Go type that embeds it an [Object] that outlives the process, in a
// vat that has a store ([Config.Store], or one that was opened from a directory):
//
//	type Log struct {
//		vat.Durable
//		Title string
//		Lines vat.List[Entry]
//	}
//
//	func init() { vat.Register[Log]("log") }
//
//	log, err := vat.Root(v, "log", func() *Log { return &Log{Title: "E"} })
//
// Its exported fields are its state. They hold whatever a message could, pointers to
// other durable objects, and references: a near one to a durable object, or a far one
// that came of [Vat.Enliven]. The latter outlives its session: used after that has ended, it is enlivened
// anew. (What was under way on it has broken.) Fields that are not exported, or have the tag `vat:"-"`,
// are not kept: they are zero when the object is made anew from the store, which may
// happen at any time between two turns if nothing refers to it. What is large belongs into a
// [List] or a [Map], which are kept entry by entry.
//
// A turn is a transaction. Whatever it changed is in the store before anything that it
// sent, resolved or returned can be seen by anybody, and the turns of a vat take
// effect in their order. A turn that panics, or whose changes cannot be stored, has never
// been: what it sent is not sent, its promise breaks, and all exported fields are what
// they were before. A method that returns an error has had its turn.
//
// A turn may change the object whose method runs, be it durable or not, and those to which pointers lead
// from its fields, from object to object: also by way of structs, slices, maps and interfaces in their fields,
// and of entries taken out of a List or Map. It may change what [Near] gave it, and the callback of a [When] what the turn could
// that called When. Anything else it sends to; or it says so, by [Changed], if it has a pointer that
// nobody can see: out of a closure, a channel or a variable, from behind a pointer to what is no object,
// or from beside a field of package sync. A change that nobody sees and nobody says may be lost. The vat looks for such, at every
// object in small vats and at a few each time in others, and complains in its log.
//
// What has changed is found by comparing: a turn costs what all that it may have changed takes to be encoded,
// however many other objects there are. So keep objects small, and let references or a Map lead to many, not pointers.
//
// What a turn does to sturdyrefs is a part of it: what it enlivens, exports, publishes, mints and rotates is so when it is
// committed. [Grant.Revoke] severs at once, and is not undone. Not part of it is what else goes
// beyond the vat's sends and objects, [Vat.Heal] among that.
//
// An object is kept from when a kept one first refers to it for as long as there is a way
// to it: from a root, or from anything in memory.
//
// The optional hook Revived() runs, in a turn, whenever the exported fields have come
// from the store: to make anew what is in the others.
type Durable struct {
	Object
	kept *resident
}

func (d *Durable) vatDurable() *Durable { return d }

// durabler is implemented by pointers to what embeds Durable.
type durabler interface {
	objecter
	vatDurable() *Durable
}

// resident is a durable object in memory. It belongs to the holder of the turn right. The
// object leads to it, and it to the object: both go when nothing else leads to either.
type resident struct {
	id   uint64
	dur  *durable
	typ  *durableType
	obj  reflect.Value // the pointer
	self *hosted

	last   []byte // its record, as of the last turn that has ended; nil: there is none yet
	safe   []byte // its record, as of the last commit
	loaded bool   // its fields are those of the record, or newer
	seen   uint64 // turn that has captured it
	found  uint64 // turn in which a pointer was found to it

	// Guarded by the machine right, as safe is while commits are under way.
	loosen []func() // give its lists and maps back what they had before it was kept, the last first
}

// attached reports whether r is what its object is known as.
func (r *resident) attached() bool { return r.obj.Interface().(durabler).vatDurable().kept == r }

// onLoose has f called if it turns out that the object was never kept. In a turn.
func (r *resident) onLoose(f func()) {
	mu := &r.dur.core.mu
	mu.Lock()
	defer mu.Unlock()
	if r.safe == nil {
		r.loosen = append(r.loosen, f)
	}
}

// stored notes a record of the object that has been committed. Machine right.
func (r *resident) stored(record []byte) { r.safe, r.loosen = record, nil }

// detach has the object never have been durable. Turn right.
func (r *resident) detach() {
	delete(r.dur.objects.byID, r.id)
	r.obj.Interface().(durabler).vatDurable().kept = nil
	mu := &r.dur.core.mu
	mu.Lock()
	loosen := r.loosen
	r.loosen = nil
	mu.Unlock()
	for _, f := range slices.Backward(loosen) {
		f()
	}
}

// objects are the durable objects of a vat that are in memory.
type objects struct {
	byID map[uint64]weak.Pointer[resident]
	ring []weak.Pointer[resident] // the same, and some that are gone, for sample
	at   int                      // where that goes on
	room int                      // how many there may be before those that are gone are looked for
	next uint64                   // id
}

// resident returns the object with an id, if it is in memory.
func (o *objects) resident(id uint64) *resident { return o.byID[id].Value() }

// add notes that r is in memory.
func (o *objects) add(r *resident) {
	if len(o.byID) >= max(o.room, 1024) {
		for id, p := range o.byID {
			if p.Value() == nil {
				delete(o.byID, id)
			}
		}
		o.ring = slices.DeleteFunc(o.ring, func(p weak.Pointer[resident]) bool { return p.Value() == nil })
		o.room = 2 * len(o.byID)
	}
	o.byID[r.id] = weak.Make(r)
	o.ring = append(o.ring, o.byID[r.id])
}

// all returns those that are in memory.
func (o *objects) all() (list []*resident) {
	for _, p := range o.byID {
		if r := p.Value(); r != nil {
			list = append(list, r)
		}
	}
	return list
}

// attach returns what x, an object of this vat's, is known as, making it durable if it is
// not yet. It is called in turns.
func (d *durable) attach(x durabler) (*resident, error) {
	if r := x.vatDurable().kept; r != nil && r.dur == d {
		return r, nil
	}
	h, err := d.core.host(x)
	if err != nil {
		return nil, err
	}
	typ, err := durableTypeOf(h.recv.Type().Elem())
	if err != nil {
		return nil, err
	}
	id, err := d.newID()
	if err != nil {
		return nil, err
	}
	r := &resident{id: id, dur: d, typ: typ, obj: h.recv, self: h, loaded: true}
	x.vatDurable().kept = r
	d.objects.add(r)
	d.made++
	typ.bind(r)
	return r, nil
}

// newID returns an id that no object has or had in this incarnation.
func (d *durable) newID() (uint64, error) {
	if err := d.countIDs(); err != nil {
		return 0, err
	}
	d.objects.next++
	return d.objects.next - 1, nil
}

// countIDs finds out which ids were given out by earlier incarnations.
func (d *durable) countIDs() error {
	if d.objects.next != 0 {
		return nil
	}
	last, err := d.heap.Last(bucketObjects, nil)
	if err != nil {
		return err
	}
	d.objects.next = 1
	if last != nil {
		d.objects.next = idOf(last) + 1
	}
	return nil
}

// find returns the object with an id. Its fields are those of the store only after load.
func (d *durable) find(id uint64) (*resident, error) {
	if r := d.objects.resident(id); r != nil {
		return r, nil
	}
	record, err := d.heap.Get(bucketObjects, idKey(id))
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, fmt.Errorf("%w: there is no object %d", errDamaged, id)
	}
	typ, err := typeOfRecord(record)
	if err != nil {
		return nil, err
	}
	obj := reflect.New(typ.typ)
	x := obj.Interface().(durabler)
	h, err := d.core.host(x)
	if err != nil {
		return nil, err
	}
	r := &resident{id: id, dur: d, typ: typ, obj: obj, self: h, last: record, safe: record}
	x.vatDurable().kept = r
	d.objects.add(r)
	return r, nil
}
