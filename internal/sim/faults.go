package sim

import "hash/fnv"

// fault does something to a pair of vats, or to one.
func (w *world) fault() {
	a, b := pick(w, w.vats), pick(w, w.vats)
	if a == b {
		return
	}
	e := a.links[b.i]
	until := w.step + 5 + w.rng.IntN(40)
	switch w.rng.IntN(9) {
	case 0, 1:
		w.reset(a, b)
	case 2:
		w.did("stall", "%s → %s until step %d", a, b, until)
		e.stalled = until
	case 3:
		w.did("partition", "%s and %s until step %d", a, b, until)
		e.stalled, b.links[a.i].stalled = until, until
	case 4, 5:
		e.slow = !e.slow
		w.did("slow", "%s → %s: %v", a, b, e.slow)
	case 6:
		if !e.shut && !b.links[a.i].shut {
			w.take(a, b, false)
			e.shut = true
			w.lose(e.wire)
			w.did("half-close", "%s hears no more of %s", a, b)
			e.session.Close()
		}
	case 7:
		w.crash(a)
	case 8:
		w.did("delay", "%s → %s until step %d", a, b, w.step+3)
		e.stalled = w.step + 3
	}
}

// reset delivers a part of what is under way, to the byte, and ends the session.
func (w *world) reset(a, b *machine) {
	for _, p := range [][2]*machine{{a, b}, {b, a}} {
		e, far := p[0].links[p[1].i], p[1].links[p[0].i]
		w.take(p[0], p[1], false)
		if n := w.rng.IntN(len(e.out) + 1); n > 0 && !far.shut {
			w.pass(p[0], p[1], n)
		}
	}
	w.did("reset", "%s and %s", a, b)
	w.cut(a, b)
}

// cut ends the session of a pair on both sides and begins another.
func (w *world) cut(a, b *machine) {
	w.lose(a.links[b.i].wire)
	w.say("%s and %s begin anew", a, b)
	a.links[b.i].session.Close()
	b.links[a.i].session.Close()
	w.connect(a, b)
}

// sever ends the session of a pair for good.
func (w *world) sever(a, b *machine) {
	for _, e := range []*end{a.links[b.i], b.links[a.i]} {
		e.gone = true
		w.lose(e.wire)
		e.session.Close()
	}
}

// crash ends an incarnation, with all that it knew, and begins the next.
func (w *world) crash(m *machine) {
	w.did("crash", "%s", m)
	var wires []*wire
	for _, e := range m.links {
		if e != nil {
			wires = append(wires, e.wire)
		}
	}
	w.lose(wires...)
	m.boot()
	for _, o := range w.vats {
		if o != m {
			o.links[m.i].session.Close()
			w.connect(m, o)
		}
	}
}

func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b) // it has no error
	return h.Sum64()
}
