package captp

import "slices"

// The peer grants credit for open calls and their bytes in the handshake. At
// the limit further calls wait here, in one line for the whole session so that
// their order stays. Return, Finish, Release and Resolve never wait; a
// Disembargo does only behind calls on the promise that it is for.

// held waits in its session's line: a call for credit, others behind it.
type held struct {
	s    *Session
	call *Call // a call
	open *Ref  // a promise that becomes to
	// neither: a Disembargo
	to      *Ref // pinned: the way to it stays open; nil once it has left the line
	context uint16
	id      uint32
}

// hold puts h at the end of the line; what waited on a promise that stood in the
// line and is being resolved takes that promise's place.
func (s *Session) hold(h held) {
	h.s = s
	h.to.pin()
	h.to.held++
	if h.call != nil {
		h.call.line = &h
	}
	if s.opening {
		s.front = append(s.front, &h)
	} else {
		s.held = append(s.held, &h)
	}
	s.charge(itemCost)
}

// leave takes h out of the line, leaving a gap.
func (h *held) leave() {
	s, to := h.s, h.to
	s.charge(-itemCost)
	if h.call != nil {
		h.call.line = nil
	}
	if h.open != nil {
		h.open.Release()
	}
	h.call, h.open, h.to = nil, nil, nil
	if s.gaps++; s.gaps > 32 && !s.opening && s.gaps > len(s.held)/2 {
		s.held = slices.DeleteFunc(s.held, func(h *held) bool { return h.to == nil })
		s.gaps = 0
	}
	to.held--
	to.unpin()
}

// takeHeld moves the calls that wait for credit on r, which is about to become
// to (nil: to break). Nothing of them has left, so they go where r will lead:
// from the same place in the line if the peer itself said that r is another of its
// references, else through r's queue, to the end of the line: to what the peer sent
// back (see detour) calls of its own may be on the way in front of them. Strict
// calls and Disembargoes stay on the way that the peer was told of.
func (r *Ref) takeHeld(to *Ref) {
	s := r.through()
	if r.held == 0 || s == nil {
		return
	}
	if to != nil && (!to.live() || to.through() != s) {
		to = nil
	}
	if to != nil {
		r.next = to
	}
	s.touch() // what stood behind those may go on
	for _, h := range slices.Clone(s.held) {
		switch {
		case h.to != r:
		case to != nil:
			h.to = to.pin()
			to.held++
			r.held--
			r.unpin()
		case h.call != nil && !h.call.strict:
			c := h.call
			h.leave()
			r.queue = append(r.queue, item{call: c})
		case h.open != nil:
			p := h.open.Retain() // behind those calls, wherever they go
			h.leave()
			r.queue = append(r.queue, item{open: p})
		}
	}
}

// breakHeld takes what waits for credit on r, which is about to break, out of the
// line, strict calls too: they would only keep a question open that the peer has
// answered, and so the credit for which they wait.
func (r *Ref) breakHeld() {
	s := r.through()
	if r.held == 0 || s == nil {
		return
	}
	s.touch()
	for _, h := range slices.Clone(s.held) {
		if h.to != r {
			continue
		}
		switch {
		case h.call != nil:
			r.queue = append(r.queue, item{call: h.call})
		case h.open != nil:
			r.queue = append(r.queue, item{open: h.open.Retain()})
		case h.context == senderLoopback:
			if p := s.embargoes[h.id]; p != nil {
				delete(s.embargoes, h.id)
				r.queue = append(r.queue, item{lift: p})
			}
		default:
			s.writeDisembargo(r, h.context, h.id)
		}
		h.leave()
	}
}

// Grant tells what the peer takes at a time: open calls, and bytes of their
// messages. Before it everything waits. The plain Cap'n Proto peer, which grants
// nothing, is given the defaults by its adapter.
func (s *Session) Grant(calls uint32, bytes uint64) {
	s.grantCalls = int64(calls)
	s.grantBytes = int64(min(bytes, 1<<62))
	s.sendHeld()
}

// Held returns how many sends wait for the peer's credit.
func (s *Session) Held() int { return len(s.held) + len(s.front) - s.gaps }

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
	case s.grantBytes > 0 && size > s.grantBytes:
		c.fail(errTooLarge)
	case s.Held() > 0 || !s.affords(size):
		if !c.own() {
			return
		}
		c.wait()
		s.hold(held{call: c, to: r})
		r.used = r.used || c.strict // it stays on this way, see takeHeld
	default:
		s.transmit(c, r)
	}
}

// holds reports whether something that went the way of r still waits in its
// session's line.
func (r *Ref) holds() bool {
	for ; r != nil; r = r.next {
		if r.held > 0 {
			return true
		}
	}
	return false
}

// behindHeld returns what the peer is told when r, which it hosts, is passed to
// it: r itself or, if calls on r still wait in the line, a promise that becomes r
// behind them. Also a call that stands before those passes the promise: its
// argument may have become r only after they were made. The caller gets a holder.
func (s *Session) behindHeld(r *Ref) *Ref {
	if r.held == 0 || s.opening || r.through() != s {
		return r.Retain()
	}
	p := s.m.NewPromise()
	s.hold(held{to: r, open: p.Retain()})
	return p
}

// allBehindHeld is behindHeld for the references in results that the peer is about
// to be told of.
func (s *Session) allBehindHeld(caps []*Ref) {
	for i, r := range caps {
		if r != nil && s.err == nil {
			caps[i] = s.behindHeld(r.Settled())
			r.Release()
		}
	}
}

// affords reports whether a call of size bytes fits into the credit.
func (s *Session) affords(size int64) bool {
	return s.openCalls < s.grantCalls && (s.openCalls == 0 || s.openBytes+size <= s.grantBytes)
}

// sizeBound is at least the size of the message that c will be.
func (c *Call) sizeBound() int64 {
	return int64(len(c.in.flat) + len(c.body.buf) + 320 + 80*(len(c.in.caps)+len(c.body.caps)))
}

// sendHeld sends what there is credit for again.
func (s *Session) sendHeld() {
	if s.sending || s.err != nil {
		return
	}
	s.sending = true
	defer func() { s.sending = false }()
	for len(s.held) > 0 {
		h := s.held[0]
		if h.call != nil && !s.affords(h.call.sizeBound()) {
			return
		}
		s.held = s.held[1:]
		if h.to == nil {
			s.gaps--
			continue
		}
		to := h.to.Retain()
		to.held-- // nothing of it is in the line any more
		switch {
		case h.call != nil:
			s.transmit(h.call, to)
		case h.open != nil:
			// The peer is told where this leads: its calls that wait here stay on that
			// way, like those that it will send there.
			for _, it := range h.open.queue {
				if it.call != nil && it.call.From() == s && to.live() {
					it.call.strict = true
				}
			}
			s.opening = true
			s.m.Resolve(h.open, to.Retain())
			s.opening = false
			if len(s.front) > 0 {
				s.held = append(s.front, s.held...)
				s.front = nil
			}
		default:
			s.writeDisembargo(to, h.context, h.id)
		}
		to.held++
		s.gaps-- // it is no gap: it is out
		h.leave()
		to.Release()
	}
}
