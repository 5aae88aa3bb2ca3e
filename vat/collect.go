package vat

import "context"

// collector is a collection under way: it finds the durable objects to which there is no way any more, and removes
// them. It marks what roots, alarms, grants and everything in memory lead to, a slice at a
// time, each a turn among the others; what turns in between refer to anew is marked as they
// end. When a slice has looked at all roots and found nothing new, whatever is not marked
// cannot come back, and goes, again a slice at a time. Objects that are made meanwhile stay.
//
//	marking ── nothing new ──▶ sweeping ──▶ over
//	   └──────────── a slice was undone ─────▲
//
// It belongs to the holder of the turn right.
type collector struct {
	marked   map[uint64]struct{}
	todo     []uint64 // marked, and not looked at
	at       uint64   // object whose entries are being looked at; 0: none
	entries  []byte   // key behind those that were
	below    uint64   // objects from this id on are new
	sweeping bool
	swept    uint64 // the last id that was looked at
	removed  int
	wanted   *Resolver[int] // whom to tell of the end; may be nil
}

// collectSlice is how many objects, or pages of entries, are looked at in one turn.
var collectSlice = 64 // a test has smaller ones

// fewObjects is how many objects have to be made before a vat collects by itself.
const fewObjects = 4096

// Collect removes the durable objects to which there is no way any more, and returns how many
// there were. The vat does so by itself when as many objects were made as there had been;
// turns run meanwhile. It stops waiting when ctx ends. Errors: ErrNoStore, ErrNotStored, ErrClosed, and
// inside of a turn ErrInTurn.
func (v *Vat) Collect(ctx context.Context) (removed int, err error) {
	d := v.core.dur
	if d == nil {
		return 0, ErrNoStore
	}
	p, res := NewPromise[int](v)
	c := v.core
	c.lock()
	if err := c.refused; err != nil {
		c.unlock()
		return 0, err
	}
	c.pushJob(&collectJob{d: d, begin: true, wanted: res})
	c.leave()
	return p.Await(ctx)
}

// collectJob is the turn of one slice.
type collectJob struct {
	d      *durable
	begin  bool           // it begins a collection, behind the one that is under way
	wanted *Resolver[int] // whom to tell of the end of that; may be nil
	undone bool           // it ends the collection, for a slice was undone
}

func (j *collectJob) run() {
	d := j.d
	switch {
	case j.begin && d.collecting != nil: // that may have passed what has become unreachable since
		d.again = append(d.again, j)
		return
	case j.begin:
		must(d.beginCollection(j.wanted))
	case d.collecting == nil: // it has come to grief
		return
	case j.undone:
		d.endCollection(ErrNotStored)
		return
	}
	over, err := d.collecting.slice(d)
	must(err)
	if over {
		d.endCollection(nil)
	} else {
		d.hold(&heldSlice{d})
	}
}

// fail hears that the slice has come to grief.
func (j *collectJob) fail(err error) {
	if j.wanted != nil {
		j.wanted.Break(err)
	}
	if j.d.collecting != nil {
		j.d.endCollection(err)
	}
}

// heldSlice is the next slice.
type heldSlice struct{ d *durable }

func (h *heldSlice) apply(c *core)            { c.pushJob(&collectJob{d: h.d}) }
func (h *heldSlice) undo(c *core, _ *carried) { c.pushJob(&collectJob{d: h.d, undone: true}) }

// beginCollection begins one; wanted may be nil.
func (d *durable) beginCollection(wanted *Resolver[int]) error {
	if err := d.countIDs(); err != nil {
		return err
	}
	d.collecting = &collector{marked: map[uint64]struct{}{}, below: d.objects.next, wanted: wanted}
	d.made = 0
	return nil
}

// endCollection tells who waits, and begins another one for others who do.
func (d *durable) endCollection(err error) {
	x := d.collecting
	d.collecting, d.live = nil, len(x.marked)
	if x.wanted != nil && err != nil {
		x.wanted.Break(err)
	} else if x.wanted != nil {
		_ = x.wanted.Resolve(x.removed) // a number can be carried
	}
	for _, j := range d.again {
		d.hold(&heldJob{j})
	}
	d.again = nil
}

