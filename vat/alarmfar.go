package vat

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// An alarm for another vat's object is a send that may be lost. While it is under way it is in a bucket of its own: the vat
// sends it again as long as it certainly did not arrive, and no more if nobody can know. What was under way when
// the vat was killed nobody can know either.
//
//	alarms ──due──▶ out ──arrived, or not known──▶ gone
//	                ▲ │
//	   time to retry│ ▼ certainly not delivered
//	               waits

// maxAlarmRetry is how long it takes at most until the vat sends an alarm again.
const maxAlarmRetry = 10 * time.Minute

// keptCall is what is kept of an alarm that was sent.
type keptCall struct {
	To    *Ref
	Verb  string
	Args  []any
	Out   bool // it is under way
	Tries int  // that have failed
}

// call sends an alarm, which stands under key, to another vat. In a turn.
func (d *durable) call(key []byte, a keptCall) error {
	a.Out = true
	if err := d.keepCall(key, a); err != nil {
		return err
	}
	p := &a.To.Send(a.Verb, a.Args...).promise
	d.hold(&heldCall{p, &callWatch{d, key, a}})
	return nil
}

func (d *durable) keepCall(key []byte, a keptCall) error {
	record, err := d.recorder.record(nil, reflect.ValueOf(a))
	if err == nil {
		d.heap.Put(bucketCalls, key, record)
	}
	return err
}

// keptCall returns what is kept under key; ok is false if nothing is.
func (d *durable) keptCall(key []byte) (a keptCall, ok bool, err error) {
	record, err := d.heap.Get(bucketCalls, key)
	if err != nil || record == nil {
		return a, false, err
	}
	return a, true, newReviver(d).read(record, &a)
}

// heldCall has a watch hear what becomes of a call.
type heldCall struct {
	p *promise
	w *callWatch
}

func (h *heldCall) apply(*core)          { h.p.whenSettled(h.w) }
func (h *heldCall) undo(*core, *carried) {}

// callWatch hears what has become of a call.
type callWatch struct {
	d   *durable
	key []byte
	a   keptCall
}

func (w *callWatch) settled(p *promise) {
	var err error
	if p.state == broken {
		err = p.err()
	}
	w.d.core.pushJob(&insistent{w.d, func() error { return w.d.called(w.key, w.a, err) }})
}

// called notes what has become of a call. In a turn.
func (d *durable) called(key []byte, a keptCall, err error) error {
	if _, ok, bad := d.keptCall(key); !ok || bad != nil { // it was silenced
		return bad
	}
	if !errors.Is(err, ErrNotDelivered) {
		d.heap.Delete(bucketCalls, key)
		switch {
		case errors.Is(err, ErrOutcomeUnknown):
			d.core.log.Warn("vat: whether an alarm was delivered nobody knows", "verb", a.Verb, "error", err)
		case err != nil:
			d.core.log.Warn("vat: an alarm has come to nothing", "verb", a.Verb, "error", err)
		}
		return nil
	}
	a.Out, a.Tries = false, a.Tries+1
	d.core.log.Info("vat: an alarm could not be delivered, and will be sent again", "verb", a.Verb, "tries", a.Tries, "error", err)
	d.hold(&heldRecall{d, key, min(alarmRetry<<min(a.Tries-1, 20), maxAlarmRetry)})
	return d.keepCall(key, a)
}

// heldRecall is that a call is to be made again after a while.
type heldRecall struct {
	d     *durable
	key   []byte
	after time.Duration
}

func (h *heldRecall) apply(c *core) {
	c.at(c.now().Add(h.after), func() { c.pushJob(&insistent{h.d, func() error { return h.d.recall(h.key) }}) })
}

func (h *heldRecall) undo(*core, *carried) {}

// recall makes a call again, if it was not silenced. In a turn.
func (d *durable) recall(key []byte) error {
	a, ok, err := d.keptCall(key)
	if err != nil || !ok || a.Out {
		return err
	}
	return d.call(key, a)
}

// recallAll looks at the calls of the incarnation before. In a turn.
func (d *durable) recallAll() error {
	var keys [][]byte
	if err := d.each(bucketCalls, func(key, _ []byte) error {
		keys = append(keys, append([]byte(nil), key...))
		return nil
	}); err != nil {
		return err
	}
	for _, key := range keys {
		a, _, err := d.keptCall(key)
		switch {
		case err != nil:
			d.core.log.Warn("vat: an alarm cannot be read; it is left for another program", "error", err)
		case a.Out:
			d.heap.Delete(bucketCalls, key)
			d.core.log.Warn("vat: an alarm was under way when the vat ended; whether it was delivered nobody knows", "verb", a.Verb)
		default:
			if err := d.call(key, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// silenceCall takes a call back, and reports whether it was not under way. In a turn.
func (d *durable) silenceCall(key []byte) (bool, error) {
	a, ok, err := d.keptCall(key)
	if ok {
		d.heap.Delete(bucketCalls, key)
	}
	return ok && !a.Out, err
}

// insistent is a turn of the vat's own that is run again if the store refuses it.
type insistent struct {
	d *durable
	f func() error
}

func (j *insistent) run() {
	j.d.hold(j)
	if err := j.f(); err != nil {
		must(fmt.Errorf("an alarm: %w", err))
	}
}

func (j *insistent) fail(error) {}

func (j *insistent) apply(*core) {}

func (j *insistent) undo(c *core, err *carried) {
	if c.refused == nil && (errors.Is(err.error, ErrNotStored) || errors.Is(err.error, ErrStoreFailed)) {
		c.at(c.now().Add(alarmRetry), func() { c.pushJob(j) })
	}
}
