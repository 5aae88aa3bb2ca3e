package captp

// A promise that a peer answers may turn out to lead elsewhere: home, or through
// another session. Calls already sent on it travel by way of the peer; a new
// call would overtake them on the shorter way. So the promise stays a queue, in
// embargo, while a Disembargo follows the older calls through the peer and back
// (rpc.capnp, Disembargo). Where it leads within the same session no embargo is
// needed: the way stays the same up to the peer.

// settleRemote resolves the promise p, calls on which went through s, to to,
// whose holder passes; nil is the null reference.
func (m *Machine) settleRemote(p *Ref, s *Session, to *Ref) {
	if p.route == routeBroken || p.route == routeForward || p.embargoed != nil {
		if to != nil {
			to.Release()
		}
		return
	}
	switch {
	case to == nil:
		m.breakRef(p, errNull)
	case to.through() == s:
		// What went out on p also went, at the peer, to what to stands for.
		to.used = to.used || p.used
		p.Retain()
		m.forward(p, to.Retain())
		p.movePins(to.onVine())
		to.Release()
		p.Release()
	case !p.used || m.noEmbargo || s.err != nil || to.State() == Broken:
		p.Retain()
		m.forward(p, to)
		if !p.used {
			p.shorten(s)
		}
		p.Release()
	case leadsTo(to, p):
		to.Release()
		m.breakRef(p, errSelf)
	default:
		s.embargo(p, p, to)
	}
}

// detour returns r, whose holder passes, as something that a peer sent back: a
// promise of the peer's that resolves to it did not go the way of r, even if r
// leads to that same peer.
func (m *Machine) detour(r *Ref) *Ref {
	if r == nil {
		return nil
	}
	d := m.newRef(routeForward)
	d.to = r
	return d
}

// embargo holds back calls on p, which turned out to be to, whose holder passes,
// until a Disembargo has followed the older ones, which went the way of way.
func (s *Session) embargo(p, way, to *Ref) {
	p.takeHeld(nil)
	if way == p {
		p.busy = false
	}
	p.Retain()
	if len(s.embargoes) < s.m.lim.Embargoes {
		s.beginEmbargo(p, way)
	} else {
		s.charge(itemCost)
		s.embargoesToCome = append(s.embargoesToCome, embargoToCome{p, way.pin()})
	}
	p.route, p.embargoed = routeQueue, to
	p.dropImport()
}

// embargoToCome is an embargo whose Disembargo waits until fewer are under way.
type embargoToCome struct{ p, way *Ref }

// beginEmbargo sends a Disembargo the way of way, after whose return p is lifted.
// p's holder passes.
func (s *Session) beginEmbargo(p, way *Ref) {
	for s.embargoes[s.nextEmbargo] != nil {
		s.nextEmbargo++
	}
	id := s.nextEmbargo
	s.nextEmbargo++
	s.embargoes[id] = p
	s.writeDisembargo(way, senderLoopback, id)
}

// moreEmbargoes sends Disembargoes that waited.
func (s *Session) moreEmbargoes() {
	for len(s.embargoesToCome) > 0 && len(s.embargoes) < s.m.lim.Embargoes {
		e := s.embargoesToCome[0]
		s.embargoesToCome = s.embargoesToCome[1:]
		s.charge(-itemCost)
		if e.p.embargoed == nil || e.way.was == s || e.way.moved != nil {
			s.m.lift(e.p) // p or the way broke meanwhile, or nothing is on it any more: see shorten
		} else {
			s.beginEmbargo(e.p, e.way)
		}
		e.way.unpin()
	}
}

// lift ends the embargo on p: the older calls have arrived. The table's holder
// passes.
func (m *Machine) lift(p *Ref) {
	if to := p.embargoed; to != nil {
		s := p.through()
		p.embargoed = nil
		m.forward(p, to)
		if !p.busy && s != nil {
			p.shorten(s)
		}
	}
	p.Release()
}

// receiveDisembargo handles both halves of the loop.
func (s *Session) receiveDisembargo(d disembargoMsg) {
	switch d.context {
	case senderLoopback:
		r, told := s.target(d.target)
		if r == nil {
			return
		}
		defer r.Release()
		if !told && r.was != s {
			r = r.Settled()
		}
		if r.route == routeQueue && !told && r.was != s {
			// Not known yet where it leads; the answer waits in line.
			s.charge(itemCost)
			r.queue = append(r.queue, item{echo: s, id: d.id})
			return
		}
		s.reflect(r, d.id)
	case receiverLoopback:
		p := s.embargoes[d.id]
		if p == nil {
			s.fatal(ProtoEmbargo)
			return
		}
		delete(s.embargoes, d.id)
		s.arrived(p, d.target)
		s.moreEmbargoes()
	case contextAccept:
		if !s.offered {
			s.unimplemented()
			return
		}
		s.receiveDisembargoAccept(d.target, d.accept)
	default:
		s.unimplemented()
	}
}

// arrived handles that the Disembargo of p, whose holder passes, has come back: what was sent before it has come to at.
func (s *Session) arrived(p *Ref, at targetMsg) {
	r, way := s.lookup(at)
	if r == nil {
		s.m.lift(p)
		return
	}
	defer r.Release()
	if p.embargoed != nil && s.goesOn(r, way) {
		s.embargo(p, r, p.embargoed)
		p.Release()
		return
	}
	if to := p.embargoed; to != nil && way && r.Vine() && to.Settled().onVine() != r {
		// What came before goes on by the vine, where no Disembargo can follow it to the host any more: the longer way stays.
		p.embargoed = r.Retain()
		to.Release()
	}
	if g := s.gate(r); g != nil {
		g.queue = append(g.queue, item{lift: p})
		return
	}
	s.m.lift(p)
}

// goesOn reports whether what the peer sends to r, which it was told of as a way, goes back to the peer although r leads
// elsewhere by now, be it to another reference of the peer's: it arrives there later than what is sent from here.
func (s *Session) goesOn(r *Ref, way bool) bool {
	end := r.Settled()
	return way && (end != r || !r.live()) && end.route != routeBroken
}

// reflect sends the Disembargo id of s back along r, which s must host: never
// anywhere else, and never a reflection of a reflection.
func (s *Session) reflect(r *Ref, id uint32) {
	if s.err != nil {
		return
	}
	r = r.onVine()
	if r.was == s {
		// What came before it has failed; there is no way to name any more.
		s.writeDisembargo(r, receiverLoopback, id)
		return
	}
	if r.through() != s {
		s.fatal(ProtoEmbargo)
		return
	}
	s.writeDisembargo(r, receiverLoopback, id)
}
