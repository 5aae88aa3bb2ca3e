package captp

// The peer grants credit for open calls and their bytes in the handshake. At
// the limit further calls wait here, in one line for the whole session so that
// their order stays. Return, Finish, Release and Resolve never wait; a
// Disembargo does only behind calls on the promise that it is for.

// held is a call, or a Disembargo, that waits for credit.
type held struct {
	call       *Call
	to         *Ref // pinned: the way to it stays open
	disembargo bool
	context    uint16 // of the Disembargo
	id         uint32
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
func (s *Session) Held() int { return len(s.held) }

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
	case len(s.held) > 0 || !s.affords(size):
		if !c.own() {
			return
		}
		c.wait()
		s.held = append(s.held, held{call: c, to: r.pin()})
		s.charge(itemCost)
	default:
		s.transmit(c, r)
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
		if h.call != nil && h.call.state != callSettled && !s.affords(h.call.sizeBound()) {
			return
		}
		s.held = s.held[1:]
		switch {
		case h.disembargo:
			s.writeDisembargo(h.to, h.context, h.id)
		case h.call.state != callSettled:
			s.charge(-itemCost)
			s.transmit(h.call, h.to)
		default:
			s.charge(-itemCost)
		}
		h.to.unpin()
	}
}
