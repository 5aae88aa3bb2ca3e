package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// act does one thing, drawn by lot.
func (w *world) act() {
	if w.puppet != nil {
		defer w.bounded()
		if w.rng.IntN(5) == 0 {
			w.attack()
			return
		}
	}
	m := pick(w, w.vats)
	if w.has(Gates) && w.rng.IntN(4) == 0 {
		if len(m.handles) > 0 {
			m.gate()
		}
		return
	}
	if w.has(Grants) && w.rng.IntN(6) == 0 {
		m.confer()
		return
	}
	if w.has(Driven|Tight) && w.rng.IntN(6) == 0 {
		m.drive()
		return
	}
	if w.has(Handoffs) && w.rng.IntN(8) == 0 {
		switch n := w.rng.IntN(10); {
		case n == 0:
			m.pass(1 + w.rng.IntN(80))
		case n < 4 && w.faults:
			w.interrupt()
		default:
			w.meet(m)
		}
		return
	}
	switch n := w.rng.IntN(100); {
	case n < 28:
		m.sends(1 + w.rng.IntN(3))
	case n < 55:
		for range 1 + w.rng.IntN(3) {
			w.deliver(pick(w, w.vats), pick(w, w.vats), false)
		}
	case n < 75:
		for range 1 + w.rng.IntN(4) {
			pick(w, w.vats).core.Step()
		}
	case n < 82:
		if len(m.resolvers) > 0 && len(m.handles) > 0 {
			m.resolve()
		}
	case n < 88:
		if len(m.handles) > 1 {
			m.release(w.rng.IntN(len(m.handles)))
		}
	case n < 90:
		w.cancel()
	case w.faults:
		w.fault()
	}
}

// meet has a vat find one of those of which it was told.
func (w *world) meet(m *machine) bool {
	met := m.core.Meet()
	if met {
		w.did("meet", "%s", m)
	}
	return met
}

// interrupt has a session end while a vat asks the host of what it was just handed: before it asks, before the host
// answers, or before the answer is read.
func (w *world) interrupt() {
	w.bustle(nil)
	donor := pick(w, w.vats)
	far := slices.DeleteFunc(slices.Clone(donor.handles), func(h *handle) bool {
		return h.ref == nil || h.ref.State() != vat.FarRef
	})
	if len(far) < 2 {
		return
	}
	donor.call(pick(w, far), "take", pick(w, far))
	w.bustle(nil)
	i := slices.IndexFunc(w.vats, w.meet)
	if i < 0 {
		return
	}
	m := w.vats[i]
	if w.rng.IntN(2) == 0 {
		m.sends(2)
	}
	w.bustle(m)
	if a, b := m, pick(w, w.vats); a != b {
		w.did("interrupt", "%s and %s", a, b)
		w.cut(a, b)
	}
}

// bustle has most of what is under way arrive, but for what m would hear.
func (w *world) bustle(m *machine) {
	for range 3 {
		for _, a := range w.vats {
			for _, b := range w.vats {
				if b != m && w.rng.IntN(8) > 0 {
					w.deliver(a, b, true)
				}
			}
		}
	}
}

// pass has seconds pass at m, one by one: gifts, and the patience of those who would pick them up, end in that time.
func (m *machine) pass(seconds int) {
	for range seconds {
		if m.core.Timers() == 0 {
			return
		}
		m.w.did("second", "%s", m)
		m.leap(time.Second, true)
	}
}

func (m *machine) sends(n int) {
	for range n {
		if len(m.handles) > 0 {
			m.send()
		}
	}
}

// cancel gives up a call whose caller lives.
func (w *world) cancel() {
	if len(w.calls) == 0 {
		return
	}
	c := pick(w, w.calls)
	if c.settled > 0 || c.epoch != c.from.epoch {
		return
	}
	w.did("cancel", "%s: call %d", c.from, c.id)
	c.withdrawn = c.delivered == 0 && c.near
	c.giveUp()
}

// giveUp cancels the call, which has not settled.
func (c *call) giveUp() {
	for _, d := range c.from.w.calls[c.id:] {
		d.kept = d.kept || c.left && d.left && d.on == c.result && d.settled == 0
	}
	c.canceled = true
	if c.result != nil {
		c.result.means.why |= canceled
	}
	c.cancel()
}

// take puts what a has to say to b on the wire; all of it, or, in a driven world, what a socket takes.
func (w *world) take(a, b *machine, all bool) {
	e := a.links[b.i]
	n := max(0, window-len(e.out))
	if all || a == w.puppet {
		n = 1 << 30
	}
	data := e.session.Take(n)
	if a == w.puppet {
		data = w.tamper(e.tap, data)
	}
	e.out = append(e.out, w.traced(a, b, data)...)
}

