package captp

import "slices"

// The peer grants credit for open calls and their bytes in the handshake. At the limit further calls wait here, in one
// line for the whole session so that their order stays. Nothing else waits: what must come behind calls in the line is
// turned into something that can.
//
//   - A reference on which calls wait is not passed to its host, which could overtake them, but a promise that becomes
//     it behind them (behindHeld). So the peer is told that something of ours leads back to it only when all that had to
//     go there before has left.
//   - A promise that settles takes what waits on it out of the line: nothing of that has left, so it goes wherever the
//     promise leads (takeHeld), and the question that the peer has answered is not kept open.
//   - A call of the peer's that goes back to it takes of a credit of its own, as large again: else calls that bounce would
//     wait for what they take themselves. It stands in the line only behind calls on the same reference, or if too many
//     go back, as in a circle. On a way that the peer was told of (routeFrom) it never waits.

// held waits in its session's line: a call for credit, or what has to come behind one.
type held struct {
	s  *Session
	to *Ref // counts it, and is held by it; nil once it has left the line
	item
}

// hold puts it at the end of the line, on its way to r.
func (s *Session) hold(r *Ref, it item) {
	if s.gaps > 32 && s.gaps > len(s.held)/2 {
		s.held = slices.DeleteFunc(s.held, func(h *held) bool { return h.to == nil })
		s.gaps = 0
	}
	s.held = append(s.held, s.newHeld(r, it))
}

func (s *Session) newHeld(r *Ref, it item) *held {
	h := &held{s: s, to: r.Retain(), item: it}
	r.held++
	if it.call != nil {
		it.call.on, it.call.line = nil, h
	} else if it.open != nil {
		it.open.becomes = r
	}
	s.charge(itemCost)
	return h
}

// leave takes h out of the line, leaving a gap, and gives what waited to the caller.
func (h *held) leave() item {
	it, to := h.item, h.to
	h.s.charge(-itemCost)
	if it.call != nil {
		it.call.line = nil
	}
	h.item, h.to = item{}, nil
	h.s.gaps++
	to.held--
	to.Release()
	return it
}

// takeHeld moves what waits for credit on r, which is about to become to (nil: to break, or to be in embargo). If the
// peer said that r is another of its own references, it keeps its place in the line. Otherwise it goes into r's queue:
// it did not leave, and need not make the detour through the peer. To what the peer sent back (see detour) calls of the
// peer's may be on the way in front of it, so it goes through the queue too.
func (r *Ref) takeHeld(to *Ref) {
	if r.held == 0 {
		return
	}
	if to != nil {
		to = to.onVine()
	}
	s := r.through()
	s.touch() // what stood behind it may go on
	same := to != nil && to.live() && to.through() == s
	for i := 0; r.held > 0; i++ {
		switch h := s.held[i]; {
		case h.to != r:
		case same:
			h.to = to.Retain()
			if h.open != nil {
				h.open.becomes = to
			}
			to.held++
			r.held--
			r.Release()
		default:
			r.queue = append(r.queue, h.leave())
		}
	}
}

// Grant tells what the peer takes at a time: open calls, and bytes of their
// messages. Before it everything waits. The plain Cap'n Proto peer, which grants
// nothing, is given the defaults by its adapter.
func (s *Session) Grant(calls uint32, bytes uint64) {
	s.grantCalls = int64(calls)
	s.grantBytes = int64(min(bytes, 1<<62))
	s.granted = true
	s.sendHeld()
	s.meetAll()
}

// Held returns how many sends wait for the peer's credit.
func (s *Session) Held() int { return len(s.held) - s.gaps }

