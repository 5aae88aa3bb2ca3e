package vat

import (
	"errors"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/vat/store"
)

// In a vat with a store, what a turn sends, resolves and answers is held back: in a list of
// effects, and in the turn's outcome. When the turn has ended what it changed joins the
// group that is to be committed next, and all that it held back has its place behind that
// commit, in the order of the turns. If nothing was changed, and nothing is waited for, it
// takes effect at once.
//
//	         runs           ended                committed
//	queued ───────▶ current ───────▶ in a group ──────────▶ in effect
//	                   │                 │ not stored
//	                   └─────────────────┴──────────────▶ undone
//	                    panicked, not kept

// effect is something that a turn does to what is outside of its objects.
type effect interface {
	// apply does it. Machine right.
	apply(c *core)
	// undo is for what is not to be done, because of err. Machine right.
	undo(c *core, err *carried)
}

// past is a turn that has ended.
type past struct {
	effects []effect
	d       delivery // its outcome, if it was one
}

// group is what is committed together.
type group struct {
	turns []*past
	saves []save
}

// save is the new record of an object.
type save struct {
	r      *resident
	record []byte
}

// maxGroup is how many turns a group may have, and maxGroupBytes how much they may have
// changed, before no further turn runs until the one that is under way is committed.
const (
	maxGroup      = 4096
	maxGroupBytes = 8 << 20
)

// holds reports whether the caller is in a turn of this vat's, whose effects are held back.
func (c *core) holds() bool {
	return c.dur != nil && c.dur.running.Load() && c.dur.runner.Load() == goroutineNumber()
}

// hold puts off an effect until the turn that runs is committed. Machine right.
func (c *core) hold(e effect) { c.dur.effects = append(c.dur.effects, e) }

// hold is the same, for a turn that is the vat's own. In a turn.
func (d *durable) hold(e effect) {
	d.core.lock()
	d.core.hold(e)
	d.core.unlock()
}

// drops undoes effects. Machine right.
func drops(c *core, effects []effect, err *carried) {
	for _, e := range effects {
		e.undo(c, err)
	}
}

// retire is the end of a turn, of d if it was a delivery: it takes its place in the group
// that grows. Both rights.
func (d *durable) retire(del *delivery) {
	t := &past{effects: d.effects}
	d.effects = nil
	for _, e := range t.effects {
		if x, ok := e.(change); ok {
			x.stage(d.heap)
		}
	}
	if del != nil {
		del.take()
		t.d = *del
		*del = delivery{core: d.core}
	}
	d.running.Store(false)
	// What it has changed joins the group as it does itself: with one cut they are both of this group, or the next.
	changed := d.heap.End(!d.broken)
	if d.broken { // what it saw is not so
		d.forgetSaves()
		d.undo(t, ErrNotStored)
		return
	}
	if !changed && d.flying == nil && len(d.group.turns) == 0 {
		d.forgetSaves()
		d.settle(t)
		return
	}
	d.group.saves = append(d.group.saves, d.saves...)
	d.forgetSaves()
	d.join(t)
}

// write has a batch committed behind the turns that have ended; e is what comes of that. Machine right.
func (d *durable) write(b *store.Batch, e effect) {
	d.heap.Join(b)
	d.join(&past{effects: []effect{e}})
}

// join has t wait for its commit. Machine right.
func (d *durable) join(t *past) {
	d.group.turns = append(d.group.turns, t)
	d.full = d.flying != nil && (len(d.group.turns) >= maxGroup || d.heap.Size() >= maxGroupBytes)
	if n := len(d.group.turns); n == 1 || n == d.want {
		signal(d.wake)
	}
}

// forgetSaves forgets what the turn has changed.
func (d *durable) forgetSaves() {
	clear(d.saves)
	d.saves = d.saves[:0]
}

// settle has a turn take effect. Machine right.
func (d *durable) settle(t *past) {
	for _, e := range t.effects {
		e.apply(d.core)
		d.core.settle()
	}
	if t.d.t.call != nil {
		t.d.commit()
	}
	d.core.settle()
}

// undo has a turn never have been, because of why. Machine right.
func (d *durable) undo(t *past, why error) {
	err := &carried{why, toWire(why)}
	drops(d.core, t.effects, err)
	if t.d.t.call != nil {
		t.d.fail(err)
		t.d.commit()
	}
	d.core.settle()
}

// committer commits group after group, until the vat is closed.
func (d *durable) committer() {
	defer close(d.done)
	for {
		select {
		case <-d.wake:
			d.gather()
			d.commit()
		case <-d.stop: // no turn runs any more
			d.commit()
			return
		}
	}
}

// maxGather is how long a group may wait for more turns.
const maxGather = 2 * time.Millisecond

// gather waits until as many turns are in the group as there were in the last one and behind
// it. Those whom that has answered are likely to come back at once, and it is better for all to share
// one trip to the disk than to take turns in two. It waits for less than the half of such a
// trip, and not at all for those who come one after the other.
func (d *durable) gather() {
	for {
		d.core.mu.Lock()
		few := len(d.group.turns) < d.want
		d.core.mu.Unlock()
		left := time.Until(d.until)
		if !few || left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-d.stop:
			return
		}
		timer.Stop()
	}
}