// deliver moves bytes from a to b, and reports whether there were any.
func (w *world) deliver(a, b *machine, all bool) bool {
	if a == b {
		return false
	}
	e, far := a.links[b.i], b.links[a.i]
	if e.gone {
		return false
	}
	if all || w.rng.IntN(4) > 0 {
		w.take(a, b, all)
	}
	if far.shut { // b hears nothing any more
		e.out = nil
		return false
	}
	if e.shut && len(e.out) == 0 {
		w.cut(a, b)
		return true
	}
	if len(e.out) == 0 || e.stalled > w.step && !all {
		return false
	}
	n := len(e.out)
	if e.slow && !all {
		n = min(n, 1+w.rng.IntN(16))
	} else if !all && w.rng.IntN(3) == 0 {
		n = 1 + w.rng.IntN(n)
	}
	w.pass(a, b, n)
	return true
}

// pass has b read n bytes of a's.
func (w *world) pass(a, b *machine, n int) {
	e := a.links[b.i]
	data := e.out[:n:n]
	e.out = e.out[n:]
	w.say("%s → %s: %d bytes %x", a, b, n, sum(data))
	far := b.links[a.i]
	if b == w.puppet {
		w.hears(a, far, data)
		return
	}
	far.reading = true
	err := far.session.Receive(data)
	far.reading = false
	switch {
	case err == nil:
	case a == w.puppet:
		w.ends(b, far, err)
	default:
		w.fail("%s ends its session with %s: %v", b, a, err)
	}
}

// finish brings the world to rest, checks what is left, lets everything go, and checks that nothing is left.
func (w *world) finish() {
	w.say("the end begins")
	w.calm = true
	for _, m := range w.vats {
		if m.holds {
			m.core.Hold(false)
		}
	}
	w.settle()
	if w.puppet != nil {
		w.say("%s is shut out", w.puppet)
		for _, b := range w.vats {
			if b != w.puppet {
				w.sever(w.puppet, b)
			}
		}
		w.settle()
	}
	for range 20 {
		if !w.giveUp() {
			break
		}
		w.settle()
	}
	w.checkCalls()
	w.checkStates()
	w.checkCounts()
	w.checkSame()
	w.letGo()
	if w.seen["cycle"] > 0 {
		// The promises of a circle through several vats hold each other, for as long as the sessions live.
		w.checkIdle()
		for i, a := range w.vats {
			for _, b := range w.vats[:i] {
				w.sever(a, b)
			}
		}
		w.settle()
		w.letGo()
	}
	w.checkEmpty()
}

// letGo lets go of everything.
func (w *world) letGo() {
	for range 20 {
		for _, m := range w.vats {
			for i := len(m.handles) - 1; i >= 0; i-- {
				m.release(i)
			}
			for i := len(m.data) - 1; i >= 0; i-- {
				m.releaseData(i)
			}
			for _, e := range m.links {
				if e != nil {
					e.session.Forget()
				}
			}
		}
		for _, c := range w.calls {
			if c.epoch == c.from.epoch { // an attacker may have answered references where data was asked for
				c.from.core.Forget(c.promise)
			}
		}
		w.settle()
	}
}

// settle resolves, delivers and steps until nothing is left to do.
func (w *world) settle() {
	for range 2000 {
		busy := false
		for _, m := range w.vats {
			for len(m.resolvers) > 0 && len(m.handles) > 0 {
				m.resolve()
				busy = true
			}
			for len(m.dataResolvers) > 0 {
				m.resolveData()
				busy = true
			}
			for m.core.Step() {
				busy = true
			}
			if w.has(Driven) {
				busy = m.core.Work() || busy
			}
			for w.meet(m) {
				busy = true
			}
		}
		for _, a := range w.vats {
			for _, b := range w.vats {
				busy = w.deliver(a, b, true) || busy
			}
		}
		if w.bad != "" || !busy && !w.wait() {
			return
		}
	}
	w.fail("the world does not come to rest")
}

// wait has the clocks go on as long as somebody waits for a time, and reports whether there was one.
func (w *world) wait() (some bool) {
	for _, m := range w.vats {
		if m.core.Timers() > 0 {
			m.leap(time.Hour, true)
			some = true
		}
	}
	return some
}

