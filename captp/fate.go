package captp

// Fate says whether a loss of sessions reaches a reference or a call: whether it is broken by that, or will be as soon as
// its vat hears of it. It is for who sees both ends of each session, a simulator.
type Fate uint8

const (
	FateOpen  Fate = iota // it leads to what nobody has settled yet, or is under way
	FateSound             // whatever is lost is not on its way
	FateLost              // its way is lost
)

// Ends finds the other end of a session, for Fate.
type Ends struct {
	// Peer returns the other end of a session: nil if it is to be thought of as lost.
	Peer func(s *Session) *Session
	// Late, if it is not nil, is a session of the machine that has waited for hosts for too long.
	Late *Session

	depth int // of a circle there is no end
}

const maxFate = 500

// Ref returns the fate of r. It changes nothing.
func (e *Ends) Ref(r *Ref) Fate {
	if e.depth++; e.depth > maxFate {
		e.depth--
		return FateOpen
	}
	defer func() { e.depth-- }()
	for r != nil && r.route == routeForward {
		r = r.to
	}
	if r == nil { // null
		return FateSound
	}
	switch r.route {
	case routeNear:
		return FateSound
	case routeBroken:
		return e.err(r.err)
	case routeVine:
		return e.Ref(r.to)
	case routeImport, routePipeline:
		return e.on(r)
	case routeForward, routeQueue:
	}
	switch {
	case r.hand != nil:
		return e.accepting(r.hand)
	case r.embargoed != nil:
		return e.embargoed(r)
	case r.becomes != nil:
		return e.Ref(r.becomes)
	case r.of != nil:
		return e.Call(r.of)
	}
	return FateOpen
}

// on is the fate of what goes the way of r, be it resolved or not.
func (e *Ends) on(r *Ref) Fate {
	switch {
	case r.imp != nil && r.call == nil:
		peer := e.Peer(r.imp.s)
		if peer == nil {
			return FateLost
		}
		return e.export(peer, r.imp.id)
	case r.call != nil && r.call.q != nil:
		peer := e.Peer(r.call.q.s)
		if peer == nil {
			return FateLost
		}
		return e.result(r.call.q.answered(peer))
	}
	return FateOpen
}

func (e *Ends) err(err *Error) Fate {
	if err != nil && err.Kind == Disconnected {
		return FateLost
	}
	return FateSound
}

// accepting is the fate of a reference whose host was asked: if that has answered it lives, whatever becomes of the vine;
// and if the answer is lost, there is the vine.
func (e *Ends) accepting(h *Handoff) Fate {
	vine := e.Ref(h.v)
	if vine == FateLost && h.got != nil {
		return e.Ref(h.got)
	}
	if vine != FateLost || h.accept == nil || h.accept.q == nil || e.Late != nil && h.v.m == e.Late.m {
		return vine
	}
	host := e.Peer(h.to)
	if host == nil {
		return vine
	}
	a := h.accept.q.answered(host)
	if a == nil || !a.returned || a.call.err != nil {
		return vine
	}
	return e.result(a)
}

// embargoed is the fate of a promise whose Disembargo is under way.
func (e *Ends) embargoed(p *Ref) Fate {
	for _, s := range p.m.sessions {
		for _, x := range s.embargoes {
			if x == p && e.Peer(s) == nil {
				return FateLost
			}
		}
		for _, x := range s.embargoesToCome {
			if x.p == p && e.Peer(s) == nil {
				return FateLost
			}
		}
	}
	return e.Ref(p.embargoed)
}

// export is the fate of what s exports.
func (e *Ends) export(s *Session, id uint32) Fate {
	x := s.exports.get(id)
	if x == nil {
		return FateOpen
	}
	return e.told(s, told{e: x})
}

// told is the fate of what the peer of s was told of: see Session.follow.
func (e *Ends) told(s *Session, t told) Fate {
	for t.e != nil && t.e.count > 0 {
		if t.e.told.ref == nil {
			return e.Ref(t.e.ref)
		}
		t = t.e.told
	}
	if t.way && t.ref != nil && t.ref.was != s {
		end := t.ref
		for end.moved != nil {
			end = end.moved
		}
		if end.route != routeBroken && end.onVine().live() {
			return e.on(end.onVine())
		}
	}
	return e.Ref(t.ref)
}

// answered returns what the peer has of a question: nil if it has not come there yet. An id may be that of an older question
// still, whose Finish is under way.
func (q *question) answered(peer *Session) *answer {
	if a := peer.answers.get(q.id); a != nil && a.bytes == q.bytes {
		return a
	}
	return nil
}

// result is the fate of the first reference in the results of a call.
func (e *Ends) result(a *answer) Fate {
	if a == nil {
		return FateOpen
	}
	s, c := a.s, a.call
	switch {
	case c.state == callSettled && c.err != nil:
		return e.err(c.err)
	case c.state == callSettled && len(a.told) > 0:
		return e.told(s, a.told[0])
	case c.state == callSettled && len(c.body.caps) > 0 && c.body.caps[0] != nil:
		return e.Ref(c.body.caps[0])
	case c.state == callSettled && len(a.exports) > 0:
		return e.export(s, a.exports[0])
	case c.state == callSettled:
		return FateSound
	}
	for _, p := range c.pipes {
		if p.path == path0 {
			return e.Ref(p.ref)
		}
	}
	return e.Call(c)
}

// Call returns the fate of c: not of its results once it has them.
func (e *Ends) Call(c *Call) Fate {
	if e.depth++; e.depth > maxFate {
		e.depth--
		return FateOpen
	}
	defer func() { e.depth-- }()
	switch {
	case c.state == callSettled:
		return e.err(c.err)
	case c.state == callQueued && c.line != nil:
		return e.Ref(c.line.to)
	case c.state == callQueued && c.on != nil:
		return e.Ref(c.on)
	case c.state == callFollowing && c.follows != nil:
		if a := c.follows.answer; a != nil && e.Peer(a.s) == nil {
			return FateLost
		}
		return e.Call(c.follows)
	case c.state != callAsked:
		return FateOpen
	}
	peer := e.Peer(c.q.s)
	if peer == nil {
		return FateLost
	}
	if a := c.q.answered(peer); a != nil && a.call.state != callSettled {
		return e.Call(a.call)
	}
	return FateOpen
}
