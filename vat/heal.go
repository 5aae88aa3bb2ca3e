package vat

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
)

// HealConfig says how a reference of [Vat.Heal] behaves. nil and the zero value have the defaults.
type HealConfig struct {
	// Lost runs, in a turn, when there is no way to the object any more, or none could be had to begin with; err
	// says why. It runs once until Found does.
	Lost func(err error)
	// Found runs, in a turn, each time that the object is found: at the beginning, and after each Lost. What was
	// sent meanwhile is on its way.
	Found func()
	// Queue is how many sends may wait until the object is found; further ones break with ErrOverloaded. What is
	// sent to their outcomes does not count, but for Config.MaxPending. 0 means 1024.
	Queue int
	// RetryMin and RetryMax bound the time from one attempt to the next, which is random: from none at all up to
	// RetryMin after the first, up to twice as much after each further one, and never more than RetryMax. Beside
	// that SessionLimits say when a vat is dialled. 0 means 100 ms and 30 s. A vat that connects to this one is asked
	// at once.
	RetryMin, RetryMax time.Duration
	// Jitter gives random numbers from 0 up to 1. It must not use the vat. nil means math/rand/v2.
	Jitter func() float64
}

// Heal is [Vat.Enliven] for a reference that outlives sessions. When the session ends that it depends on, it is a
// promise again, and the sturdyref is enlivened anew, until that works:
//
//	log := v.Heal(sr, &vat.HealConfig{
//		Lost:  func(err error) { fmt.Println("the log is away:", err) },
//		Found: func() { fmt.Println("the log is back") },
//	})
//
// What is sent to it while it is a promise waits, within bounds, and leaves in order once the object is found;
// [Ref.Ready] waits for room. What had been sent before is not sent again: it breaks with ErrDisconnected, and
// ErrNotDelivered or ErrOutcomeUnknown, and who sent it decides. So sends keep their order from Found to
// Lost, and none is delivered twice.
//
// The reference breaks when trying again is of no use: because the sturdyref leads nowhere (ErrNoSuchObject: it never
// did, has expired, was revoked, or was that of an object that ended with its vat), or v is closed. [Ref.WhenBroken]
// tells only of that. It is tried for as long as the Ref is held, or sends wait.
//
// Passed on in a message, it is what it leads to at that moment or, while the object is away, a promise for it. Who is passed
// that goes there directly, and needs v no more; it heals for who holds this Ref only.
func (v *Vat) Heal(r sturdyref.Ref, cfg *HealConfig) *Ref {
	h := &healing{core: v.core, uri: r}
	if cfg != nil {
		h.cfg = *cfg
	}
	h.cfg.fill()
	c := v.core
	c.lock()
	h.now = c.machine.NewPromise()
	ref := c.newRef(c.machine.Near(h, nil))
	ref.heals = h
	c.unlock()
	h.try()
	return ref
}

