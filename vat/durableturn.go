package vat

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
)

// run is userTurn for a vat with a store.
func (d *durable) run(del *delivery, j job) {
	err := d.begin(del, j)
	if err == nil {
		if del != nil {
			del.run()
		} else {
			j.run()
		}
		err = d.capture()
	}
	if err == nil {
		return
	}
	err = d.core.undone(err)
	d.abort(err)
	if del != nil {
		del.fail(err)
	} else {
		j.fail(err)
	}
}

// undone logs why a turn is undone that did not panic by itself, and returns what its caller is told: it is
// the store, or a fault of the program's.
func (c *core) undone(err error) error {
	if errors.Is(err, ErrNotKept) || errors.Is(err, errDamaged) {
		return c.incident("a turn was undone, as something cannot be kept, or be had from what was", err.Error())
	}
	c.log.Error("vat: a turn was undone, as the store does not work", "error", err)
	return ErrNotStored
}

// begin is the begin of a turn, of a delivery if it is one. Turn right.
func (d *durable) begin(del *delivery, j job) error {
	d.running.Store(true)
	d.turn++
	clear(d.touched)
	clear(d.passed)
	d.touched, d.hidden, d.reach = d.touched[:0], false, nil
	d.core.mu.Lock()
	broken := d.broken
	d.broken = false
	d.core.mu.Unlock()
	if broken {
		d.revert(func(r *resident) []byte { return r.safe })
	}
	if del != nil {
		return d.follow(del.t.obj.recv.Interface().(objecter))
	}
	switch j := j.(type) {
	case *collectJob, *dropAlarm:
		return nil // they change the store only
	case *alarmJob, *insistent:
		return nil // an object is touched when it is known
	case *unreferenced:
		return d.follow(j.recv.Interface().(objecter))
	case *whenJob:
		if j.of != nil {
			d.hidden = j.of.hidden
			return d.touchAll(j.of.objects)
		}
	}
	d.hidden = true
	return nil
}

// touch notes that the turn may change r, and sees to it that its fields are there.
func (d *durable) touch(r *resident) error { return d.follow(r.obj.Interface().(objecter)) }

// touchAll is touch for those of rs that are attached still.
func (d *durable) touchAll(rs []*resident) error {
	for _, r := range rs {
		if r.attached() {
			if err := d.touch(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// near is touch for what Near gives.
func (d *durable) near(obj any) bool {
	x, ok := obj.(durabler)
	if !ok || x.vatDurable().kept == nil {
		return true
	}
	err := d.touch(x.vatDurable().kept)
	if err != nil {
		d.core.log.Error("vat: a kept object cannot be had", "error", err)
	}
	return err == nil
}

// asks returns what the callbacks of the turn that runs may change.
func (d *durable) asks() *reach {
	if d.reach == nil {
		d.reach = &reach{hidden: d.hidden}
	}
	return d.reach
}

// capture takes what the turn has changed, at its end. Turn right.
func (d *durable) capture() error {
	err := d.captureFrom(0)
	if err == nil && d.hidden {
		err = d.lookAround()
	}
	if err != nil {
		return err
	}
	for _, s := range d.saves {
		s.r.last = s.record
	}
	if d.made >= max(fewObjects, d.live) && d.collecting == nil {
		d.made = 0
		d.hold(&heldJob{&collectJob{d: d, begin: true}})
	}
	if d.reach != nil {
		d.reach.objects, d.reach.hidden = slices.Clone(d.touched), d.hidden
	}
	return nil
}

// captureFrom takes what has changed of those that are touched, from the first-th on.
func (d *durable) captureFrom(first int) error {
	for i := first; i < len(d.touched); i++ { // capturing finds more
		if err := d.captureOne(d.touched[i]); err != nil {
			return err
		}
	}
	return nil
}

// captureOne takes what has changed of r, and touches what pointers lead to from there.
func (d *durable) captureOne(r *resident) error {
	if r.seen == d.turn || !r.loaded {
		return nil
	}
	r.seen = d.turn
	d.walk(r.obj.Elem(), r.typ.unkept)
	err := d.followAll()
	if err == nil {
		err = r.typ.flush(r)
	}
	if err != nil {
		return err
	}
	record, err := d.recorder.state(r)
	if err != nil {
		return fmt.Errorf("object %d, a %s: %w", r.id, r.typ.name, err)
	}
	if string(record) == string(r.last) {
		return nil
	}
	if err := d.touchBehind(r.last); err != nil {
		return err
	}
	d.heap.Put(bucketObjects, idKey(r.id), record)
	d.saves = append(d.saves, save{r, record})
	return nil
}

// touchBehind notes that the turn may have changed what a record of before leads to, and then
// taken the pointers away. Turn right.
func (d *durable) touchBehind(record []byte) error {
	if record == nil {
		return nil
	}
	_, _, rest, err := headOf(record)
	if err != nil {
		return err
	}
	in := cutter{b: rest}
	for n := in.uvarint(); n > 0 && !in.bad; n-- {
		if k := in.ref(); k.kind == keptNear && !in.bad {
			if r := d.objects.resident(k.id); r != nil {
				d.touched = append(d.touched, r)
			}
		}
	}
	return nil
}

// abort undoes the turn that runs, because of err. Turn right.
func (d *durable) abort(err error) {
	c := d.core
	failed := c.carry(err)
	c.lock()
	drops(c, d.effects, failed)
	d.effects = nil
	c.unlock()
	d.heap.End(false)
	d.forgetSaves()
	d.revert(func(r *resident) []byte { return r.last })
}

// revert sets the fields of all objects in memory as earlier records say. Objects that have
// none are as if they had never been durable. What cannot be read is so when it is next
// used.
func (d *durable) revert(to func(*resident) []byte) {
	d.epoch++
	all := d.objects.all()
	for _, r := range all {
		if r.last = to(r); r.last == nil {
			r.detach()
		} else if r.loaded {
			r.loaded = false
			d.loads = append(d.loads, r)
		}
	}
	if err := d.load(); err != nil {
		d.core.log.Error("vat: objects cannot be had as they were before a turn that was undone", "error", err)
	}
}

// load fills the fields of what is to be loaded, and of all that pointers lead to from there.
func (d *durable) load() error {
	var errs []error
	for len(d.loads) > 0 { // filling finds more
		r := d.loads[len(d.loads)-1]
		d.loads[len(d.loads)-1] = nil // nothing here may keep it in memory
		d.loads = d.loads[:len(d.loads)-1]
		if r.loaded {
			continue
		}
		if err := d.fill(r); err != nil {
			errs = append(errs, fmt.Errorf("object %d, a %s: %w", r.id, r.typ.name, err))
		}
	}
	return errors.Join(errs...)
}

// fill sets the fields of r as its last record says.
func (d *durable) fill(r *resident) (err error) {
	if err := d.decodeState(r); err != nil {
		return err
	}
	r.loaded = true
	for _, f := range r.typ.lists {
		r.obj.Elem().Field(f.index).SetZero()
	}
	r.typ.bind(r)
	x, ok := r.obj.Interface().(interface{ Revived() })
	if !ok {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			r.loaded, err = false, d.core.panicked(p)
		}
	}()
	x.Revived()
	return nil
}

// goroutineNumber returns the number of the calling goroutine.
func goroutineNumber() (n uint64) {
	var buf [40]byte
	const prefix = len("goroutine ")
	for _, b := range buf[prefix:runtime.Stack(buf[:], false)] {
		if b < '0' || b > '9' {
			break
		}
		n = 10*n + uint64(b-'0')
	}
	return n
}
