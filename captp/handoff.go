package captp

import (
	"slices"

	"github.com/vatnet/vatnet/internal/capn"
)

// A reference to an object of a third vat comes with a vine, a way there through whoever passed it, and with what is
// needed to fetch the object from its own vat (spec/handoff.md). It is used at once, by the vine. When there is a session
// with the host, the way is closed for a moment, while what was sent goes on to the object, and then leads there directly.
//
// Three roles, a file each: the donor's in donor.go, the host's in gifts.go, the recipient's here.
//
// The recipient has two references. The vine is an import as any other and always goes its way. The one that is
// passed to objects is in front of it and is led elsewhere later:
//
//	            closed: Accept sent             Return, settled
//	routeVine ─────────────────────▶ routeQueue ──────▶ routeForward, to what the host returned
//	    │                                │
//	    └────────────────────────────────┴────────────▶ routeForward, to the vine: no direct way could be had

// idSize is the size of a vat id and of a nonce, in bytes.
const idSize = 32

// Introducer finds sessions with vats of which this one has only heard.
type Introducer interface {
	// Nonce returns 32 random bytes.
	Nonce() [idSize]byte
	// Meet asks for a session with the host of h, be it one that there is, to be told by Met. It is called inside the
	// machine and must not call it.
	Meet(h *Handoff)
}

// Handoff is the recipient's side of one: a reference that goes by a vine and looks for the direct way.
//
//	         others are over        Met             Grant, Offer, and room          Return, or no way
//	waiting ─────────────────▶ seeking ───────▶ meeting ───────────────▶ accepting ─────────────────────▶ over
//	   │                          │                │                        └─────── no answer in time ────▶ over
//	   └──────────────────────────┴────────────────┴──── no session, the donor is gone, the reference was dropped ──▶ over
type Handoff struct {
	state     handState
	p         *Ref     // what is passed to objects; no holder until it is closed
	v         *Ref     // the vine; one holder
	donor     *Session // through which the vine leads
	host      string
	nonce     string
	locations []string
	to        *Session // with the host, once it is known
	lost      *Error   // why the donor is gone
	cost      int      // charged to the donor
	accept    *Call    // to the host, which is to answer …
	got       *Ref     // … has answered with this promise; one holder …
	due       uint64   // … until this tick
}

type handState uint8

const (
	handWaiting   handState = iota // the donor has passed many, whose turn is first
	handSeeking                    // the introducer was asked
	handMeeting                    // the session is not up yet, or has been asked for enough
	handAccepting                  // the way is closed, the host is asked
	handOver
)

// Host returns the vat id of the host.
func (h *Handoff) Host() string { return h.host }

// Locations returns where the donor says that the host is: at most eight, of a peer's choosing.
func (h *Handoff) Locations() []string { return h.locations }

// Donor returns the session of whoever passed the reference.
func (h *Handoff) Donor() *Session { return h.donor }

// Offer says that both sides take part in handoff, and at which locations ("host:port") the peer says that it is to be
// found: others are told of them. It is to be called before Grant, and has no effect if SessionConfig.Vat, Config.Vat or
// Config.Introducer is not set.
func (s *Session) Offer(locations []string) {
	s.offered, s.locations = s.vat != "" && s.m.cfg.Vat != "" && s.m.cfg.Introducer != nil, locations
}

// meetAll goes on with what waited for the session to be up, to have room, or to end.
func (s *Session) meetAll() {
	waiting := s.meeting
	s.meeting = nil
	for _, l := range waiting {
		for _, h := range l.wait {
			s.m.meet(h, s)
		}
	}
}

// meetNext goes on with what waited for the room that an Accept has left.
func (s *Session) meetNext() {
	for h := s.meeting.next(s.hasRoom); h != nil; h = s.meeting.next(s.hasRoom) {
		s.m.meet(h, s)
	}
}

// hasRoom reports whether the peer may be asked for one more of what donor has passed.
func (s *Session) hasRoom(donor string) bool { return s.picking.room(donor, maxAccepts) }

// Met answers Meet: s is the session with the host of h, which may be yet to come up; nil: none can be had.
func (m *Machine) Met(h *Handoff, s *Session) {
	if h.state == handSeeking {
		m.meet(h, s)
	}
}

// meet goes on with h when s is, or may become, the session with its host.
func (m *Machine) meet(h *Handoff, s *Session) {
	switch {
	case h.state == handOver, h.donor.err != nil: // that it is gone is about to be told: see Bury
	case s == nil || s.err != nil || s.vat != h.host || s.granted && !s.offered || s.owed+s.unsettled > 0:
		m.stay(h)
	case !s.granted || !s.hasRoom(h.donor.vat):
		h.state, h.to = handMeeting, s
		s.meeting.add(h)
	default:
		h.to = s
		m.pickUp(h)
	}
}

