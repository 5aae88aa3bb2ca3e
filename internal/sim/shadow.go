package sim

import (
	"github.com/vatnet/vatnet/vat"
)

// meaning is what a reference stands for, as the shadow graph knows it: a thing, what a reference that somebody else
// holds comes to, or not known yet.
type meaning struct {
	thing  *thing
	grant  *grant // under which it is the thing; nil: none
	to     *handle
	of     *call // it is the result of this, and waits for its delivery
	why    cause // what has happened to it itself
	seen   int   // by walk
	passed int   // by dependence
	judged int   // by judgement

	isData bool // it is data: value, once it is known
	value  int
}

// end follows what is known, to the thing if it is one.
func (m *meaning) end() *meaning {
	for m.to != nil && m.why&cycle == 0 {
		m = m.to.means
	}
	return m
}

// severed reports whether m is nothing any more.
func (m *meaning) severed() bool { return m.grant != nil && m.grant.severed }

// handle is one reference in one vat, and the messages sent on it.
type handle struct {
	id      int
	vat     *machine
	ref     *vat.Ref               // this …
	promise *vat.Promise[*vat.Ref] // … or this …
	data    *vat.Promise[int]      // … or, for data, this
	call    *call                  // of which the promise is the result; nil: of none
	means   *meaning
	over    *wire     // it was asked for over this session …
	from    []*handle // … or came on the way of these
	sent    int       // messages
	arrived int       // the number of the last that did
	seen    int       // by walk
	parted  bool      // its way was lost: see judge
	freed   bool      // its vat has let go of it
	asked   bool      // of data: somebody waits for it …
	known   bool      // … who has been told
}

func (h *handle) target() vat.Target {
	switch {
	case h.ref != nil:
		return h.ref
	case h.data != nil:
		return h.data
	}
	return h.promise
}

// arg is the handle as an argument or a result.
func (h *handle) arg() any { return h.target() }

// add gives m a handle.
func (m *machine) add(h *handle) *handle {
	m.w.handles++
	h.id, h.vat = m.w.handles, m
	m.handles = append(m.handles, h)
	m.w.keep = append(m.w.keep, h)
	h.parted = h.severs()
	return h
}

// release lets go of handle i, if it can be let go of yet.
func (m *machine) release(i int) bool {
	h := m.handles[i]
	if h.ref != nil {
		h.ref.Release()
	} else if h.call != nil && h.call.settled == 0 || !m.core.Forget(h.promise) {
		return false // somebody will still look at it
	}
	h.freed = true
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

// fresh is a new thing, as something to resolve to that nobody holds.
func (m *machine) fresh() *handle { return &handle{vat: m, means: &meaning{thing: m.thing()}} }

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
	denied    bool    // its sender was told that it is certainly not delivered
	near      bool    // its object was in the same vat when it was sent: it did not travel
	withdrawn bool    // canceled before its turn, in the vat of its object
	left      bool    // it left its vat when it was sent
	parted    bool    // its way was lost before it was answered: see judge
	kept      bool    // … and so did the call on whose result it is, which was canceled afterwards
	arg       *handle // the reference that it carries
	result    *handle // that its sender has of a result that is a reference
	size, pad int     // bytes that it results in, and brings
	cancel    func()
	promise   any // of its outcome
}

// token is the call's number as it travels: an attacker cannot make up that of a call that it has not seen.
func (c *call) token() int {
	x := (uint64(c.id) + 1) * 0x9e3779b97f4a7c15
	x ^= c.from.w.secret
	return c.id<<32 | int((x*0xbf58476d1ce4e5b9)>>33)
}

// arrive checks a delivery: target, order, at most once. It is called in the turn. It returns nil if an attacker made
// the call, or had it delivered once more.
func (t *thing) arrive(token, on, seq int) *call {
	w, id := t.vat.w, token>>32
	if id < 0 || id >= len(w.calls) || w.calls[id].token() != token {
		w.did("forged", "%s: call %x on handle %d, number %d", t.vat, token, on, seq)
		if w.puppet == nil {
			w.fail("a call that nobody made was delivered: %x", token)
		}
		return nil
	}
	c := w.calls[id]
	defer t.vat.meanwhile()
	w.did("deliver", "%s: call %d, %s on handle %d, number %d", t.vat, id, c.verb, on, seq)
	c.delivered++
	if c.result != nil {
		c.result.means.of = nil
	}
	h := c.on
	if w.puppet != nil && h.causes()&stranger != 0 {
		if c.delivered > 1 {
			return nil
		}
		return c
	}
	switch {
	case on != h.id || seq != c.seq:
		w.fail("call %d arrives with the arguments of another", id)
	case c.delivered > 1:
		w.fail("call %d was delivered %d times", id, c.delivered)
	case c.withdrawn:
		w.fail("call %d was canceled before its turn and delivered", id)
	case c.denied:
		w.fail("call %d was said to be certainly not delivered, and is", id)
	case t.epoch != t.vat.epoch:
		w.fail("call %d was delivered to an incarnation that is gone", id)
	case h.means.end().thing != t:
		w.fail("call %d was delivered to another object than handle %d means", id, on)
	case h.means.end().severed() && c.verb != "count": // which may have waited there
		w.fail("call %d was delivered after grant %d was severed", id, h.means.end().grant.id)
	case seq <= h.arrived:
		w.fail("order: on handle %d number %d arrives after %d", on, seq, h.arrived)
	}
	h.arrived = max(h.arrived, seq)
	return c
}

// value is what a call for data results in.
func (c *call) value() int {
	if c.verb == "some" {
		return c.result.means.end().value
	}
	return 3*c.id + 1
}

// succeeded takes an outcome that is data.
func (c *call) succeeded(v int) {
	c.settle("value")
	if c.wasDelivered() && v != c.value() {
		c.from.w.fail("call %d has the value %d, not %d", c.id, v, c.value())
	}
}

// wasDelivered checks that a call which succeeded had been delivered; false if an attacker may have answered it.
func (c *call) wasDelivered() bool {
	w := c.from.w
	if w.puppet != nil && c.mayFail()&stranger != 0 {
		return false
	}
	if c.delivered != 1 {
		w.fail("call %d succeeded, delivered %d times", c.id, c.delivered)
	}
	return true
}

func (c *call) settle(how string) {
	w := c.from.w
	w.did("settle", "%s: call %d: %s", c.from, c.id, how)
	if c.settled++; c.settled > 1 {
		w.fail("call %d settled %d times", c.id, c.settled)
	}
}
