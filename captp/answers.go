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
	reviewed    bool // on the machine's list of those to be looked at again
	dropExports bool // Finish said that the references in the results are released
	exports     []uint32
	told        []told // of the results, if they are kept
	counted     bool   // among the peer's open calls
	bytes       int64  // … with so many
	pickUp      bool   // it is an Accept
}

// openAnswer makes the entry for a call of the peer's. Nil means that the peer
// cannot have sent it.
func (s *Session) openAnswer(id uint32, bytes int) *answer {
	if s.answers.get(id) != nil || s.gifts[id] != nil {
		s.fatal(ProtoID)
		return nil
	}
	if int64(s.answers.n-s.picked) >= 4*int64(s.m.lim.OpenCalls)+spareCalls+s.mostOpen {
		s.fatal(LimitCalls)
		return nil
	}
	s.sawQuestion(id)
	a := s.m.newAnswer()
	a.s, a.id, a.bytes, a.counted = s, id, int64(bytes), true
	a.call = s.m.newCall()
	a.call.answer = a
	s.answers.put(id, a)
	s.answerCalls++
	s.answerBytes += a.bytes
	s.charge(answerCost)
	return a
}

// openAccept makes the entry for an Accept, which takes no credit.
func (s *Session) openAccept(id uint32) *answer {
	if s.picked >= maxAccepts {
		s.fatal(LimitCalls)
		return nil
	}
	a := s.openAnswer(id, 0)
	if a != nil {
		a.uncount()
		a.pickUp = true
		s.picked++
	}
	return a
}

// sawQuestion notes that the peer has used a question id.
func (s *Session) sawQuestion(id uint32) {
	if !s.answered || id > s.highAnswer {
		s.highAnswer = id
	}
	s.answered = true
}

// receiveCall takes a call of the peer's in.
func (s *Session) receiveCall(msg callMsg) {
	over := s.overCredit(msg.size) || s.overSoft()
	a := s.openAnswer(msg.questionID, msg.size)
	if a == nil {
		return
	}
	a.opening = true
	c := a.call
	c.iface, c.method, c.noPipelining = msg.iface, msg.method, msg.noPipelining
	if msg.yourself { // a call of ours that is no more open elsewhere: see tail.go
		a.yourself = true
		a.uncount()
	}
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
	r, way := s.target(msg.target)
	if r == nil {
		c.drop()
		return
	}
	a.opening = false
	s.m.routeFrom(s, r, way, c)
	r.Release()
}

// early reports whether t is a result of a call which an object of this vat has and
// is yet to answer.
func (s *Session) early(t targetMsg) bool {
	if !t.promised {
		return false
	}
	a := s.answers.get(t.id)
	return a != nil && a.call.state == callDelivered
}

// receiveBootstrap answers with the session's bootstrap object.
func (s *Session) receiveBootstrap(id uint32, size int) {
	over := s.overCredit(size)
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

// overCredit reports whether a call of size bytes is more than the peer was granted. Calls of ours that it passes back
// to us come on top (see routeFrom): no more than we have open, and about as large.
func (s *Session) overCredit(size int) bool {
	lim := &s.m.lim
	return s.answerCalls >= lim.OpenCalls+s.calls() || s.answerBytes+int64(size) > lim.OpenBytes+2*s.questionBytes
}

// uncount ends what the call takes of the peer's credit: it is answered, or the peer lost interest. The peer, which hears
// of the one and tells of the other, counts longer.
func (a *answer) uncount() {
	if a.counted {
		a.counted = false
		a.s.answerCalls--
		a.s.answerBytes -= a.bytes
	}
}

// capRoot is the flat segment of a message that is one capability.
var capRoot = [8]byte{3}

// receiveFinish handles the peer's last word about a question of its.
func (s *Session) receiveFinish(id uint32, releaseResultCaps bool) {
	if g := s.gifts[id]; g != nil {
		g.end()
		return
	}
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
	a.uncount()
	if releaseResultCaps {
		a.dropExports = true
	}
	if a.call.tail {
		a.call.Cancel()
	}
	a.forsake()
	a.retire()
}

// forsake cancels the call if its peer has finished it and nobody uses its results. What was sent on them and has gone on
// to another vat came there before this does, and if it waits there, the call goes on there. But what waits here, for
// credit, to go after a call that went on is canceled with it: in a circle of vats it could be that very call.
func (a *answer) forsake() {
	c := a.call
	if !a.finished || a.returned || c.state == callSettled {
		return
	}
	if c.state == callAsked {
		for _, p := range c.pipes {
			if p.ref.held > 0 && p.ref.held == p.ref.holders-1 {
				c.m.breakRef(p.ref, errCanceled)
			}
		}
	}
	if c.dropPipes(); len(c.pipes) == 0 {
		c.Cancel()
	}
}

// reconsider has the machine forsake c, whose peer may have finished it, at the end of this step: a message may be in the
// making. Somebody has let go of a result, or does not wait for one any more.
func (c *Call) reconsider() {
	a := c.answer
	if a == nil || !a.finished || a.returned || a.reviewed || a.s.err != nil {
		return
	}
	a.reviewed, c.tangled = true, true
	a.s.m.review = append(a.s.m.review, a)
	a.s.touch()
}

// forsakeAll does what reconsider has put off.
func (m *Machine) forsakeAll() {
	for len(m.review) > 0 {
		a := m.review[0]
		m.review = m.review[1:]
		a.reviewed = false
		a.forsake()
	}
	m.review = nil
}

// retire frees the entry when both sides are done with it.
func (a *answer) retire() {
	if !a.returned || !a.finished || a.s.answers.get(a.id) != a {
		return
	}
	s := a.s
	s.answers.remove(a.id)
	s.charge(-answerCost)
	if a.pickUp {
		s.picked--
	}
	if a.dropExports {
		s.releaseExports(a.exports)
	}
	a.exports = a.exports[:0]
	a.forgetTold()
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

func (a *answer) forgetTold() {
	for i := range a.told {
		a.told[i].forget()
	}
	a.told = a.told[:0]
}

// target finds what the peer addresses, with a holder, and whether it is a way that the peer was told of: see told. An
// address that cannot be honest ends the session and gives nil.
func (s *Session) target(t targetMsg) (r *Ref, way bool) {
	r, way = s.lookup(t)
	if r == nil {
		s.fatal(ProtoID)
	}
	return r, way
}

// lookup is target without consequences. What the peer addresses is what it was told that it is; a result that it was
// not told of yet, and an export, are what they are here.
func (s *Session) lookup(t targetMsg) (r *Ref, way bool) {
	if !t.promised {
		e := s.exports.get(t.id)
		if e == nil {
			return nil, false
		}
		r, way = s.follow(told{e: e})
		return r.Retain(), way
	}
	a := s.answers.get(t.id)
	if a == nil || a.finished || a.opening || !t.ok || a.call.noPipelining {
		return nil, false
	}
	if a.call.state != callSettled {
		return a.call.pipe(t.path), false
	}
	r, place := a.call.settledPipe(t.path)
	if place < 0 || len(a.told) == 0 {
		return r, false
	}
	r.Release()
	r, way = s.follow(a.told[place])
	return r.Retain(), way
}