// ask sends c towards r, over this session, now or when there is credit.
func (s *Session) ask(c *Call, r *Ref) {
	if s.err != nil {
		c.fail(s.err.as(NotDelivered))
		return
	}
	if c.in.flat == nil && !c.own() {
		return
	}
	switch size := c.sizeBound(); {
	case c.strict:
		if int64(s.calls()) >= 4*s.grantCalls+spareCalls+int64(s.m.lim.OpenCalls) {
			c.fail(errOverloaded)
			return
		}
		s.transmit(c, r)
	case c.goesBack(s) && r.held == 0 && s.affords(c, 0):
		s.transmit(c, r)
	case s.grantBytes > 0 && size > s.grantBytes:
		c.fail(errTooLarge)
	case s.Held() > 0 || !s.affords(c, size):
		if c.own() {
			c.wait()
			s.hold(r, item{call: c})
		}
	default:
		s.transmit(c, r)
	}
}

// goesBack reports whether c came from the peer of s.
func (c *Call) goesBack(s *Session) bool { return c.answer != nil && c.answer.s == s }

// behindHeld returns what the peer is told when r, which it hosts, is passed to
// it: r itself or, if calls on r still wait in the line, a promise that becomes r
// behind them. Also a call that stands before those passes the promise: its
// argument may have become r only after they were made. The caller gets a holder.
func (s *Session) behindHeld(r *Ref) *Ref {
	if r.held == 0 || s.opening || r.through() != s {
		return r.Retain()
	}
	p := s.m.NewPromise()
	s.hold(r, item{open: p.Retain()})
	return p
}

// spareCalls is how many questions that are returned and not finished come on top of the multiples of the credit, so that
// a small credit is not used up by them.
const spareCalls = 64

// calls returns how many questions there are that take credit, or took some.
func (s *Session) calls() int { return s.questions.n - s.donations.all - s.picking.all }

// affords reports whether c, of size bytes, fits into the credit. Of questions that are returned and cannot be finished
// yet there are no more than the peer bears with, see openAnswer.
func (s *Session) affords(c *Call, size int64) bool {
	switch {
	case int64(s.calls()) >= 3*s.grantCalls+spareCalls:
		return false
	case c.goesBack(s):
		return s.backCalls < s.grantCalls
	}
	return s.openCalls < s.grantCalls && (s.openCalls == 0 || s.openBytes+size <= s.grantBytes)
}

// sizeBound is at least the size of the message that c will be.
func (c *Call) sizeBound() int64 {
	return int64(len(c.in.flat) + len(c.body.buf) + 320 + 80*(len(c.in.caps)+len(c.body.caps)))
}

// sendHeld sends what there is credit for again, and does what stood behind it.
func (s *Session) sendHeld() {
	if len(s.held) == 0 || s.sending || s.err != nil {
		return
	}
	s.sending = true
	defer func() { s.sending = false }()
	for len(s.held) > 0 && s.err == nil {
		h := s.held[0]
		if c := h.call; c != nil && !s.affords(c, c.sizeBound()) {
			return
		}
		if h.open != nil && s.unqueue(h) {
			continue
		}
		s.held = s.held[1:]
		if h.to == nil {
			s.gaps--
			continue
		}
		to := h.to.Retain()
		it := h.leave()
		s.gaps-- // it is no gap: it is out
		switch {
		case it.call != nil:
			s.transmit(it.call, to)
		case it.open != nil:
			// What stands behind this in the line was sent after it was passed on.
			s.opening = true
			s.m.Resolve(it.open, to.Retain())
			s.opening = false
			it.open.Release()
		default:
			s.m.passTo(to, it)
		}
		to.Release()
	}
}

// unqueue puts what waits on the promise that opens at the head of the line in front of it, and reports whether there
// was something: it is resolved, and the peer told, once nothing is left that has to go before.
func (s *Session) unqueue(h *held) bool {
	if len(h.open.queue) == 0 {
		return false
	}
	var front []*held
	for _, it := range h.open.queue {
		if it.call == nil || it.call.state != callSettled {
			front = append(front, s.newHeld(h.to, it))
		}
	}
	h.open.queue = nil
	s.held = append(front, s.held...)
	return true
}