func (cfg *HealConfig) fill() {
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	if cfg.RetryMin <= 0 {
		cfg.RetryMin = 100 * time.Millisecond
	}
	if cfg.RetryMax <= 0 {
		cfg.RetryMax = 30 * time.Second
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
}

// wait is how long after the last attempt the next is due, when so many have failed in a row.
func (cfg *HealConfig) wait(failures int) time.Duration {
	limit := cfg.RetryMin << min(failures, 20)
	return time.Duration(cfg.Jitter() * float64(min(limit, cfg.RetryMax)))
}

// healState is where a reference that heals is.
//
//	      found          lost
//	away ──────▶ there ─────────▶ away
//	  │            │    no use
//	  └────────────┴────────────▶ ended
//	any ── nobody holds it ─────▶ forgotten
type healState uint8

const (
	healAway healState = iota
	healThere
	healEnded
	healForgotten
)

// healing is what stands behind a reference that heals. It is a captp.Object only to hear when the Ref, and whoever
// else needs it, has let go: no call comes to it. Guarded by the machine right.
type healing struct {
	core *core
	uri  sturdyref.Ref
	cfg  HealConfig

	state    healState
	now      *captp.Ref // where sends go: a promise, settled when there; one holder
	attempt  *Ref       // away: under way; nil: one is to come
	begun    time.Time  // when the last attempt began, or the object was found
	failures int        // in a row
	timer    *timer     // until the next attempt
	told     bool       // Lost was, and Found was not since
	waiting  int        // sends since it is away …
	keep     *captp.Ref // … and, if there are any, a holder of this object
	watches  []*brokenWatch
}

// Deliver implements captp.Object.
func (h *healing) Deliver(call *captp.Call) (wait bool) {
	call.Fail(toWire(ErrDropped))
	return false
}

// Canceled implements captp.Object.
func (h *healing) Canceled(*captp.Call) {}

// Dropped implements captp.Object.
func (h *healing) Dropped(*captp.Grant) {
	h.state = healForgotten
	h.core.later(h)
}

// Changed implements captp.Watcher.
func (h *healing) Changed(*captp.Ref) { h.core.later(h) }

// full reports whether no more sends may wait. Machine right.
func (h *healing) full() bool {
	if h.state == healAway && h.waiting >= h.cfg.Queue {
		h.waiting = h.now.Waiting() // some may have been canceled
	}
	return h.state == healAway && h.waiting >= h.cfg.Queue
}

// admit notes a send on ref, what sendTo gave, and reports whether there is room for it. Machine right.
func (h *healing) admit(ref *captp.Ref) bool {
	switch {
	case h.state != healAway || ref != h.now:
		return true
	case h.full():
		return false
	case h.keep == nil:
		h.keep = h.core.machine.Near(h, nil)
	}
	h.waiting++
	return true
}

// try begins an attempt. No right.
func (h *healing) try() {
	c := h.core
	c.lock()
	h.begun = c.now()
	uri := h.uri
	c.unlock()
	ref := c.vat.enliven(uri)
	c.lock()
	defer c.leave()
	if h.attempt = ref; ref.ref.State() == captp.Promise {
		ref.ref.Watch(h)
	}
	h.afterwards()
}

// afterwards implements afterwards: it looks at what has changed. Machine right.
func (h *healing) afterwards() {
	switch h.state {
	case healAway:
		if h.attempt == nil {
			return
		}
		switch ref := h.attempt.ref; ref.State() {
		case captp.Promise:
		case captp.Broken:
			h.lost(ref.Err())
		default:
			h.found(ref)
		}
	case healThere:
		if h.now.State() == captp.Broken {
			h.lost(h.now.Err())
			return
		}
		h.now.Unwatch(h) // what was found has settled: it may yet break
		h.now.Watch(h)
	case healEnded:
		h.endAttempt()
	case healForgotten:
		h.forget()
	}
}

// found has all sends go to ref. Machine right.
func (h *healing) found(ref *captp.Ref) {
	c := h.core
	h.state, h.begun, h.told = healThere, c.now(), false
	c.machine.Resolve(h.now, ref.Retain())
	h.now.Watch(h)
	h.follow(ref)
	h.endAttempt()
	h.report(h.cfg.Found)
	h.release()
}

// follow has later attempts go to the successor of the vat, if it has one; see [Vat.Successor]. Machine right.
func (h *healing) follow(ref *captp.Ref) {
	if s := ref.Session(); s != nil && s.Tag().(*session).peer == h.uri.Vat() {
		s.Tag().(*session).inherit(heir{old: h.uri, tell: func(fresh sturdyref.Ref) { h.uri = fresh }})
	}
}

// lost has what is sent from now on wait, and sees to the next attempt. Machine right.
func (h *healing) lost(why *captp.Error) {
	c := h.core
	h.endAttempt()
	err := fromWire(why)
	if c.refused != nil || !errors.Is(err, ErrDisconnected) && !errors.Is(err, ErrOverloaded) {
		h.end(why)
		return
	}
	now := c.now()
	if h.state == healThere {
		if now.Sub(h.begun) >= h.cfg.RetryMax {
			h.failures = 0 // else it is one more: a session that does not last is none
		}
		h.begun = now
		h.now.Release()
		h.state, h.now = healAway, c.machine.NewPromise()
	}
	if !h.told && h.cfg.Lost != nil {
		h.report(func() { h.cfg.Lost(err) })
	}
	h.told = true
	at := h.begun.Add(h.cfg.wait(h.failures))
	h.failures++
	h.timer = c.at(at, h.again)
	c.mending = append(c.mending, h)
}

// again has the next attempt begin, unless nobody wants it any more. Machine right.
func (h *healing) again() {
	c := h.core
	h.rest()
	if h.state == healAway && h.waiting > 0 && h.now.Waiting() == 0 {
		h.release() // all were canceled
	}
	if h.state == healAway && c.refused == nil {
		c.outside = append(c.outside, h.try)
	}
}

// rest ends the wait for the next attempt. Machine right.
func (h *healing) rest() {
	c := h.core
	c.stopTimer(h.timer)
	c.mending = slices.DeleteFunc(c.mending, func(x *healing) bool { return x == h })
}

// back has those references tried at once that wait to be, and lead to the vat id: it is there again. Machine right.
func (c *core) back(id crypto.VatID) {
	for _, h := range slices.Clone(c.mending) {
		if h.uri.Vat() == id {
			h.again()
		}
	}
}

// end breaks the reference. Machine right.
func (h *healing) end(why *captp.Error) {
	h.state = healEnded
	h.core.machine.Break(h.now, why)
	for _, b := range h.watches {
		b.tell(h.now)
	}
	h.watches = nil
	h.release()
}

// unwatch takes back a watch. Machine right.
func (h *healing) unwatch(b *brokenWatch) {
	h.watches = slices.DeleteFunc(h.watches, func(o *brokenWatch) bool { return o == b })
}

// forget lets go of everything. Machine right.
func (h *healing) forget() {
	h.rest()
	h.endAttempt()
	if h.now != nil {
		h.now.Unwatch(h)
		h.now.Release()
		h.now = nil
	}
}

// endAttempt lets go of the attempt, if there is one. Machine right.
func (h *healing) endAttempt() {
	if a := h.attempt; a != nil && a.released.CompareAndSwap(false, true) {
		a.ref.Unwatch(h)
		a.ref.Release()
	}
	h.attempt = nil
}

// release says that no send waits any more. Machine right.
func (h *healing) release() {
	if h.waiting = 0; h.keep != nil {
		h.core.garbage.add(h.keep)
		h.keep = nil
	}
}

// report has f run in a turn, if there is one. Machine right.
func (h *healing) report(f func()) {
	if f != nil {
		h.core.turns.push(turn{job: report(f)})
	}
}

// report is a turn that tells the program something.
type report func()

func (r report) run()     { r() }
func (report) fail(error) {} // nobody waits for it
