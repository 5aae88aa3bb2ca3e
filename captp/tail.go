package captp

// A call that came from a session and goes back to the same session need not
// carry its results through here: the Call says "keep the results yourself", and
// the Return of the original call says at once "take them from there"
// (rpc.capnp, Call.sendResultsTo.yourself and Return.takeFromOtherQuestion).
//
// Only a call whose results nobody uses before they are there goes this way: a
// promise for a result that stays at the peer would never settle for whoever else
// holds it, and would be lost when the peer finishes the call.

// tails reports whether c, about to be sent over s, can be such a tail call.
func (s *Session) tails(c *Call) bool {
	a := c.answer
	return s.tailCalls && c.noPipelining && a != nil && a.s == s && !a.yourself && !a.returned && !a.finished &&
		!c.canceled && len(c.followers) == 0
}

// takeFrom returns the call that c came as, now that c is on its way back.
func (s *Session) takeFrom(c *Call) {
	a := c.answer
	s.writeTakeFrom(a, c.q.id)
	a.returned = true
	a.uncount()
	a.retire()
}

// endTail ends a tail call, whose question was canceled: the peer, to whom both
// belong, has finished the call that it stood for.
func (c *Call) endTail() {
	c.state, c.err = callSettled, errCanceled
	for _, p := range c.pipes {
		if p.ref.unresolved() && p.ref.embargoed == nil {
			c.m.breakRef(p.ref, errCanceled)
		}
	}
	c.leave()
}

// takeResults makes the results of the peer's call id, which stayed here, those
// of c, once.
func (s *Session) takeResults(c *Call, id uint32) bool {
	a := s.answers.get(id)
	if a == nil || !a.yourself || a.taken {
		return false
	}
	a.taken = true
	c.Follow(a.call)
	return true
}