// receiveThird takes a reference to a third vat's object in, with a holder.
func (s *Session) receiveThird(d capn.Ptr) (*Ref, bool) {
	tp, err := d.Field(0)
	if err != nil || !tp.IsStruct() {
		s.fatal(ProtoMessage)
		return nil, false
	}
	id := tp.U32(0)
	known := s.imports.get(id) != nil
	v := s.importRef(id, false)
	if known || s.failing != "" {
		return v, s.failing == ""
	}
	v.imp.vine = true
	if !s.offered || len(s.unsought) >= maxUnsought {
		return v, true
	}
	h := &Handoff{v: v, donor: s}
	if !h.decode(tp) || h.host == s.vat || h.host == s.m.cfg.Vat {
		return v, true
	}
	p := s.m.newRef(routeVine)
	p.to, p.far, p.hand, v.imp.hand = v, true, h, h
	h.p = p
	h.cost = handCost
	for _, l := range h.locations {
		h.cost += len(l)
	}
	s.charge(h.cost)
	s.unsought = append(s.unsought, h)
	s.seek()
	return p, true
}

// seek goes after what the peer has passed, as long as not too much is under way.
func (s *Session) seek() {
	for len(s.unsought) > 0 && s.handoffs < maxHandoffs && s.err == nil {
		h := s.unsought[0]
		s.unsought = s.unsought[1:]
		h.state = handSeeking
		s.handoffs++
		s.m.cfg.Introducer.Meet(h)
	}
}

// decode reads the Contact of a ThirdPartyCapDescriptor.
func (h *Handoff) decode(tp capn.Ptr) bool {
	c, err := tp.Field(0)
	if err != nil || !c.IsStruct() {
		return false
	}
	h.host, h.nonce = idOf(c, 0), idOf(c, 1)
	list, err := c.Field(2)
	if err != nil || h.host == "" || h.nonce == "" || !(list.IsNull() || list.IsList()) || list.Len() > maxLocations {
		return false
	}
	for i := range list.Len() {
		t, err := list.ElemPtr(i)
		if err != nil {
			return false
		}
		text, err := t.Text()
		if err != nil || len(text) > maxLocation {
			return false
		}
		h.locations = append(h.locations, string(text))
	}
	return true
}

const (
	maxLocations = 8
	maxLocation  = 264
	maxEmbargo   = 32   // bytes of an embargo's id
	maxAccepts   = 1024 // that one vat may have open with another
	maxHandoffs  = 256  // that are under way, of one donor's …
	maxUnsought  = 4096 // … and that wait for these
	handCost     = 640
	pickUpTicks  = 20 // for how long a reference waits for its host: longer than a host lets an Accept wait
)

// idOf returns the 32 bytes in a pointer of a struct, "" if there are none.
func idOf(st capn.Ptr, i int) string {
	if p, err := st.Field(i); err == nil {
		if b, err := p.Bytes(); err == nil && len(b) == idSize {
			return string(b)
		}
	}
	return ""
}

// pickUp closes the way and asks the host: from here on calls wait until it has answered.
func (m *Machine) pickUp(h *Handoff) {
	h.state = handAccepting
	h.p.Retain()
	h.p.route, h.p.to = routeQueue, nil
	embargo := ""
	if (h.v.used || h.p.used || h.v.held > 0) && !m.hasty {
		n := m.cfg.Introducer.Nonce()
		embargo = string(n[:maxEmbargo/2])
		o := &onward{s: h.donor, to: h.v, embargo: embargo}
		if h.v.held > 0 {
			h.donor.hold(h.v, item{errand: o})
		} else {
			o.reach(h.v)
		}
	}
	c := m.newCall()
	c.accept = &acceptance{donor: h.donor.vat, nonce: h.nonce, embargo: embargo}
	c.sink, c.brief, c.noPipelining, c.tangled = h, true, true, true
	h.accept, h.due = c, m.ticks+pickUpTicks
	m.accepting = append(m.accepting, h)
	h.to.transmit(c, h.to.anchor)
}

// giveUpLate ends the wait for hosts that do not answer: calls go on down the vine. Nothing has gone the direct way.
// The question, or the promise, stays until there is an answer, so the host is asked for nothing else before that.
func (m *Machine) giveUpLate() {
	for len(m.accepting) > 0 && m.accepting[0].due <= m.ticks {
		h := m.accepting[0]
		m.accepting = m.accepting[1:]
		if r := h.got; r != nil {
			h.to.unsettled++
			r.Watch(&debt{h.to, r.Retain()})
			m.stay(h)
		} else {
			if q := h.accept.q; q != nil && !q.returned {
				q.late = true
				h.to.owed++
			}
			h.accept.Cancel()
		}
		h.to.meetAll() // it is asked for nothing more
	}
}

// debt is a promise with which a host has answered, and which was given up. It is waited for, but by no reference.
type debt struct {
	host *Session
	r    *Ref // one holder
}

// Changed implements Watcher: it has settled.
func (d *debt) Changed(*Ref) {
	d.host.unsettled--
	d.r.Release()
}

// acceptance is what an Accept says.
type acceptance struct{ donor, nonce, embargo string }

