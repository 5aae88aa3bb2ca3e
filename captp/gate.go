package captp

// A call whose method wants plain data where the argument is still a promise has
// to wait, and later calls on the same path wait behind it: that is the order
// they were sent in. The path is one near reference as one sender reaches it
// (one session, or this vat's own code). While a call waits there the path has a
// gate: a promise whose queue takes what arrives.

type gateKey struct {
	from *Session // nil: senders in this vat
	to   *Ref
}

// deliver gives the call c to the object of the near reference r.
func (m *Machine) deliver(r *Ref, c *Call) {
	if len(m.gates) > 0 {
		if g := m.gates[gateKey{c.From(), r}]; g != nil {
			m.route(g, c)
			return
		}
	}
	m.handOver(r, c)
}

// handOver is deliver past the gate. It reports whether the call waits.
func (m *Machine) handOver(r *Ref, c *Call) bool {
	if !c.own() {
		return false
	}
	c.unwait()
	c.state = callDelivered
	c.obj = r.Retain()
	if !r.obj.Deliver(c) || c.state != callDelivered {
		return false
	}
	c.gated, c.tangled = true, true
	k := gateKey{c.From(), r}
	if m.gates[k] == nil {
		m.gates[k] = m.newRef(routeQueue)
		r.Retain()
	}
	return true
}

// Ready ends the wait of a call whose Deliver asked for it, and lets through
// what had queued behind it, up to the next call that must wait.
func (c *Call) Ready() {
	if !c.gated {
		return
	}
	c.gated = false
	m, r := c.m, c.obj
	k := gateKey{c.From(), r}
	g := m.gates[k]
	if g == nil {
		return
	}
	for len(g.queue) > 0 {
		it := g.queue[0]
		g.queue = g.queue[1:]
		switch {
		case it.call != nil:
			if it.call.state != callSettled && r.route == routeNear {
				if m.handOver(r, it.call) {
					return
				}
				continue
			}
			if it.call.state != callSettled {
				m.route(r, it.call)
			}
		default:
			// What waited on that promise comes before what stands behind it here.
			rest := g.queue
			g.queue = nil
			if it.lift != nil {
				m.lift(it.lift)
			} else if it.open != nil {
				m.forward(it.open, r.Retain())
				it.open.Release()
			} else if it.errand != nil {
				it.errand.reach(r)
			}
			g.queue = append(g.queue, rest...)
		}
	}
	delete(m.gates, k)
	m.forward(g, r.Retain())
	g.Release()
	r.Release()
}

// behindGate returns what s, or this vat's own code for nil, means when it passes
// on the near reference r: r itself or, if calls it made on r still wait at the
// gate, a promise that becomes r in their order. The caller gets a holder.
func (m *Machine) behindGate(s *Session, r *Ref) *Ref {
	if len(m.gates) == 0 {
		return r.Retain()
	}
	end := r.Settled()
	g := m.gates[gateKey{s, end}]
	if g == nil {
		return r.Retain()
	}
	// What stands behind the same calls is the same: there are no more of these than of calls, which are charged.
	if n := len(g.queue); n > 0 && g.queue[n-1].open != nil {
		return g.queue[n-1].open.Retain()
	}
	p := m.NewPromise()
	g.queue = append(g.queue, item{open: p.Retain()})
	return p
}

// gate returns the closed gate on the way of s to r, if any.
func (s *Session) gate(r *Ref) *Ref {
	if len(s.m.gates) == 0 {
		return nil
	}
	return s.m.gates[gateKey{s, r.Settled()}]
}

// drain gives what waits on the promise p to to, whose holder passes to p. Until
// the last of it has gone p stays in embargo: whoever is passed p meanwhile, also
// by one of those calls, gets a promise that is resolved behind them. If one has
// to wait at a gate, p and the rest wait behind it, and drain returns false.
func (m *Machine) drain(p, to *Ref) bool {
	p.route, p.embargoed = routeQueue, to
	p.dropImport()
	for len(p.queue) > 0 {
		it := p.queue[0]
		p.queue = p.queue[1:]
		m.pass(to, it)
		if p.embargoed != to {
			return false // broken meanwhile
		}
		end := to.Settled()
		if it.call == nil || end.route != routeNear {
			continue
		}
		if g := m.gates[gateKey{it.call.From(), end}]; g != nil {
			g.queue = append(g.queue, item{lift: p.Retain()})
			return false
		}
	}
	p.queue = nil
	return true
}
