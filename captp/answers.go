package captp

// answer is an entry of the answer table: a call of the peer's. It lives until
// Return has been sent and Finish has arrived; until then the peer may address
// calls to its results.
type answer struct {
	s           *Session
	id          uint32
	call        *Call
	returned    bool // Return has been sent
	retired     bool // out of the table
	finished    bool // Finish has arrived, or is not expected
	opening     bool // its call is still being read, and cannot refer to its results
	yourself    bool // the results stay here until the peer says where they go
	taken       bool // … which it has done
	dropExports bool // Finish said that the references in the results are released
	exports     []uint32
	bytes       int64
}

// openAnswer makes the entry for a call of the peer's. Nil means that the peer
// cannot have sent it.
func (s *Session) openAnswer(id uint32, bytes int) *answer {
	if s.answers.get(id) != nil {
		s.fatal(ProtoID)
		return nil
	}
	if s.answers.n >= 2*s.m.lim.OpenCalls {
		s.fatal(LimitCalls)
		return nil
	}
	if !s.answered || id > s.highAnswer {
		s.highAnswer = id
	}
	s.answered = true
	a := s.m.newAnswer()
	a.s, a.id, a.bytes = s, id, int64(bytes)
	a.call = s.m.newCall()
	a.call.answer = a
	s.answers.put(id, a)
	s.answerBytes += a.bytes
	s.charge(answerCost)
	return a
}

// receiveCall takes a call of the peer's in.
func (s *Session) receiveCall(msg callMsg) {
	over := s.answers.n >= s.m.lim.OpenCalls || s.answerBytes+int64(msg.size) > s.m.lim.OpenBytes || s.overSoft()
	a := s.openAnswer(msg.questionID, msg.size)
	if a == nil {
		return
	}
	a.opening = true
	c := a.call
	c.iface, c.method, c.noPipelining = msg.iface, msg.method, msg.noPipelining
	a.yourself = msg.yourself
	caps := s.receiveCaps(msg.body)
	if s.failing != "" {
		releaseAll(caps)
		return
	}
	c.in = payload{content: msg.content, caps: caps}
	if over {
		a.opening = false
		c.fail(errOverloaded)
		return
	}
	r, told := s.target(msg.target)
	if r == nil {
		return
	}
	a.opening = false
	s.m.routeFrom(s, r, told, c)
	r.Release()
}

// receiveBootstrap answers with the session's bootstrap object.
func (s *Session) receiveBootstrap(id uint32, size int) {
	over := s.answers.n >= s.m.lim.OpenCalls
	a := s.openAnswer(id, size)
	switch {
	case a == nil:
	case over:
		a.call.fail(errOverloaded)
	case s.bootstrap == nil:
		a.call.fail(errNoBootstrap)
	default:
		a.call.Return(capRoot[:], []*Ref{s.bootstrap.Retain()})
	}
}

// capRoot is the flat segment of a message that is one capability.
var capRoot = [8]byte{3}

// receiveFinish handles the peer's last word about a question of its.
func (s *Session) receiveFinish(id uint32, releaseResultCaps bool) {
	a := s.answers.get(id)
	if a == nil {
		// A Finish may cross a Return that made it unnecessary.
		if !s.answered || id > s.highAnswer {
			s.fatal(ProtoID)
		}
		return
	}
	if a.finished {
		s.fatal(ProtoID)
		return
	}
	a.finished = true
	if releaseResultCaps {
		a.dropExports = true
	}
	c := a.call
	if !a.returned && len(c.pipes) == 0 || c.tail {
		c.Cancel()
	}
	a.retire()
}

// retire frees the entry when both sides are done with it.
func (a *answer) retire() {
	if !a.returned || !a.finished || a.s.answers.get(a.id) != a {
		return
	}
	s := a.s
	s.answers.remove(a.id)
	s.answerBytes -= a.bytes
	s.charge(-answerCost)
	if a.dropExports {
		s.releaseExports(a.exports)
	}
	a.exports = nil
	c := a.call
	if c.tail {
		c.endTail()
	}
	if c.state == callSettled {
		c.body.clear(c)
	}
	a.retired = true
	c.recycle()
}

// target finds what the peer addresses, with a holder, and whether it has been
// told to go the way of that: see lookup. An address that cannot be honest ends
// the session and gives nil.
func (s *Session) target(t targetMsg) (r *Ref, told bool) {
	r, told = s.lookup(t)
	if r == nil {
		s.fatal(ProtoID)
	}
	return r, told
}

// lookup is target without consequences. What the peer addresses is what it was
// told that it is, step by step: a result is what the Return said, a promise what
// its Resolve said. At the end stands what the peer knows it as: with told, one of
// its own references, of which only the way counts; else whatever that is here.
func (s *Session) lookup(t targetMsg) (r *Ref, told bool) {
	if !t.promised {
		e := s.exports.get(t.id)
		if e == nil {
			return nil, false
		}
		if e.resolution == nil {
			return e.ref.Retain(), false
		}
		r = e.resolution
		if !e.live {
			r = s.toldOf(r)
		}
		return s.toldWay(r.Retain())
	}
	a := s.answers.get(t.id)
	if a == nil || a.finished || a.opening || !t.ok {
		return nil, false
	}
	r = a.call.pipe(t.path)
	if a.call.state != callSettled {
		return r, false
	}
	promised := r.promised != nil
	if promised {
		d := r
		r = r.promised.Retain()
		d.Release()
		if s.resolved[r] == nil {
			return r, false
		}
	}
	if r.through() != s || promised {
		end := s.toldOf(r).Retain()
		r.Release()
		r = end
	}
	return s.toldWay(r)
}

// toldWay returns the reference on whose way the peer was put when it was told that
// something is r; false if that is no way of the peer's.
func (s *Session) toldWay(r *Ref) (*Ref, bool) {
	end := r.way()
	if end.through() != s || end.route == routeBroken || r.was == s {
		return r, false
	}
	end.Retain()
	r.Release()
	return end, true
}

// toldOf follows what the peer was told of r.
func (s *Session) toldOf(r *Ref) *Ref {
	for range maxChain {
		e := s.resolved[r]
		if e == nil {
			break
		}
		if r = e.resolution; e.live {
			break
		}
	}
	return r
}