// giveUp cancels what waits for ever, for one of three reasons: it waits for itself; it waits behind what waits for plain
// data that waits for itself; or it waits for credit, for with little of it two vats can wait for each other, as calls
// that hold it depend on calls that wait for it. It reports whether there was anything to cancel.
func (w *world) giveUp() bool {
	if w.bad != "" {
		return false
	}
	if n := w.cancelAll("give up a cycle", func(c *call) bool { return c.mayFail()&endless != 0 }); n > 0 {
		return true
	}
	all := func(*call) bool { return true }
	for _, c := range w.counts {
		if c.open() && c.mayFail()&endless != 0 {
			return w.cancelAll("give up behind a cycle", all) > 0
		}
	}
	return w.waits() && w.cancelAll("give up", all)+w.cancelData() > 0
}

// waits reports whether anything waits for credit.
func (w *world) waits() bool {
	return slices.ContainsFunc(w.vats, func(m *machine) bool { return m.held() > 0 })
}

// cancelAll cancels those of the calls that have not settled, and returns how many.
func (w *world) cancelAll(why string, which func(c *call) bool) (n int) {
	for _, c := range w.calls {
		if c.epoch == c.from.epoch && c.settled == 0 && which(c) {
			n++
			w.did(why, "%s: call %d", c.from, c.id)
			c.giveUp()
		}
	}
	return n
}

// cancelData withdraws what asks for data that is not known, and returns how often: that takes credit, too.
func (w *world) cancelData() (n int) {
	for _, m := range w.vats {
		for _, h := range m.data {
			if h.asked && !h.known {
				n++
				w.did("give up", "%s: handle %d", m, h.id)
				h.means.why |= canceled
				h.data.Cancel()
			}
		}
	}
	return n
}

// checkCalls checks that every call whose caller lives has settled.
func (w *world) checkCalls() {
	for _, c := range w.calls {
		if c.epoch == c.from.epoch && c.settled != 1 {
			w.fail("call %d (%s on handle %d) settled %d times", c.id, c.verb, c.on.id, c.settled)
		}
	}
}

// checkStates checks that no reference is a promise any more, and that what is broken has a reason.
func (w *world) checkStates() {
	for _, m := range w.vats {
		for _, h := range m.handles {
			if h.ref == nil {
				continue
			}
			// Through a third vat even what is near may stay far.
			got, why := h.ref.State(), h.causes()
			if got == vat.PromiseRef && why&endless == 0 || got == vat.BrokenRef && why == 0 {
				w.fail("handle %d of %s is %s at the end (%b)", h.id, m, got, why)
			}
			if end := h.means.end(); got == vat.NearRef && end.severed() && why&stranger == 0 {
				w.fail("handle %d of %s is near at the end, by grant %d", h.id, m, end.grant.id)
			}
		}
	}
}

// checkCounts checks that each side of a session counts every reference as often as the other.
func (w *world) checkCounts() {
	for _, a := range w.vats {
		for _, b := range w.vats {
			if a == b || a.links[b.i].gone {
				continue
			}
			exports, _ := a.links[b.i].session.Counts()
			_, imports := b.links[a.i].session.Counts()
			for _, id := range slices.Sorted(maps.Keys(exports)) {
				if exports[id] != imports[id] {
					w.fail("%s counts %d references of %s to its export %d, which counts %d", a, exports[id], b, id, imports[id])
				}
			}
			if len(imports) != len(exports) {
				w.fail("%s exports %d references to %s, which imports %d", a, len(exports), b, len(imports))
			}
		}
	}
}

// checkIdle checks that no call is under way.
func (w *world) checkIdle() {
	for i, a := range w.vats {
		for j, e := range a.links {
			if i == j {
				continue
			}
			if st := e.session.Stats(); st.Questions+st.Answers+st.Held != 0 {
				w.fail("%s with %s: calls are left: %+v", a, w.vats[j], st)
			}
		}
	}
}

// checkEmpty checks that nothing is left, anywhere.
func (w *world) checkEmpty() {
	for _, a := range w.vats {
		if len(a.data) > 0 {
			w.fail("%s: data %d cannot be let go of", a, a.data[0].id)
		}
		if len(a.handles) > 0 {
			w.fail("%s: handle %d cannot be let go of", a, a.handles[0].id)
		}
		if left := a.core.Left(); left != "" {
			w.fail("%s: left: %s", a, left)
		}
		for j, e := range a.links {
			if e == nil {
				continue
			}
			st := e.session.Stats()
			st.Charged = 0 // a buffer that is kept counts; Left knows the rest
			if st.Questions+st.Answers+st.Exports+st.Imports+st.Embargoes+st.Held != 0 {
				w.fail("%s with %s: left in the tables: %+v", a, w.vats[j], st)
			}
		}
	}
}
