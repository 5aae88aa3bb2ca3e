package sim

import (
	"github.com/vatnet/vatnet/vat"
)

// meaning is what a reference stands for, as the shadow graph knows it: a thing, what another meaning comes to, or not
// known yet.
type meaning struct {
	thing  *thing
	to     *meaning
	of     *call // it is the result of this, and waits for its delivery
	broken bool  // it may come to nothing: it was broken, or its call was canceled
}

// end follows what is known.
func (m *meaning) end() *meaning {
	for m.to != nil {
		m = m.to
	}
	return m
}

// awaits follows what is known, and what calls that were not delivered wait for, to what must be settled first.
func (m *meaning) awaits() *meaning {
	for {
		switch {
		case m.to != nil:
			m = m.to
		case m.of != nil:
			m = m.of.on.means
		default:
			return m
		}
	}
}

// mayBreak reports whether anything on the way may have come to nothing.
func (m *meaning) mayBreak() bool {
	for ; m != nil; m = m.to {
		if m.broken || m.of != nil && m.of.on.means.mayBreak() {
			return true
		}
	}
	return false
}

// handle is one reference in one vat, and the messages sent on it.
type handle struct {
	id      int
	vat     *machine
	ref     *vat.Ref               // this …
	promise *vat.Promise[*vat.Ref] // … or this
	result  *call                  // of which the promise is the result; nil: of none
	means   *meaning
	sent    int // messages
	arrived int // the number of the last that did
}

func (h *handle) target() vat.Target {
	if h.ref != nil {
		return h.ref
	}
	return h.promise
}

// arg is the handle as an argument or a result.
func (h *handle) arg() any {
	if h.ref != nil {
		return h.ref
	}
	return h.promise
}

// hold makes a handle of a reference.
func (m *machine) hold(ref *vat.Ref, means *meaning) *handle {
	return m.add(&handle{ref: ref, means: means})
}

func (m *machine) add(h *handle) *handle {
	m.w.handles++
	h.id, h.vat = m.w.handles, m
	m.handles = append(m.handles, h)
	m.w.keep = append(m.w.keep, h)
	return h
}

// release lets go of handle i, if it can be let go of yet.
func (m *machine) release(i int) bool {
	h := m.handles[i]
	if h.ref != nil {
		h.ref.Release()
	} else if h.result != nil && h.result.settled == 0 || !m.core.Forget(h.promise) {
		return false // somebody will still look at it
	}
	m.handles = append(m.handles[:i:i], m.handles[i+1:]...)
	m.w.did("release", "%s: handle %d", m, h.id)
	return true
}

// near gives a reference to a thing of this vat.
func (m *machine) near(t *thing) *vat.Ref {
	ref, err := m.self.Ref(t)
	if err != nil {
		m.w.fail("a near reference: %v", err)
	}
	return ref
}

// call is one message, and what is known of its fate.
type call struct {
	id        int
	verb      string
	from      *machine
	epoch     int // of from
	on        *handle
	seq       int
	delivered int
	settled   int
	canceled  bool
	near      bool     // its object was in the same vat when it was sent: it did not travel
	withdrawn bool     // canceled before its turn, in the vat of its object
	means     *meaning // of a result that is a reference
	cancel    func()
}

// mayFail reports whether an error is a proper outcome.
func (c *call) mayFail() bool {
	return c.from.w.lossy || c.canceled || c.on.means.mayBreak() || c.means.mayBreak()
}

// arrive checks a delivery: target, order, at most once. It is called in the turn.
func (t *thing) arrive(id, on, seq int) *call {
	w := t.vat.w
	if id < 0 || id >= len(w.calls) {
		w.fail("a call that nobody made was delivered: %d", id)
		return nil
	}
	c := w.calls[id]
	w.did("deliver", "%s: call %d, %s on handle %d, number %d", t.vat, id, c.verb, on, seq)
	c.delivered++
	if c.means != nil {
		c.means.of = nil
	}
	h := c.on
	switch {
	case on != h.id || seq != c.seq:
		w.fail("call %d arrives with the arguments of another", id)
	case c.delivered > 1:
		w.fail("call %d was delivered %d times", id, c.delivered)
	case c.withdrawn:
		w.fail("call %d was canceled before its turn and delivered", id)
	case t.epoch != t.vat.epoch:
		w.fail("call %d was delivered to an incarnation that is gone", id)
	case h.means.end().thing != t:
		w.fail("call %d was delivered to another object than handle %d means", id, on)
	case seq <= h.arrived:
		w.fail("order: on handle %d number %d arrives after %d", on, seq, h.arrived)
	}
	h.arrived = max(h.arrived, seq)
	return c
}

// value is what a call for data results in.
func (c *call) value() int { return 3*c.id + 1 }

// succeeded takes an outcome that is data.
func (c *call) succeeded(v int) {
	c.settle("value")
	if v != c.value() {
		c.from.w.fail("call %d has the value %d, not %d", c.id, v, c.value())
	}
	if c.delivered != 1 {
		c.from.w.fail("call %d succeeded, delivered %d times", c.id, c.delivered)
	}
}

// failed takes an error.
func (c *call) failed(err error) {
	c.settle("error " + err.Error())
	if !c.mayFail() {
		c.from.w.fail("call %d (%s on handle %d) failed: %v", c.id, c.verb, c.on.id, err)
	}
}

func (c *call) settle(how string) {
	w := c.from.w
	w.did("settle", "%s: call %d: %s", c.from, c.id, how)
	if c.settled++; c.settled > 1 {
		w.fail("call %d settled %d times", c.id, c.settled)
	}
}
