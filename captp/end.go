package captp

import (
	"slices"
	"sort"
)

// end ends the session once: every question and every waiting call fails, every
// import breaks, every call of the peer's is told that nobody waits for it, and
// every export is let go. The order is that of the ids and of sending, so that it
// is the same in every run.
func (s *Session) end(err *Error, tell, neverSent bool) {
	if s.err != nil {
		return
	}
	if tell {
		s.writeAbort(err)
	}
	s.err = err
	s.touch()
	s.m.forget(s)
	left := OutcomeUnknown
	if neverSent {
		left = NotDelivered
	}
	s.endQuestions(err.as(left))
	s.endHeld(err.as(NotDelivered))
	for _, id := range sortedKeys(s.embargoes) {
		p := s.embargoes[id]
		delete(s.embargoes, id)
		s.m.breakRef(p, err)
		p.Release()
	}
	for _, e := range s.embargoesToCome {
		s.charge(-itemCost)
		s.m.breakRef(e.p, err)
		e.p.Release()
		e.way.unpin()
	}
	s.embargoesToCome = nil
	for _, imp := range s.imports.all() {
		s.forgetImport(imp)
		if r := imp.ref; r.route == routeImport {
			s.m.breakRef(r, err)
		}
	}
	s.endAnswers()
	for id, e := range s.exports.entries {
		if e != nil {
			s.exports.remove(uint32(id))
			s.forgetExport(e)
		}
	}
	if s.bootstrap != nil {
		s.bootstrap.Release()
		s.bootstrap = nil
	}
	s.ForgetBootstrap()
	s.leaving, s.partial, s.stash = nil, nil, stash{}
	s.bookLoose()
}

func (m *Machine) forget(s *Session) {
	for i, x := range m.sessions {
		if x == s {
			m.sessions = append(m.sessions[:i], m.sessions[i+1:]...)
			return
		}
	}
}

func (s *Session) endQuestions(err *Error) {
	var open []*question
	for id, q := range s.questions.entries {
		if q != nil {
			open = append(open, q)
			s.questions.remove(uint32(id))
		}
	}
	sort.Slice(open, func(i, j int) bool { return open[i].serial < open[j].serial })
	for _, q := range open {
		c := q.call
		q.call = nil
		if c == nil {
			continue
		}
		if c.state == callFollowing {
			c.unfollow()
		}
		if c.tail {
			c.tail = false
		}
		c.fail(err)
	}
}

func (s *Session) endHeld(err *Error) {
	broken := s.m.BrokenRef(err)
	for len(s.held) > 0 {
		h := s.held[0]
		s.held = s.held[1:]
		if h.to != nil {
			s.m.passTo(broken, h.leave()) // somebody here may wait for what opens
		}
	}
	s.gaps = 0
	broken.Release()
}

func (s *Session) endAnswers() {
	all := s.answers.all()
	for _, a := range all {
		c := a.call
		returned := a.returned
		a.finished, a.returned, a.exports = true, true, nil
		s.answers.remove(a.id)
		a.uncount()
		a.forgetTold()
		s.charge(-answerCost)
		if c.state == callSettled {
			c.body.clear(c)
		} else if c.dropPipes(); !returned && len(c.pipes) == 0 {
			c.Cancel()
		}
	}
	// The others were called on, by the peer or by whom it passed their results to.
	// As the former go, so do those: nobody waits for them. Those that wait for
	// something go in any case: it could be themselves.
	for again := true; again; {
		again = false
		for i := len(all) - 1; i >= 0; i-- {
			c := all[i].call
			if c.answer == all[i] && !c.canceled && c.state != callSettled && (c.state == callQueued || c.gated || c.lonely()) {
				if again = true; c.state == callQueued {
					c.canceled = true
					c.fail(s.err)
				} else {
					c.Cancel()
				}
			}
		}
	}
}

// lonely reports whether nobody uses, or waits for, the results of c.
func (c *Call) lonely() bool {
	if len(c.followers) > 0 {
		return false
	}
	for _, p := range c.pipes {
		if p.ref.holders > 1 {
			return false
		}
		for _, it := range p.ref.queue {
			if it.call == nil || it.call.state != callSettled {
				return false
			}
		}
	}
	return true
}

// dropPipes forgets the promises for results of c that nobody holds who could still use them.
func (c *Call) dropPipes() {
	c.pipes = slices.DeleteFunc(c.pipes, func(p pipe) bool {
		if p.ref.holders > 1 || p.ref.pins > 0 || len(p.ref.queue) > 0 {
			return false
		}
		c.From().charge(-refCost)
		p.ref.of = nil
		p.ref.Release()
		return true
	})
}
