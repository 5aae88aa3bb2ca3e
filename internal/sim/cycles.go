package sim

// In a world with cycles a promise may be resolved to what waits for it. A circle of promises that goes through one vat
// or two breaks. One through three or more is not seen by any of them, nor is one that goes through the results of calls
// that were not answered yet: they stay as they are, and calls on them go round until they have used up their credit, and
// then rest until they are canceled, or the sessions end.

// become makes m what h comes to, unless m would then wait for itself, which it may in a world with cycles.
func (w *world) become(m *meaning, h *handle) bool {
	w.mark++
	r := ring{vats: map[*machine]bool{}}
	closed := r.closes(h, m, w.mark)
	if closed && (!w.has(Cycles) || w.rng.IntN(4) == 0) {
		return false
	}
	was := m.why
	if m.to = h; closed {
		m.why |= cycle
		if len(r.vats) > 2 || r.calls {
			m.why |= endless
		}
	}
	if w.has(Gates) && w.stuck() {
		m.to, m.why = nil, was
		return false
	}
	if h.severs() {
		m.why |= lost
	}
	if closed {
		w.did("cycle", "what handle %d stands for waits for itself, through %d vats, calls %v", h.id, len(r.vats), r.calls)
	}
	return true
}

// ring is where a circle goes.
type ring struct {
	vats  map[*machine]bool
	calls bool // through the result of a call that is not known yet
}

// closes follows what is known of h, and what calls that were not delivered wait for, and reports whether it comes to x.
func (r *ring) closes(h *handle, x *meaning, mark int) bool {
	m := h.means
	if m == x {
		r.add(h)
		return true
	}
	if m.seen == mark {
		return false
	}
	m.seen = mark
	if m.to != nil && r.closes(m.to, x, mark) {
		r.add(h)
		return true
	}
	if m.of != nil && r.closes(m.of.on, x, mark) {
		r.calls = true
		r.add(h)
		return true
	}
	return false
}

// add notes that the circle goes through h, and so by all that h came by.
func (r *ring) add(h *handle) {
	r.calls = r.calls || h.call != nil && h.call.settled == 0 || h.data != nil // data is asked for by calls
	h.vat.w.mark++
	r.through(h, h.vat.w.mark)
}

func (r *ring) through(h *handle, mark int) {
	if h.seen == mark {
		return
	}
	h.seen = mark
	r.vats[h.vat] = true
	if h.over != nil {
		r.vats[h.over.a], r.vats[h.over.b] = true, true
	}
	for _, from := range h.from {
		r.through(from, mark)
	}
	if m := h.means; m.to != nil {
		r.through(m.to, mark)
	} else if m.of != nil {
		r.through(m.of.on, mark)
	}
}
