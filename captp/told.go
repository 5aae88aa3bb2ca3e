package captp

// told is what a peer was told that an export, or a result of its call, is. It stands for exactly that from then on,
// whatever has become of it here since (rpc.capnp, Disembargo: the Tribble 4-way race).
//
//	senderHosted, senderPromise     an export, and in turn what the peer is told of that
//	receiverHosted, receiverAnswer  a way: a reference of the peer's own, or a result of one of its answers
//
// As soon as the peer has heard of a way it sends there itself, and a Disembargo behind what it sent through here
// before. So all that it sent through here must have gone that way.
type told struct {
	ref *Ref      // what it was told of: one holder, pinned if it is a way; nil: it was not told yet
	e   *exported // as which it was told of it
	way bool
}

// tell notes that the peer is told of r, as e; nil: as no export of ours.
func (s *Session) tell(r *Ref, e *exported) told {
	t := told{ref: r, e: e, way: e == nil && r.live() && r.through() == s}
	return t.again()
}

// again returns t with holders of its own.
func (t told) again() told {
	if t.way {
		t.ref.pin()
	} else {
		t.ref.Retain()
	}
	return t
}

// forget gives the holders of t back.
func (t *told) forget() {
	r, way := t.ref, t.way
	*t = told{}
	if way {
		r.unpin()
	} else if r != nil {
		r.Release()
	}
}

// follow finds what t stands for: with way, a reference of the peer's whose way counts; else whatever r is here.
func (s *Session) follow(t told) (r *Ref, way bool) {
	for t.e != nil {
		e := t.e
		switch next := e.told.e; {
		case e.count == 0:
			return t.ref, false // the peer let go of it, and with that of what it meant
		case e.told.ref == nil:
			return e.ref, false
		case next != nil && next.count > 0 && next.told.ref != nil:
			old := e.told // a long chain is walked once
			e.told = next.told.again()
			old.forget()
		}
		t = e.told
	}
	if !t.way || t.ref.was == s {
		return t.ref, false
	}
	if end := t.ref.way(); end.through() == s && end.route != routeBroken {
		return end, true
	}
	return t.ref, false
}
