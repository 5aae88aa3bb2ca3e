package sim

import (
	"time"

	"github.com/vatnet/vatnet/vat"
)

// In a world with grants things are reachable by further secrets, some for a time only. A reference keeps its grant
// wherever it goes. When the grant is revoked, or has expired, every reference that came of it is severed: what has not
// reached the vat by then is not delivered. The clocks of the vats go on by leaps, and now and then backward.

// grant is what one secret confers.
type grant struct {
	id      int
	vat     *machine
	thing   *thing
	secret  [32]byte
	expires time.Time // zero: never
	due     bool      // its time has come, or it was revoked: it may be severed
	severed bool      // it is
	revoke  func()
}

// grant makes one, of the root or of a new thing.
func (m *machine) grant() {
	w := m.w
	g := &grant{id: len(w.grants) + 1, vat: m, thing: m.root}
	if w.rng.IntN(2) == 0 {
		g.thing = m.thing()
	}
	g.secret[0], g.secret[1] = 9, byte(g.id)
	if w.rng.IntN(2) == 0 {
		g.expires = m.clock.Add(time.Duration(1+w.rng.IntN(60)) * time.Minute)
	}
	var err error
	if g.revoke, err = m.core.Grant(g.thing, g.secret, g.expires); err != nil {
		w.fail("granting: %v", err)
	}
	w.grants = append(w.grants, g)
	m.grants = append(m.grants, g)
	w.did("grant", "%s: grant %d, which expires %v", m, g.id, !g.expires.IsZero())
}

// enliven gets a reference by the secret of a grant of some vat's present incarnation.
func (m *machine) enliven() {
	w := m.w
	o := pick(w, w.vats)
	if len(o.grants) == 0 {
		return
	}
	g := pick(w, o.grants)
	h := &handle{means: &meaning{thing: g.thing, grant: g}}
	if o == m {
		h.ref = m.core.Own(g.secret).(*vat.Ref)
	} else {
		e := m.links[o.i]
		h.ref, h.over = e.session.Ask(g.secret).(*vat.Ref), e.wire
	}
	m.add(h)
	w.did("enliven", "%s: handle %d by grant %d of %s", m, h.id, g.id, o)
}

// end severs a grant of m.
func (m *machine) end(g *grant) {
	m.turns() // so that what has reached the vat is delivered
	g.due, g.severed = true, true
	m.w.did("revoke", "%s: grant %d", m, g.id)
	g.revoke()
}

// turns runs all that are queued.
func (m *machine) turns() {
	for m.core.Step() {
		continue
	}
}

// leap sets the clock of m, and has what is then due be done, or not yet.
func (m *machine) leap(by time.Duration, fire bool) {
	w := m.w
	m.clock = m.clock.Add(by)
	for _, g := range m.grants {
		g.due = g.due || !g.expires.IsZero() && !m.clock.Before(g.expires)
	}
	w.did("clock", "%s: %v later, fire %v", m, by, fire)
	if !fire {
		return
	}
	m.turns()
	for _, g := range m.grants {
		if !g.expires.IsZero() && !m.clock.Before(g.expires) {
			g.severed = true
		}
	}
	w.judge(m)
	m.core.Fire()
}

// confer does one thing with grants or clocks.
func (m *machine) confer() {
	w := m.w
	switch n := w.rng.IntN(12); {
	case n < 3:
		m.grant()
	case n < 6:
		m.enliven()
	case n < 8 && len(m.handles) > 0:
		m.call(pick(w, m.handles), "self", nil)
	case n < 9 && len(m.grants) > 0:
		if g := pick(w, m.grants); !g.severed {
			m.end(g)
		}
	case n < 11:
		m.leap(time.Duration(w.rng.IntN(1800))*time.Second, w.rng.IntN(3) > 0)
	default:
		m.leap(-time.Duration(w.rng.IntN(1800))*time.Second, w.rng.IntN(3) > 0)
	}
}

// Self results in the thing itself, under the grant of the reference through which it was called.
func (t *thing) Self(id, on, seq int) *thing {
	c := t.arrive(id, on, seq)
	if c == nil {
		return t
	}
	h := &handle{vat: t.vat, means: &meaning{thing: t, grant: c.on.means.end().grant}}
	if !t.vat.w.become(c.result.means, h) {
		c.result.means.to = t.vat.fresh()
	}
	return c.result.means.to.means.thing
}
