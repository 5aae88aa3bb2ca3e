package vat

import (
	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec/object"
	"github.com/vatnet/vatnet/sturdyref"
)

// Enliven turns a sturdyref into a reference, at once: a promise to which sends
// are on their way while the vat that it names is still being dialled. One's own
// sturdyref gives the near reference, without any dialling.
//
// A sturdyref that only messages have brought (see sturdyref.Ref.Donor) may name
// doors that are shut to whoever sent it: it is not dialled on this machine, in
// private networks and below port 1024, unless v itself is to be had there or
// SessionLimits.DialPrivate is set; and one vat's sturdyrefs make for ten dials a
// minute. The error is ErrUnreachable for all that can go wrong with such a dial.
//
// If it comes to nothing the reference breaks: with ErrUnreachable, ErrWrongVat,
// ErrNoSuchObject, or ErrClosed if v is closed. [Ref.Await] tells when it is known.
//
// In a turn of a vat with a store it is a part of that: nobody is dialled or asked before the turn is committed. The vat's own
// sturdyrefs give the near reference at once also there, unless they are good for a single use or were made by that turn.
func (v *Vat) Enliven(r sturdyref.Ref) *Ref {
	c := v.core
	if r.IsZero() || !c.holds() {
		return v.enliven(r)
	}
	if g, err := v.GrantOf(r); err == nil && !g.once {
		return v.enliven(r)
	}
	c.lock()
	defer c.leave()
	p := c.machine.NewPromise()
	p.Mark(r)
	c.hold(&heldEnliven{p.Retain(), r})
	return c.newRef(p)
}

// heldEnliven is an Enliven.
type heldEnliven struct {
	p *captp.Ref // one holder
	r sturdyref.Ref
}

func (h *heldEnliven) apply(c *core) { c.enlivenAs(h.p, h.r) }

func (h *heldEnliven) undo(c *core, err *carried) {
	c.machine.Break(h.p, err.wire)
	h.p.Release()
}

// enlivenAs resolves a promise, of which one holder passes, to what a sturdyref leads to. Machine right.
func (c *core) enlivenAs(promise *captp.Ref, origin sturdyref.Ref) {
	c.outside = append(c.outside, func() {
		r := c.vat.enliven(origin)
		c.lock()
		if r.ref.State() == captp.Promise && !c.is(origin.Vat()) {
			r.ref.Watch(&marker{c, promise.Retain()})
		}
		c.machine.Resolve(promise, r.ref.Retain())
		promise.Release()
		c.leave()
		r.Release()
	})
}

// enliven is Enliven outside of turns, and by the vat itself.
func (v *Vat) enliven(r sturdyref.Ref) *Ref {
	c := v.core
	if r.IsZero() {
		return c.brokenRef(ErrNull)
	}
	c.lock()
	if refused := c.refused; refused != nil {
		c.unlock()
		return c.brokenRef(refused)
	}
	if c.is(r.Vat()) {
		defer c.leave()
		ref := c.lookup(c.hashOfRef(r))
		if ref == nil {
			ref = c.machine.BrokenRef(toWire(ErrNoSuchObject))
		}
		return c.newRef(ref)
	}
	c.unlock()
	ref := c.ask(v.sessionFor(r), r.Swissnum())
	if c.dur != nil {
		c.lock()
		ref.ref.Mark(r)
		if ref.ref.State() == captp.Promise {
			ref.ref.Watch(&marker{c, ref.ref.Retain()})
		}
		c.leave()
	}
	return ref
}

// marker has what a reference settles to know of what sturdyref it came, so that a durable object
// can keep it however it came there. It does so only if that is an object of the vat that the sturdyref
// names: who answers with another's must not become the way to it for those who had it already.
type marker struct {
	core *core
	ref  *captp.Ref // until it has settled; one holder
}

// Changed implements captp.Watcher.
func (m *marker) Changed(r *captp.Ref) {
	end, origin := r.Settled(), r.Origin().(sturdyref.Ref)
	if s := end.Session(); s != nil && s.Tag().(*session).peer == origin.Vat() {
		end.Mark(origin)
		if s := s.Tag().(*session); s.former {
			m.core.outside = append(m.core.outside, func() { m.follow(s, origin) })
			return
		}
	}
	m.core.garbage.add(m.ref)
}

// follow has the reference, and what it has settled to, know of the sturdyref that takes the place of theirs.
func (m *marker) follow(s *session, origin sturdyref.Ref) {
	c := m.core
	c.lock()
	defer c.leave()
	s.inherit(heir{
		old: origin,
		tell: func(fresh sturdyref.Ref) {
			m.ref.Mark(fresh)
			m.ref.Settled().Mark(fresh)
		},
		free: func() { c.garbage.add(m.ref) },
	})
}

// ask asks the peer of s for what a swissnum designates.
func (c *core) ask(s *session, secret sturdyref.Swissnum) *Ref {
	var b capn.Builder
	b.Init(nil)
	bytes := secret.Reveal()
	b.Data(b.Root(0, 1).Slot(0), bytes[:])
	c.lock()
	defer c.leave()
	boot := s.captp.Bootstrap()
	call := c.machine.Send(boot, &captp.Outgoing{
		Interface: object.NonceLocator_TypeID, Method: methodLookup, Params: b.Bytes(),
	})
	ref := call.Pipe(0)
	call.Done()
	boot.Release()
	return c.newRef(ref)
}

// brokenRef returns a reference that is broken for err.
func (c *core) brokenRef(err error) *Ref {
	c.lock()
	defer c.unlock()
	return c.newRef(c.machine.BrokenRef(toWire(err)))
}
