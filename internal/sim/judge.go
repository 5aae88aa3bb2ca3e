package sim

import (
	"slices"

	"github.com/vatnet/vatnet/captp"
)

// Whenever a session is lost, the world looks which references and which calls that hurts, before the vats hear of it: at
// the tables of all vats, along the way that a message would take now, or takes. Only these may fail for it. Who goes by
// another session, be it that the vat through which its reference came is gone, must not notice.
//
// What nobody can follow counts as hurt if any session was lost by which it may have come: what was let go of by the vat
// that passed it, while it was under way; what was canceled on its way; promises for data.

// lose notes that a session was lost, and whom that hurts.
func (w *world) lose(wires ...*wire) {
	for _, x := range wires {
		x.lost, w.parted = true, true
	}
	w.judge(nil)
}

// judge marks what depends on what was lost. With late, that vat has waited for the answers of hosts for too long.
func (w *world) judge(late *machine) {
	if !w.parted {
		return
	}
	for _, m := range w.vats {
		for _, h := range m.handles {
			h.parted = h.parted || w.judgement(late).handle(h)
		}
	}
	for _, c := range w.calls {
		c.parted = c.parted || c.settled == 0 && w.judgement(late).call(c)
	}
}

// severs reports whether what is made of h, or sent on it, is lost from the beginning.
func (h *handle) severs() bool {
	w := h.vat.w
	return w.parted && (h.parted || w.judgement(nil).handle(h))
}

// lost reports whether h may be broken by the loss of a session, of one by which it may have come.
func (h *handle) lost() bool { return h.parted || h.freed || h.data != nil || h.means.lost() }

// lost reports whether m was settled to what was lost, or is what a call results in of which that is true.
func (m *meaning) lost() bool {
	for m.why&lost == 0 {
		switch {
		case m.of != nil && !m.of.parted:
			m = m.of.on.means
		case m.to != nil && m.why&cycle == 0:
			m = m.to.means
		default:
			return m.of != nil
		}
	}
	return true
}

// lost reports whether the call may fail for the loss of a session.
func (c *call) lost() bool {
	return c.parted || c.on.data != nil || c.verb == "count" || c.on.means.lost() || c.result != nil && c.result.lost()
}

// gone reports whether nothing can be sent on h any more.
func (h *handle) gone() bool {
	m := h.vat
	switch {
	case h.freed || !slices.Contains(m.handles, h): // nobody can say
		return true
	case h.promise != nil && h.promise.Err() != nil:
		return true
	}
	ref, c := m.core.Inside(h.target())
	if ref == nil {
		return c == nil
	}
	state := ref.State()
	asked := state == captp.Far && ref.Session() == nil // its host was: what waited for credit to go down the vine has failed
	return state == captp.Broken || asked
}

// came notes that h was brought by c.
func (h *handle) came(c *call) {
	h.parted = h.parted || c.parted || c.arg.parted || c.canceled && c.on.wide() || c.arg.freed && c.arg.wide()
}

// wide reports whether any session was lost by which h may have come.
func (h *handle) wide() bool {
	w := h.vat.w
	w.mark++
	return h.walk(w.mark)&lost != 0
}

// judgement looks at what is lost, once for each mark.
type judgement struct {
	w    *world
	late *machine
	mark int
}

func (w *world) judgement(late *machine) judgement {
	w.marks++
	return judgement{w, late, w.marks}
}

// handle reports whether h is lost.
func (j judgement) handle(h *handle) bool {
	switch {
	case h.parted || h.call != nil && h.call.parted:
		return true
	case h.freed || h.data != nil || h.call != nil && h.call.canceled: // what was sent on the latter goes on
		return h.wide()
	case h.id == 0: // it is to be
		return false
	}
	m := h.vat
	ref, c := m.core.Inside(h.target())
	fate := captp.FateOpen
	if ends := j.ends(); ref != nil {
		fate = ends.Ref(ref)
	} else if c != nil {
		fate = ends.Call(c)
	}
	return fate == captp.FateLost || fate == captp.FateOpen && j.meaning(h.means)
}

// meaning reports whether what nobody has settled yet depends on what is lost.
func (j judgement) meaning(m *meaning) bool {
	if m.judged == j.mark {
		return false
	}
	m.judged = j.mark
	switch {
	case m.why&lost != 0:
		return true
	case m.of != nil:
		return j.call(m.of)
	case m.to != nil && m.why&cycle == 0:
		return j.handle(m.to)
	}
	return false
}

// call reports whether c is lost on its way, or its answer is.
func (j judgement) call(c *call) bool {
	if c.parted {
		return true
	}
	fate := captp.FateOpen
	if c.settled == 0 && c.epoch == c.from.epoch {
		if _, x := c.from.core.Inside(c.promise); x != nil {
			fate = j.ends().Call(x)
		}
	}
	switch {
	case fate == captp.FateLost:
		return true
	case c.delivered > 0:
		return c.result != nil && j.meaning(c.result.means)
	case fate == captp.FateSound:
		return false
	}
	return j.handle(c.on) || c.verb == "count" && c.arg.wide()
}

// ends knows the sessions of all vats.
func (j judgement) ends() *captp.Ends {
	e := &captp.Ends{Peer: j.w.peer}
	if j.late != nil {
		for _, x := range j.late.links {
			if x != nil {
				e.Late = x.session.Inside()
			}
		}
	}
	return e
}

// peer returns the other end of a session that is not lost.
func (w *world) peer(s *captp.Session) *captp.Session {
	for _, m := range w.vats {
		for _, e := range m.links {
			if e == nil || e.session.Inside() != s {
				continue
			}
			if e.wire.lost || e.wire.hostile {
				return nil
			}
			o := e.wire.a
			if o == m {
				o = e.wire.b
			}
			return o.links[m.i].session.Inside()
		}
	}
	return nil
}
