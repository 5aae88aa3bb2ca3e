package captp

// A pin keeps the way of a reference open although the reference may be resolved or
// released: the peer was told that something is this reference of its, and may
// send calls and Disembargoes there for as long as it can name that something.
//
// Two vats can each wait for the other to let go: both told the other that a
// result is one of the other's results. So a pin moves on whenever that is safe.
// If the peer says that the reference is another of its own, the pin goes
// there: what is sent to either arrives at the same thing, in the same order. And
// if what it came to is broken, no order is left to keep.

// pin adds a pin, which is a holder too; unpin takes one back.
func (r *Ref) pin() *Ref {
	r.pins++
	if r.call != nil && r.call.q != nil {
		r.call.q.pins++
	}
	return r.Retain()
}

func (r *Ref) unpin() {
	r.pins--
	if r.call != nil && r.call.q != nil {
		r.call.q.pins--
		r.call.q.finishIfDone()
	}
	if r.pins == 0 {
		r.unbind()
		if to := r.moved; to != nil {
			r.moved = nil
			to.unpin()
		}
		if r.route != routeImport {
			r.dropImport()
		}
	} else if r.route == routeForward && r.Settled().route == routeBroken {
		r.dropWay()
	}
	r.Release()
}

// way returns the reference whose way what is sent strictly to r takes.
func (r *Ref) way() *Ref {
	if r.moved == nil {
		return r
	}
	end := r.moved
	for end.moved != nil {
		end = end.moved
	}
	if old := r.moved; old != end {
		r.moved = end.pin() // a long chain is walked once
		old.unpin()
	}
	return end
}

// movePins hands the pins of r on to to, which the peer said that r is.
func (r *Ref) movePins(to *Ref) {
	if r.pins == 0 || r.moved != nil || r.route != routeForward || !to.live() {
		return
	}
	r.unbind()
	r.moved = to.pin()
	r.leaveWay()
}

// shorten hands the pins of r on to what it came to, if that is the peer's too. Nothing that went the way of r, which led
// through the peer and back, is under way there any more.
func (r *Ref) shorten(s *Session) {
	if end := r.Settled().onVine(); end.live() && end.through() == s {
		r.movePins(end)
	}
}

// leaveWay gives up the import or question that only pins of r still needed.
func (r *Ref) leaveWay() {
	if r.call != nil && r.call.q != nil {
		q := r.call.q
		q.pins -= r.pins
		r.call = nil
		q.finishIfDone()
	}
	r.dropImport()
}

// dropWay lets go of the way of r, which is broken or came to something that is,
// whatever is pinned to it: nothing goes there any more.
func (r *Ref) dropWay() {
	if s := r.through(); s != nil {
		r.was = s
	}
	r.unbind()
	if to := r.moved; to != nil {
		r.moved = nil
		to.unpin()
	}
	r.leaveWay()
}

// bind has r, resolved but pinned, hear when what it leads to breaks.
func (r *Ref) bind() {
	if r.pins == 0 || r.moved != nil || r.route != routeForward {
		return
	}
	end := r.Settled()
	if end.route == routeBroken {
		r.Retain()
		r.dropWay()
		r.Release()
		return
	}
	r.unbind()
	r.bindTo, r.bindAt = end, len(end.bound)
	end.bound = append(end.bound, r)
}

func (r *Ref) unbind() {
	end := r.bindTo
	if end == nil {
		return
	}
	last := end.bound[len(end.bound)-1]
	end.bound[r.bindAt], last.bindAt = last, r.bindAt
	end.bound = end.bound[:len(end.bound)-1]
	r.bindTo = nil
}

// goes reports whether what is pinned to r goes its own way.
func (r *Ref) goes() bool { return r.route != routeBroken && r.moved == nil && r.was == nil }
