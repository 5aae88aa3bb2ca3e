package captp

import (
	"math"
	"slices"
	"sort"
)

// end ends the session once: every question and every waiting call fails, every
// import breaks, every call of the peer's is told that nobody waits for it, and
// every export is let go; of these last three, what is much is left to Bury. The
// order is that of the ids and of sending, so that it is the same in every run.
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
	s.endDonations()
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
	s.endGifts()
	s.meetAll()
	s.leaving, s.partial, s.stash = nil, nil, stash{}
	s.bookLoose()
	if s.imports.n+s.answers.n+s.exports.n >= s.m.endBatch || !s.bury(s.m.endBatch) {
		s.m.ended = append(s.m.ended, s)
	}
}

// EndInBatches has the end of a session let go of no more than n entries of its tables at
// once, and leave the rest to Bury. Otherwise it is all of them.
func (m *Machine) EndInBatches(n int) { m.endBatch = n }

// remains is what an ended session still has in its tables.
type remains struct {
	begun   bool
	imports []*imported
	answers []*answer
	open    []*answer // let go of, but their calls go on: see endLonely
	lonely  int       // of these, how many are to be looked at in this round
	export  int       // the next to look at
	again   bool      // another round is needed
}

// Bury goes on with the end of sessions that had much in their tables, by one batch, and
// reports whether there is more to do. Until then their references are not broken yet, though
// nothing can be sent on them any more.
func (m *Machine) Bury() (more bool) {
	if len(m.ended) > 0 {
		if s := m.ended[0]; s.bury(m.endBatch) {
			m.ended = slices.DeleteFunc(m.ended, func(x *Session) bool { return x == s })
		}
	}
	return len(m.ended) > 0
}

// Burying reports whether there is something for Bury to do.
func (m *Machine) Burying() bool { return len(m.ended) > 0 }

// bury lets go of up to n entries, and reports whether none is left.
func (s *Session) bury(n int) (done bool) {
	r := &s.remains
	if !r.begun {
		r.begun, r.again = true, true
		if n < math.MaxInt {
			// Sorting would take longer than a batch may; what is done in batches is not
			// the same in every run anyhow.
			r.imports, r.answers = s.imports.unsorted(), s.answers.unsorted()
		} else {
			r.imports, r.answers = s.imports.all(), s.answers.all()
		}
	}
	for ; n > 0 && len(r.imports) > 0; n-- {
		imp := r.imports[0]
		r.imports = r.imports[1:]
		s.forgetImport(imp)
		if imp.ref.route == routeImport {
			s.m.breakRef(imp.ref, s.err)
		}
		if imp.hand != nil {
			s.m.donorGone(imp.hand, s.err)
		}
	}
	for ; n > 0 && len(r.answers) > 0; n-- {
		a := r.answers[0]
		r.answers = r.answers[1:]
		s.endAnswer(a)
		if !a.call.canceled && a.call.state != callSettled {
			r.open = append(r.open, a)
		}
	}
	if n = s.endLonely(n); n == 0 {
		return false
	}
	for ; n > 0 && r.export < len(s.exports.entries); r.export++ {
		if e := s.exports.entries[r.export]; e != nil {
			s.exports.remove(uint32(r.export))
			s.forgetExport(e)
			n--
		}
	}
	if n == 0 {
		return false
	}
	if s.bootstrap != nil {
		s.bootstrap.Release()
		s.bootstrap = nil
	}
	s.ForgetBootstrap()
	s.remains = remains{}
	return true
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

func (s *Session) endAnswer(a *answer) {
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

// endLonely looks at up to n of the calls that go on though their answers were all let
// go of, and returns how many more it could look at. They were called on, by the peer or
// by whom it passed their results to. As the former go, so do those: nobody waits for
// them. Those that wait for something go in any case: it could be themselves.
func (s *Session) endLonely(n int) int {
	r := &s.remains
	for ; n > 0 && (r.lonely > 0 || r.again); n-- {
		if r.lonely == 0 { // a round begins, with the last
			r.lonely, r.again = len(r.open), false
			continue
		}
		r.lonely--
		a := r.open[r.lonely]
		c := a.call
		if c.answer == a && !c.canceled && c.state != callSettled && (c.state == callQueued || c.gated || c.lonely()) {
			if r.again = true; c.state == callQueued {
				c.canceled = true
				c.fail(s.err)
			} else {
				c.Cancel()
			}
		}
	}
	return n
}

// lonely reports whether nobody uses, or waits for, the results of c.
func (c *Call) lonely() bool {
	return len(c.followers) == 0 && !slices.ContainsFunc(c.pipes, pipe.used)
}

// used reports whether somebody but its call holds the promise, or waits on it.
func (p pipe) used() bool {
	return p.ref.holders > 1 || slices.ContainsFunc(p.ref.queue, func(it item) bool {
		return it.call == nil || it.call.state != callSettled
	})
}

// dropPipes forgets the promises for results of c that nobody uses: what was sent on them has left.
func (c *Call) dropPipes() {
	c.pipes = slices.DeleteFunc(c.pipes, func(p pipe) bool {
		if p.used() {
			return false
		}
		c.From().charge(-refCost)
		p.ref.of = nil
		p.ref.Release()
		return true
	})
}
