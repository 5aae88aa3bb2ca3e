package vat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/vatnet/vatnet/internal/value"
)

// Alarm is a send that is to happen later: see [Vat.After]. It can be kept in a field, and
// sent. The zero Alarm is none.
type Alarm struct {
	At     time.Time // when it is due
	Number uint64
}

// After has verb sent to an object, with args, once d has passed, also if the vat is closed or killed
// meanwhile: then when it is up again. The object is durable, or a far one that came of
// [Vat.Enliven]; the arguments are what a field of a durable object could hold.
//
// In a turn it is a part of that: an alarm that an undone turn has set is not set.
// Elsewhere it returns when the alarm is stored. If the object is durable, the alarm is
// gone in the very turn in which the method runs, so that it runs once, whatever happens. A
// far one is sent to again, a second and up to ten minutes later, as long as the send was certainly not delivered
// ([ErrNotDelivered]), but not if its outcome is unknown, which it also is if the vat is killed meanwhile.
// That, and a failure, goes to Config.Logger. Errors: ErrNoStore, ErrNotKept, ErrNotStored, ErrClosed;
// ErrInTurn in a turn of another vat.
func (v *Vat) After(d time.Duration, to *Ref, verb string, args ...any) (Alarm, error) {
	dur := v.core.dur
	if dur == nil {
		return Alarm{}, ErrNoStore
	}
	at := v.core.now().Add(d)
	return inTurnOf(v, func() (Alarm, error) { return dur.setAlarm(at, to, verb, args) })
}

// Silence takes an alarm back, and reports whether it was still to come, or to come again. One that is under way to another
// vat may arrive, and is not sent again. In a turn that is a
// part of it, as with [Vat.After]. Errors: ErrNoStore, ErrNotStored, ErrClosed.
func (v *Vat) Silence(a Alarm) (bool, error) {
	dur := v.core.dur
	if dur == nil {
		return false, ErrNoStore
	}
	return inTurnOf(v, func() (bool, error) {
		record, err := dur.heap.Get(bucketAlarms, a.key())
		if err != nil || record == nil {
			silent, bad := dur.silenceCall(a.key())
			return silent, errors.Join(err, bad)
		}
		dur.heap.Delete(bucketAlarms, a.key())
		return true, nil
	})
}

// inTurnOf calls f in a turn of v: in that which runs, if the caller is in one, or in another
// one, of which it returns what f does once that is committed.
func inTurnOf[T any](v *Vat, f func() (T, error)) (T, error) {
	c := v.core
	if c.holds() {
		return f()
	}
	var none T
	if inTurn() {
		return none, c.refuseInTurn("what changes a store")
	}
	p, res := NewPromise[T](v)
	c.lock()
	if err := c.refused; err != nil {
		c.unlock()
		return none, err
	}
	c.pushJob(&resolveJob[T]{c.dur, &p.promise, res, f})
	c.leave()
	return p.Await(context.Background())
}

// resolveJob is a turn that resolves a promise.
type resolveJob[T any] struct {
	d   *durable
	p   *promise
	res *Resolver[T]
	f   func() (T, error)
}

func (j *resolveJob[T]) run() {
	j.d.hold(&heldWait{j.p})
	if x, err := j.f(); err != nil {
		j.res.Break(err)
	} else {
		_ = j.res.Resolve(x) // it can be carried
	}
}

func (j *resolveJob[T]) fail(err error) { j.res.Break(err) }

// heldWait is somebody who waits for what comes of the turn: if the store refuses that, he is told.
type heldWait struct{ p *promise }

func (h *heldWait) apply(*core)                {}
func (h *heldWait) undo(_ *core, err *carried) { h.p.smash(err) }

// key is where an alarm stands in the store: in the order in which they are due.
func (a Alarm) key() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(a.At.UnixNano())^1<<63), a.Number)
}

// alarmAt is the time in a key.
func alarmAt(key []byte) time.Time { return time.Unix(0, int64(idOf(key)^1<<63)) }

// keptAlarm is what is kept of an alarm.
type keptAlarm struct {
	To   *Ref
	Verb string
	Args []any
}

// setAlarm is After in a turn.
func (d *durable) setAlarm(at time.Time, to *Ref, verb string, args []any) (Alarm, error) {
	number, err := d.newID()
	if err != nil {
		return Alarm{}, err
	}
	a := Alarm{time.Unix(0, at.UnixNano()), number}
	for { // ids of objects that are gone may have been an alarm's
		taken, err := d.heap.Get(bucketAlarms, a.key())
		if err != nil {
			return Alarm{}, err
		}
		if taken == nil {
			break
		}
		a.Number++
	}
	record, err := d.recorder.record(nil, reflect.ValueOf(keptAlarm{to, verb, args}))
	if err != nil {
		return Alarm{}, err
	}
	d.heap.Put(bucketAlarms, a.key(), record)
	d.hold(&heldAlarm{a.At})
	return a, nil
}