// Settled implements Sink: the host has answered, or cannot.
func (h *Handoff) Settled(c *Call, out Outcome) {
	if h.state != handAccepting {
		return
	}
	if out.Err != nil || len(out.Caps) == 0 || out.Caps[0] == nil {
		c.m.stay(h)
		return
	}
	if h.accept = nil; out.Caps[0].State() == Promise {
		h.got = out.Caps[0].Retain()
		h.got.Watch(h)
		return
	}
	c.m.lead(h, out.Caps[0])
}

// Changed implements Watcher: the promise has settled with which the host has answered.
func (h *Handoff) Changed(r *Ref) {
	if r.State() == Broken && h.to.err != nil {
		r.m.stay(h)
		return
	}
	r.m.lead(h, r)
}

// lead has all calls go to r from now on.
func (m *Machine) lead(h *Handoff, r *Ref) {
	p := h.p
	r.Retain()
	h.over()
	m.forward(p, r)
	p.Release()
}

// stay makes the vine the way for good.
func (m *Machine) stay(h *Handoff) {
	p, lost, closed := h.p, h.lost, h.state == handAccepting
	v := h.v.Retain()
	h.over()
	switch {
	case lost != nil:
		v.Release()
		m.breakRef(p, lost)
	default:
		m.forward(p, v)
	}
	if closed {
		p.Release()
	}
}

// over ends h and lets go of the vine, whatever p is led to next.
func (h *Handoff) over() {
	self := func(x *Handoff) bool { return x == h }
	switch h.state {
	case handWaiting:
		h.donor.unsought = slices.DeleteFunc(h.donor.unsought, self)
	case handMeeting:
		h.to.meeting.remove(h)
	case handAccepting:
		h.donor.m.accepting = slices.DeleteFunc(h.donor.m.accepting, self)
	case handSeeking, handOver:
	}
	began := h.state != handWaiting
	h.state, h.accept = handOver, nil
	if r := h.got; r != nil {
		h.got = nil
		r.Unwatch(h)
		r.Release()
	}
	h.p.hand, h.p.to = nil, nil
	if h.p.route == routeVine {
		h.p.route = routeQueue
	}
	if imp := h.v.imp; imp != nil {
		imp.hand = nil
	}
	h.donor.charge(-h.cost)
	if began {
		h.donor.handoffs--
		h.donor.seek()
	}
	h.v.Release()
}

// donorGone handles that the session ends through which the vine leads.
func (m *Machine) donorGone(h *Handoff, err *Error) {
	h.lost = err
	if h.state != handAccepting { // else the host has the last word
		m.stay(h)
	}
}

// onVine returns the vine of a reference whose way is one still, else the reference.
func (r *Ref) onVine() *Ref {
	if r.route == routeVine {
		return r.to
	}
	return r
}

// Vine reports whether calls on r go to its vat through whoever passed it, as far as this is known: a donor that takes no
// part in handoff does not say so.
func (r *Ref) Vine() bool {
	end := r.Settled().onVine()
	return end.route == routeImport && end.imp.vine
}

// errand is what of a handoff waits in a line behind calls.
type errand interface {
	// reach does it: what was in front has gone. r is where it waited; broken, if what it was for is gone.
	reach(r *Ref)
}

// onward is a Disembargo on its way to the host: to the donor, which has it follow the calls on a vine, and from there to
// the question of the Provide.
type onward struct {
	s        *Session
	to       *Ref      // the vine, or
	donation *donation // whose question
	embargo  string
}

func (o *onward) reach(r *Ref) {
	if r.route == routeBroken || o.s.err != nil {
		return
	}
	if o.donation == nil {
		o.s.writeDisembargoAccept(o.to.imp.id, false, o.embargo)
	} else if o.donation.open() {
		o.s.writeDisembargoAccept(o.donation.id, true, o.embargo)
	}
}

func (s *Session) writeAccept(q *question, a *acceptance) int {
	b := &s.m.b
	st := s.begin(msgAccept, 1, 2)
	st.SetU32(0, q.id)
	c := b.Struct(st.Slot(0), 0, 2)
	b.Data(c.Slot(0), []byte(a.donor))
	b.Data(c.Slot(1), []byte(a.nonce))
	if a.embargo != "" {
		b.Data(st.Slot(1), []byte(a.embargo))
	}
	return s.commit()
}

// writeDisembargoAccept sends a Disembargo to a vine, an import, or to a Provide.
func (s *Session) writeDisembargoAccept(id uint32, provide bool, embargo string) {
	b := &s.m.b
	st := s.begin(msgDisembargo, 1, 2)
	st.SetU16(4, contextAccept)
	t := b.Struct(st.Slot(0), 1, 1)
	if provide {
		t.SetU16(4, targetPromisedAnswer)
		b.Struct(t.Slot(0), 1, 1).SetU32(0, id)
	} else {
		t.SetU32(0, id)
	}
	b.Data(st.Slot(1), []byte(embargo))
	s.commit()
}