// commit commits the group, if there is anything in it.
func (d *durable) commit() {
	c := d.core
	c.lock()
	defer c.leave()
	if len(d.group.turns) == 0 {
		return
	}
	d.flying, d.group = d.group, new(group)
	batch, number := d.heap.Cut()
	c.unlock()
	began := time.Now()
	err := d.heap.Commit(batch)
	end := time.Now()
	c.lock()
	d.until = end.Add(min(end.Sub(began)/2, maxGather))
	d.want = len(d.flying.turns) + len(d.group.turns)
	if err != nil {
		d.lost(err)
	} else {
		d.heap.Done(number)
		for _, s := range d.flying.saves {
			s.r.stored(s.record)
		}
		for _, t := range d.flying.turns {
			d.settle(t)
		}
	}
	d.flying, d.full = nil, false
	if len(d.group.turns) > 0 {
		signal(d.wake)
	}
}

// lost undoes all turns that are not committed, for the store has refused them. The one
// that runs is undone when it ends, and what is in memory is mended before the next one
// begins. Machine right.
func (d *durable) lost(err error) {
	c := d.core
	c.outside = append(c.outside, func() {
		c.log.Error("vat: turns were undone, as the store has refused what they changed", "error", err)
	})
	why, waiting := ErrStoreFailed, d.group.turns
	for _, sure := range []error{store.ErrFull, store.ErrTooLarge, store.ErrName, store.ErrFailed, store.ErrClosed} {
		if errors.Is(err, sure) {
			why = ErrNotStored
		}
	}
	d.group = new(group)
	d.heap.Forget()
	d.broken = true
	for _, t := range d.flying.turns {
		d.undo(t, why)
	}
	for _, t := range waiting {
		d.undo(t, ErrNotStored)
	}
	d.lookAt(c.now().Add(alarmRetry))
}

// busy reports whether turns wait for their commit. Machine right.
func (d *durable) busy() bool { return d.flying != nil || len(d.group.turns) > 0 }

// heldSend is a send.
type heldSend struct {
	p      *promise
	to     *captp.Ref // one holder
	params []byte
	caps   []*captp.Ref // one holder each
	settle bool         // it asks what to settles to
}

func (s *heldSend) apply(c *core) {
	defer s.to.Release()
	p := s.p
	if p.state != pending { // canceled
		release(s.caps)
		return
	}
	if s.settle {
		if call := c.sendSettle(s.to, (*sink)(p)); p.state == pending {
			p.call = call
		}
	} else {
		c.postNow(s.to, p, &captp.Outgoing{Params: s.params, Caps: s.caps})
	}
	if p.pipe == nil { // nothing was sent to it yet
		return
	}
	switch p.state {
	case pending:
		c.machine.Resolve(p.pipe, p.call.Pipe(0))
	case fulfilled:
		c.machine.Resolve(p.pipe, p.valueRef())
	case broken:
		c.machine.Break(p.pipe, p.wireError())
	}
}

func (s *heldSend) undo(c *core, err *carried) {
	release(s.caps)
	s.to.Release()
	s.p.smash(err)
}

// heldFulfill is a resolver's Resolve, or what a callback has returned.
type heldFulfill struct {
	p    *promise
	flat []byte
	caps []*captp.Ref // one holder each
}

func (f *heldFulfill) apply(*core) { f.p.fulfill(f.flat, f.caps) }

func (f *heldFulfill) undo(*core, *carried) {
	release(f.caps)
	f.p.bound = false
}

// heldBreak is a resolver's Break, or what a callback has failed with.
type heldBreak struct {
	p   *promise
	err error
}

func (b *heldBreak) apply(*core)          { b.p.smash(b.err) }
func (b *heldBreak) undo(*core, *carried) { b.p.bound = false }

// heldFollow is a resolver's Follow.
type heldFollow struct{ p, o *promise }

func (f *heldFollow) apply(*core)          { f.p.follow(f.o) }
func (f *heldFollow) undo(*core, *carried) { f.p.bound = false }

// heldWatch is a When: w is told when p settles; q is what it gives.
type heldWatch struct {
	p *promise
	w *whenJob
}

func (h *heldWatch) apply(*core)                { h.p.whenSettled(h.w) }
func (h *heldWatch) undo(_ *core, err *carried) { h.w.q.smash(err) }

// heldBroken is a WhenBroken, which nobody sees anything of before its turn is committed.
type heldBroken struct{ b *brokenWatch }

func (h *heldBroken) apply(*core)          {}
func (h *heldBroken) undo(*core, *carried) { h.b.end() }

// heldCancel is a Cancel.
type heldCancel struct{ p *promise }

func (h *heldCancel) apply(*core)          { h.p.withdraw() }
func (h *heldCancel) undo(*core, *carried) {}

// heldRelease is a Release.
type heldRelease struct{ h *hold }

func (h *heldRelease) apply(*core)          { h.h.ref.Release() }
func (h *heldRelease) undo(*core, *carried) { h.h.released.Store(false) }

// heldGo is the begin of a goroutine's work.
type heldGo struct {
	p     *promise
	start func()
}

func (g *heldGo) apply(c *core) {
	if c.refused != nil {
		g.p.smash(c.refused)
		return
	}
	g.start()
}

func (g *heldGo) undo(_ *core, err *carried) { g.p.smash(err) }
