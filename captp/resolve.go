package captp

// maxChain bounds the walk that looks for cycles of promises.
const maxChain = 1 << 16

// Resolve settles the local promise p: it is from now on what to is, and calls
// that waited go there in their order. One holder of to passes to p. A promise
// that is settled already stays as it is; one that would lead to itself breaks.
func (m *Machine) Resolve(p, to *Ref) {
	if p.route != routeQueue || p.embargoed != nil {
		to.Release()
		return
	}
	if len(m.gates) > 0 {
		behind := m.behindGate(nil, to)
		to.Release()
		to = behind
	}
	m.forward(p, to)
}

// Break settles the local promise p as broken. A settled promise stays as it is.
func (m *Machine) Break(p *Ref, err *Error) {
	if p.route == routeQueue && p.embargoed == nil {
		m.breakRef(p, err)
	}
}

// forward makes the promise p, of whatever kind, lead to to, whose holder passes.
func (m *Machine) forward(p, to *Ref) {
	if leadsTo(to, p) {
		to.Release()
		m.breakRef(p, errSelf)
		return
	}
	p.becomes = nil
	p.takeHeld(to)
	if len(p.queue) > 0 && !m.drain(p, to) {
		return
	}
	p.embargoed = nil
	p.route, p.to = routeForward, to
	p.dropImport()
	m.announce(p)
	p.bind()
}

// breakRef makes r, in any state, broken for err.
func (m *Machine) breakRef(r *Ref, err *Error) {
	if r.route == routeNear {
		delete(m.near, nearKey{r.obj, r.grant})
	}
	if r.embargoed != nil {
		r.embargoed.Release()
		r.embargoed = nil
	}
	r.becomes = nil
	r.takeHeld(nil)
	r.route, r.err = routeBroken, err
	r.dropWay()
	r.failQueue()
	m.announce(r)
}

// failQueue ends what waits on a broken r, in order.
func (r *Ref) failQueue() {
	queue := r.queue
	r.queue = nil
	for _, it := range queue {
		switch {
		case it.call != nil:
			it.call.fail(r.err.as(NotDelivered))
		case it.open != nil:
			r.m.Break(it.open, r.err)
			it.open.Release()
		case it.lift != nil:
			r.m.lift(it.lift)
		case it.errand != nil:
			it.errand.reach(r)
		case it.echo != nil: // nobody is left to tell
			it.echo.charge(-itemCost)
		}
	}
}

// leadsTo reports whether following resolutions from r arrives at p.
func leadsTo(r, p *Ref) bool {
	for range maxChain {
		if r == p {
			return true
		}
		switch {
		case r.route == routeForward:
			r = r.to
		case r.embargoed != nil:
			r = r.embargoed
		case r.becomes != nil:
			r = r.becomes
		default:
			return false
		}
	}
	return true
}

// announce tells whom it concerns that the promise p has been resolved. If it
// only became another promise, they wait for that one instead; but a peer that
// hosts that promise itself, or the vine, is told at once: only so are cycles that
// go through two vats found.
func (m *Machine) announce(p *Ref) {
	exports, watchers := p.exports, p.watchers
	p.exports, p.watchers = nil, nil
	end := p.Settled()
	open := end.unresolved()
	bound := p.bound
	p.bound = nil
	for _, r := range bound {
		r.bindTo = nil
		r.bind()
	}
	for _, e := range exports {
		if at := end.onVine(); open && !(at.route == routeImport && at.imp.s == e.s) {
			end.exports = append(end.exports, e)
			continue
		}
		e.s.resolveExport(e, end)
	}
	if end.State() == Promise || p.far && end.route != routeBroken { // who watches what is settled waits for it to break
		end.watchers = append(end.watchers, watchers...)
		return
	}
	for _, w := range watchers {
		w.w.Changed(w.r)
	}
}

// pass sends one waiting item on to where r leads now.
func (m *Machine) pass(r *Ref, it item) {
	end := r.Settled()
	switch {
	case end.route != routeQueue:
		m.passTo(end, it)
	case it.call == nil:
		end.queue = append(end.queue, it)
		if it.open != nil {
			it.open.becomes = end
		}
	case it.call.state != callSettled:
		m.route(end, it.call)
	}
}

// passTo is pass where the end is known; it may be on its way to become a result
// of a question.
func (m *Machine) passTo(end *Ref, it item) {
	if it.call != nil {
		it.call.on = nil
	}
	switch {
	case it.call != nil && it.call.state == callSettled:
	case it.call != nil && end.route == routeQueue:
		end.call.q.s.ask(it.call, end)
	case it.call != nil:
		m.route(end, it.call)
	case it.echo != nil:
		it.echo.charge(-itemCost)
		it.echo.reflect(end, it.id)
	case it.lift != nil:
		m.lift(it.lift)
	case it.errand != nil:
		it.errand.reach(end)
	case it.open != nil && end.held > 0:
		end.through().hold(end, it)
	case it.open != nil:
		m.forward(it.open, end.Retain())
		it.open.Release()
	}
}

// route sends the call c, which the machine owns, to where r leads now.
func (m *Machine) route(r *Ref, c *Call) {
	c.on = nil
	switch r = r.Settled(); r.route {
	case routeNear:
		m.deliver(r, c)
	case routeImport:
		r.imp.s.ask(c, r)
	case routePipeline:
		r.call.q.s.ask(c, r)
	case routeVine:
		m.route(r.to, c)
	case routeQueue:
		if waitsFor(r, c) {
			c.fail(errSelf)
			return
		}
		if c.own() {
			c.wait()
			c.on = r
			r.queue = append(r.queue, item{call: c})
		}
	case routeBroken:
		c.fail(r.err.as(NotDelivered))
	case routeForward:
		panic("captp: settled reference is forwarded")
	}
}

// waitsFor reports whether r cannot settle before c does: a call that waited on
// it would wait for itself.
func waitsFor(r *Ref, c *Call) bool {
	for range maxChain {
		of := r.Settled().of
		for of != nil && of.state == callFollowing {
			of = of.follows
		}
		switch {
		case of == c:
			return true
		case of == nil || of.state != callQueued || of.on == nil:
			return false
		}
		r = of.on
	}
	return true
}

// routeFrom routes a call of s to r or, with way, straight back on r's, as s was told: also if r itself has been resolved
// since.
func (m *Machine) routeFrom(s *Session, r *Ref, way bool, c *Call) {
	if way {
		c.strict = true
		s.ask(c, r)
		return
	}
	m.route(r, c)
}

// through returns the session through which r, as such and not as what it may
// have been resolved to, sends calls; nil if there is none.
func (r *Ref) through() *Session {
	r = r.way().onVine()
	if r.imp != nil {
		return r.imp.s
	}
	if r.call != nil && r.call.q != nil {
		return r.call.q.s
	}
	return nil
}