// heldAlarm has the vat look for alarms at a time.
type heldAlarm struct{ at time.Time }

func (h *heldAlarm) apply(c *core)        { c.dur.lookAt(h.at) }
func (h *heldAlarm) undo(*core, *carried) {}

// lookAt has the vat look for alarms at a time, if it does not do so before. Machine right.
func (d *durable) lookAt(at time.Time) {
	if d.look != nil && d.look.index >= 0 && !at.Before(d.look.at) {
		return
	}
	d.core.stopTimer(d.look)
	d.look = d.core.at(at, func() { d.core.pushJob(&alarmJob{d: d}) })
}

// alarmJob is the turn of the first alarm that is due; or of none, for there may be fewer
// than was thought.
type alarmJob struct {
	d    *durable
	from []byte // key behind those that were left: the program cannot have their objects
	key  []byte // of the alarm
}

// alarmRetry is how long after the store has refused something the vat looks for alarms, whose turns may
// have been among those that it refused.
const alarmRetry = time.Second

// dueAtOnce is how many alarms a look at the store brings.
const dueAtOnce = 2

func (j *alarmJob) run() {
	d := j.d
	page, err := d.heap.Page(bucketAlarms, nil, j.from, dueAtOnce)
	must(err)
	if len(page) == 0 {
		return
	}
	c := d.core
	now := c.now()
	if at := alarmAt(page[0].Key); at.After(now) {
		d.hold(&heldAlarm{at})
		return
	}
	j.key = page[0].Key
	err = d.ring(j.key, page[0].Value)
	behind := append([]byte(nil), j.from...)
	if errors.Is(err, errNotHad) {
		behind = append(append([]byte(nil), j.key...), 0)
	} else {
		d.heap.Delete(bucketAlarms, j.key)
	}
	if err != nil {
		c.log.Warn("vat: an alarm has come to nothing", "error", err)
	}
	if len(page) > 1 {
		d.hold(&heldJob{&alarmJob{d: d, from: behind}})
	}
}

// fail hears that the alarm's turn was undone: it will not be tried again.
func (j *alarmJob) fail(error) {
	if j.key != nil {
		j.d.hold(&heldJob{&dropAlarm{j.d, j.key, j.from}})
	}
}

// dropAlarm is the turn that removes an alarm whose turn was undone.
type dropAlarm struct {
	d         *durable
	key, from []byte
}

func (j *dropAlarm) run() {
	j.d.heap.Delete(bucketAlarms, j.key)
	j.d.hold(&heldJob{&alarmJob{d: j.d, from: j.from}})
}

func (j *dropAlarm) fail(error) {}

// heldJob is another turn.
type heldJob struct{ job job }

func (h *heldJob) apply(c *core)        { c.pushJob(h.job) }
func (h *heldJob) undo(*core, *carried) {}

// errNotHad is what an alarm fails with whose object this program cannot have.
var errNotHad = errors.New("vat: its object cannot be had; it is left for another program")

// ring does what an alarm is for: it sends to a far object, and calls a near one's method.
func (d *durable) ring(key, record []byte) error {
	var a keptAlarm
	if err := newReviver(d).read(record, &a); err != nil {
		return fmt.Errorf("%w: %w", errNotHad, err)
	}
	if a.To == nil {
		return ErrNull
	}
	c := d.core
	c.lock()
	o, _ := a.To.ref.Object()
	c.unlock()
	f, near := o.(*face)
	if !near {
		return d.call(key, keptCall{To: a.To, Verb: a.Verb, Args: a.Args})
	}
	if !d.near(f.recv.Interface()) {
		return errNotHad
	}
	return d.invoke(f, a.Verb, a.Args)
}

// invoke calls a method in the turn that runs.
func (d *durable) invoke(f *face, name string, args []any) error {
	c := d.core
	v := f.verbs.byName[name]
	if v == nil {
		return ErrNoSuchVerb
	}
	e := newEncoder(c)
	defer e.done()
	if err := e.args(name, args); err != nil {
		return err
	}
	c.lock()
	flat, caps := e.take()
	c.unlock()
	defer func() { c.garbage.add(caps...) }()
	dec := newDecoder(c, caps)
	defer dec.done()
	err := dec.msg.ParseFlat(flat, nil)
	if err != nil {
		return err
	}
	root, err := dec.msg.Root()
	if err != nil {
		return err
	}
	params, err := value.ParseArgs(root)
	if err != nil {
		return err
	}
	del := delivery{core: c, t: turn{obj: f}}
	if v.hasCtx {
		return fmt.Errorf("%w: %s takes a context, which an alarm has not", ErrBadArguments, name)
	}
	if err := del.prepare(v, dec, params); err != nil {
		return err
	}
	del.invoke(v)
	if del.enc != nil {
		del.enc.done() // nobody has asked for the result
	}
	if del.follow != nil {
		c.lock()
		del.follow.whenSettled(complaint{})
		c.leave()
	}
	return del.err
}
