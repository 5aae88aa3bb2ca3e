package captp

// question is an entry of the question table: a call of ours that the peer has
// to return. Its id may be used again once Return has arrived and Finish has been
// sent (or was not needed).
//
//	              Return
//	 asked ──────────────────▶ returned
//	   │                          │ Finish, when nothing is pinned to it
//	   │ Finish, canceled and     ▼
//	   ▼ nothing pinned  Return
//	finished ─────────────────▶ gone
type question struct {
	s        *Session
	id       uint32
	call     *Call // nil once it has its outcome
	owner    *Call // the same, as long as they know each other: see pool.go
	serial   uint64
	returned bool
	finished bool
	unwanted bool     // canceled: Finish does not wait for Return
	pins     int      // references whose way leads through the answer
	exports  []uint32 // sent with the parameters, for Return.releaseParamCaps
	back     bool     // its call came from the peer
	bytes    int64    // of the message

	donation *donation // it is a Provide, which has no Return
	donor    string    // it is an Accept, of what this vat passed
	late     bool      // … that was given up: see Session.owed
}

// transmit writes c as a question towards r. The credit has been looked at.
func (s *Session) transmit(c *Call, r *Ref) {
	if s.exportsFull(c.in.caps...) || s.exportsFull(c.body.caps...) {
		c.fail(errOverloaded.as(NotDelivered))
		return
	}
	q := s.m.newQuestion()
	q.s, q.call, q.owner, q.serial = s, c, c, s.m.nextSerial()
	q.id = s.questions.add(q)
	c.unwait()
	c.state, c.q, c.via = callAsked, q, s
	c.tail = s.tails(c)
	r.used, r.busy = true, true
	var n int
	switch {
	case c.bootstrap:
		n = s.writeBootstrap(q)
	case c.accept != nil:
		s.writeAccept(q, c.accept)
		q.donor = c.accept.donor
		s.picking.take(q.donor)
	default:
		n = s.writeCall(q, c, r)
	}
	q.bytes, q.back = int64(n), c.goesBack(s)
	s.questionBytes += q.bytes
	switch {
	case q.donor != "": // takes no credit
	case q.back:
		s.backCalls++
	default:
		s.openCalls++
		s.openBytes += q.bytes
		s.mostOpen = max(s.mostOpen, s.openCalls)
	}
	c.drop()
	if c.tail {
		s.takeFrom(c)
	}
	// Calls that waited for a result of this one can be pipelined now.
	for _, p := range c.pipes {
		if p.ref.route != routeQueue || p.ref.embargoed != nil {
			continue
		}
		r := p.ref
		r.call, r.path = c, p.path
		q.pins += r.pins
		// It is a queue until all of it has gone: see drain.
		for len(r.queue) > 0 && r.route == routeQueue && r.embargoed == nil {
			it := r.queue[0]
			r.queue = r.queue[1:]
			s.m.passTo(r, it)
		}
		if r.route == routeQueue && r.embargoed == nil {
			r.route, r.queue = routePipeline, nil
		}
	}
}

// receiveReturn handles the outcome of a question, and sends what there is credit
// for again.
func (s *Session) receiveReturn(msg returnMsg) {
	s.takeReturn(msg)
	s.sendHeld()
}

func (s *Session) takeReturn(msg returnMsg) {
	q := s.questions.get(msg.answerID)
	if q == nil || q.returned || q.donation != nil {
		s.fatal(ProtoID)
		return
	}
	q.returned = true
	if q.late {
		s.owed--
	}
	switch {
	case q.donor != "":
	case q.back:
		s.backCalls--
	default:
		s.openCalls--
		s.openBytes -= q.bytes
	}
	if msg.releaseParamCaps {
		s.releaseExports(q.exports)
	}
	q.exports = q.exports[:0]
	c := q.call
	if msg.noFinish {
		q.finished = true
	}
	if c == nil || q.unwanted { // canceled: whatever it is comes too late
		if msg.which == returnResults {
			releaseAll(s.receiveCaps(msg.body))
		}
		if c != nil {
			c.fail(errCanceled)
		}
		q.retire()
		return
	}
	// The question is c's until c is settled: Disembargoes must precede its Finish.
	switch msg.which {
	case returnResults:
		caps := s.receiveCaps(msg.body)
		if s.failing != "" {
			releaseAll(caps)
			c.fail(s.failing.ends())
			return
		}
		c.settle(payload{content: msg.content, caps: caps}, nil)
	case returnException:
		c.fail(msg.err)
	case returnCanceled:
		c.fail(errCanceled)
	case returnElsewhere:
		if !c.tail {
			c.fail(errElsewhere)
			break
		}
		// The results are the session's own business; calls pipelined on them
		// still go there until it finishes its question.
		return
	case returnTakeFrom:
		// The question stays until the results are there: to finish it earlier
		// would cancel them.
		if !s.takeResults(c, msg.takeFrom) {
			s.fatal(ProtoTail)
		}
		return
	default:
		s.fatal(ProtoLevel)
		return
	}
	q.finishIfDone()
}

// finishIfDone sends Finish for a question that is returned or not wanted any
// more, once nothing is pinned to it: no call may follow the Finish.
func (q *question) finishIfDone() {
	if q.s == nil || q.s.err != nil || !(q.returned || q.unwanted) || q.pins > 0 || q.call != nil && !q.unwanted {
		return
	}
	if !q.finished {
		q.finished = true
		q.s.writeFinish(q.id, q.returned)
	}
	q.retire()
}

// cancel sends Finish without waiting for the Return.
func (q *question) cancel() {
	q.call = nil
	q.unwanted = true
	q.finishIfDone()
}

// retire frees the id when both sides are done with it.
func (q *question) retire() {
	if !q.returned || !q.finished || q.pins > 0 || q.s.questions.get(q.id) != q {
		return
	}
	s := q.s
	s.questions.remove(q.id)
	s.questionBytes -= q.bytes
	if q.donor != "" {
		s.picking.give(q.donor)
		s.meetNext()
	}
	s.sendHeld()
	q.recycle()
}

// Cancel withdraws the call: it is not delivered if it still waits here, and
// otherwise the receiver is told that nobody waits for it. The Sink is told at
// once. Nothing happens to a call that is settled.
func (c *Call) Cancel() {
	c.inUse()
	if c.state == callSettled || c.canceled {
		return
	}
	c.canceled, c.tangled = true, true
	switch c.state {
	case callQueued:
		e := *errCanceled
		e.Delivery = NotDelivered
		if c.on != nil && c.on.of != nil {
			c.on.of.reconsider()
		}
		c.fail(&e) // out of the line it lets go of what it was for
	case callAsked:
		q := c.q
		if c.tail && c.answer != nil && c.answer.returned {
			q.cancel()
			return
		}
		if c.answer != nil && len(c.pipes) == 0 && len(c.followers) == 0 {
			// Whoever canceled it is told when this question is over. If he were told
			// now, the credit that this gives him back could let the call go on, where it
			// goes round in a circle of vats, as fast as its cancelation follows it.
			q.unwanted = true
			q.finishIfDone()
			return
		}
		q.call = nil
		c.fail(errCanceled)
		q.cancel()
	case callFollowing, callDelivered:
		if c.obj == nil { // it follows results that a peer left here
			c.unfollow()
			c.fail(errCanceled)
			return
		}
		// It must still be answered; its sender hears now.
		if c.answer == nil {
			c.err = errCanceled
			c.tell(payload{})
			c.err = nil
		}
		c.obj.obj.Canceled(c)
	}
}