// slice does a part of what is to be done, and reports whether that was the last.
func (x *collector) slice(d *durable) (over bool, err error) {
	for range collectSlice {
		switch {
		case x.sweeping:
			over, err = x.sweep(d)
		case x.at != 0 || len(x.todo) > 0:
			err = x.look(d)
		default:
			if err = x.roots(d); err == nil && len(x.todo) == 0 {
				x.sweeping = true
			}
		}
		if over || err != nil {
			return over, err
		}
	}
	return false, nil
}

// mark notes that there is a way to an object.
func (x *collector) mark(id uint64) {
	if _, ok := x.marked[id]; !ok {
		x.marked[id] = struct{}{}
		x.todo = append(x.todo, id)
	}
}

// markRefs marks what a record refers to, whose head was taken off.
func (x *collector) markRefs(rest []byte) error {
	in := cutter{b: rest}
	for n := in.uvarint(); n > 0 && !in.bad; n-- {
		if r := in.ref(); (r.kind == keptNear || r.kind == keptGranted) && !in.bad {
			x.mark(r.id)
		}
	}
	if in.bad {
		return errDamaged
	}
	return nil
}

// roots marks where all ways begin.
func (x *collector) roots(d *durable) error {
	for _, r := range d.objects.all() {
		x.mark(r.id)
	}
	err := d.each(bucketRoots, func(_, id []byte) error {
		x.mark(idOf(id))
		return nil
	})
	for _, bucket := range []string{bucketAlarms, bucketCalls} {
		if err == nil {
			err = d.each(bucket, func(_, record []byte) error { return x.markRefs(record) })
		}
	}
	return err
}

// each calls f for each entry of a bucket.
func (d *durable) each(bucket string, f func(key, value []byte) error) error {
	var from []byte
	for {
		page, err := d.heap.Page(bucket, nil, from, entryPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e.Key, e.Value); err != nil {
				return err
			}
			from = append(e.Key, 0)
		}
		if len(page) < entryPage {
			return nil
		}
	}
}

// look looks at the record of the next object, or at a page of its entries.
func (x *collector) look(d *durable) error {
	if x.at == 0 {
		id := x.todo[len(x.todo)-1]
		x.todo = x.todo[:len(x.todo)-1]
		record, err := d.heap.Get(bucketObjects, idKey(id))
		if err != nil || record == nil { // new, and not stored yet: what it refers to is marked when it is
			return err
		}
		_, _, rest, err := headOf(record)
		if err != nil {
			return err
		}
		x.at, x.entries = id, nil
		return x.markRefs(rest)
	}
	page, err := d.heap.Page(bucketEntries, idKey(x.at), x.entries, entryPage)
	if err != nil {
		return err
	}
	for _, e := range page {
		if err := x.markRefs(e.Value); err != nil {
			return err
		}
		x.entries = append(e.Key, 0)
	}
	if len(page) < entryPage {
		x.at = 0
	}
	return nil
}

// sweep removes the next object that is not marked, with its entries, or a page of these.
func (x *collector) sweep(d *durable) (over bool, err error) {
	page, err := d.heap.Page(bucketObjects, nil, idKey(x.swept+1), entryPage)
	if err != nil || len(page) == 0 {
		return err == nil, err
	}
	for _, e := range page {
		id := idOf(e.Key)
		if id >= x.below {
			return true, nil
		}
		if _, ok := x.marked[id]; !ok {
			entries, err := d.heap.Page(bucketEntries, e.Key, nil, entryPage)
			for _, entry := range entries {
				d.heap.Delete(bucketEntries, entry.Key)
			}
			if err != nil || len(entries) == entryPage {
				return false, err // the object is still to go
			}
			d.heap.Delete(bucketObjects, e.Key)
			x.removed++
			x.swept = id
			return false, nil
		}
		x.swept = id
	}
	return false, nil
}
