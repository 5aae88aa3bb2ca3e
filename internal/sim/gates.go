package sim

import (
	"github.com/vatnet/vatnet/vat"
)

// In a world with gates promises for data travel: they are results of calls, or resolved by their vats some time, are
// passed on from vat to vat, and stand where a method wants plain data: the call waits for it at the receiver, and what
// comes behind it on its path waits as well.

// dataResolver is a promise for data that its vat has given out and not settled.
type dataResolver struct {
	r *vat.Resolver[int]
	p *handle
}

// Some results in data that this vat knows some time.
func (t *thing) Some(id, on, seq int) *vat.Promise[int] {
	c := t.arrive(id, on, seq)
	p, r := vat.NewPromise[int](t.vat.self)
	h := t.vat.addData(&handle{data: p, means: &meaning{isData: true}})
	if c != nil {
		c.result.means.to = h
	}
	t.vat.dataResolvers = append(t.vat.dataResolvers, &dataResolver{r, h})
	return p
}

// Count wants plain data.
func (t *thing) Count(id, on, seq int, x int) int {
	c := t.arrive(id, on, seq)
	if c == nil {
		return 0
	}
	end := c.arg.means.end()
	switch {
	case c.mayFail()&stranger != 0:
	case !end.isData || end.of != nil:
		t.vat.w.fail("call %d was delivered, and its argument is not known yet", c.id)
	case x != end.value:
		t.vat.w.fail("call %d brings %d, not %d", c.id, x, end.value)
	}
	return c.value()
}

// Keep gets a promise for data.
func (t *thing) Keep(id, on, seq int, from int, p *vat.Promise[int]) int {
	m, c := t.vat, t.arrive(id, on, seq)
	if c == nil || p == nil {
		if p != nil {
			m.core.Forget(p)
		}
		return 0
	}
	h := m.addData(&handle{data: p, means: c.arg.means, from: []*handle{c.on, c.arg}})
	m.w.say("%s: handle %d is what was handle %d", m, h.id, from)
	if m.w.rng.IntN(2) == 0 {
		m.expect(h)
	}
	return c.value()
}

// addData gives m a promise for data.
func (m *machine) addData(h *handle) *handle {
	m.w.handles++
	h.id, h.vat = m.w.handles, m
	m.data = append(m.data, h)
	m.w.keep = append(m.w.keep, h)
	return h
}

// expect has the outcome of a promise for data checked, in a turn.
func (m *machine) expect(h *handle) {
	w := m.w
	h.asked = true
	done := vat.When(h.data, func(v int) (int, error) {
		h.known = true
		w.did("known", "%s: handle %d is %d", m, h.id, v)
		if end := h.means.end(); h.causes()&stranger == 0 && (!end.isData || end.of != nil || v != end.value) {
			w.fail("handle %d is %d, not %d", h.id, v, end.value)
		}
		return 0, nil
	})
	told := vat.Catch(done, func(err error) (int, error) {
		h.known = true
		w.did("known", "%s: handle %d: error %v", m, h.id, err)
		if why := h.causes(); causeOf(err)&why == 0 && why&stranger == 0 {
			w.fail("handle %d broke, and nothing on its way had (%b): %v", h.id, why, err)
		}
		return 0, nil
	})
	w.keep = append(w.keep, done, told)
}

// gate does one thing with data.
func (m *machine) gate() {
	w := m.w
	h := pick(w, m.handles)
	switch n := w.rng.IntN(10); {
	case n < 2:
		m.call(h, "some", nil)
	case n < 5 && len(m.data) > 0:
		m.count(h, pick(w, m.data))
	case n < 6:
		m.count(h, pick(w, m.handles)) // is no data
	case n < 8 && len(m.data) > 0:
		m.call(h, "keep", pick(w, m.data))
	case n < 9 && len(m.dataResolvers) > 0:
		m.resolveData()
	case len(m.data) > 0:
		m.call(pick(w, m.data), "note", nil) // to what is no object
	}
}

// count sends what wants plain data, unless it would wait for what waits for it.
func (m *machine) count(h, arg *handle) {
	c := m.prepare(h, "count", arg)
	if m.w.counts = append(m.w.counts, c); m.w.stuck() {
		m.w.counts = m.w.counts[:len(m.w.counts)-1]
		m.w.withdraw(c)
		return
	}
	m.dispatch(c)
}

// resolveData settles one of the promises for data that this vat has given out.
func (m *machine) resolveData() {
	w := m.w
	i := w.rng.IntN(len(m.dataResolvers))
	x := m.dataResolvers[i]
	m.dataResolvers = append(m.dataResolvers[:i:i], m.dataResolvers[i+1:]...)
	means := x.p.means
	if w.rng.IntN(8) == 0 {
		means.why |= broken
		w.did("break", "%s: handle %d", m, x.p.id)
		x.r.Break(errBroken)
		return
	}
	if h := pick(w, m.data); w.rng.IntN(2) == 0 && w.become(means, h) {
		w.did("resolve data", "%s: handle %d to %d", m, x.p.id, h.id)
		x.r.Follow(h.data)
		return
	}
	means.value = w.rng.IntN(1000)
	w.did("resolve data", "%s: handle %d to %d itself", m, x.p.id, means.value)
	_ = x.r.Resolve(means.value) // what it comes to is checked
}

// releaseData lets go of a promise for data, if nobody will look at it any more.
func (m *machine) releaseData(i int) bool {
	h := m.data[i]
	if h.call != nil && h.call.settled == 0 || h.asked && !h.known || !m.core.Forget(h.data) {
		return false
	}
	m.data = append(m.data[:i:i], m.data[i+1:]...)
	m.w.did("release", "%s: handle %d", m, h.id)
	return true
}

// open reports whether the call may be waiting for its argument, or for anything before that. If it was canceled it does
// so all the same, as long as somebody uses its result.
func (c *call) open() bool {
	return c.delivered == 0 && (c.settled == 0 || c.canceled) && c.epoch == c.from.epoch
}

// stuck reports whether a call would wait for plain data that comes only after it, because what makes the data waits
// behind that call. Such programs are at fault; worlds do not do it.
func (w *world) stuck() bool {
	var open []*call
	for _, c := range w.counts {
		if c.open() {
			open = append(open, c)
		}
	}
	w.counts = open
	through := map[*meaning][]*call{}
	for _, c := range open {
		for m := c.on.means; m != nil; m = m.to.means {
			through[m] = append(through[m], c)
			if m.to == nil || m.why&cycle != 0 {
				break
			}
		}
	}
	for _, c := range open {
		w.mark++
		mark := w.mark
		d := dependence{w, c, through}
		if w.unsure(c.arg) || d.on(c.arg.means, mark) {
			return true
		}
	}
	return false
}

// dependence looks for what a call that waits for data depends on: itself?
type dependence struct {
	w       *world
	c       *call
	through map[*meaning][]*call // which of those come through a promise: it is resolved behind them
}

// unsure reports whether h may be anything, as an attacker has said what it is: also the object that is waited at.
func (w *world) unsure(h *handle) bool {
	return w.puppet != nil && h != nil && h.causes()&stranger != 0
}

// on reports whether m becomes known only after the call was delivered.
func (d dependence) on(m *meaning, mark int) bool {
	if m.passed == mark {
		return false
	}
	m.passed = mark
	if d.w.unsure(m.to) {
		return true
	}
	if m.to != nil && m.why&cycle == 0 && d.on(m.to.means, mark) || m.of != nil && d.delivered(m.of, mark) ||
		d.behind(d.through[m], mark) {
		return true
	}
	if m.thing == nil {
		return false
	}
	for _, g := range d.w.counts {
		if g.on.means.end().thing == m.thing && d.behind([]*call{g}, mark) {
			return true
		}
	}
	return false
}

// behind reports whether what waits behind some calls comes only after the call.
func (d dependence) behind(calls []*call, mark int) bool {
	for _, g := range calls {
		if g == d.c || d.on(g.arg.means, mark) || d.on(g.on.means, mark) {
			return true
		}
	}
	return false
}

// delivered reports whether x is delivered only after the call.
func (d dependence) delivered(x *call, mark int) bool {
	switch {
	case x == d.c:
		return true
	case x.on == d.c.on && x.seq < d.c.seq:
		return false // it goes before
	case x.verb == "count" && d.on(x.arg.means, mark):
		return true
	}
	return d.on(x.on.means, mark)
}

var errNotData = []error{vat.ErrNotObject, vat.ErrBadArguments}

// misfit reports whether an error says that data was taken for a reference, or the contrary.
func misfit(err error) bool {
	for _, e := range errNotData {
		if says(err, e) {
			return true
		}
	}
	return false
}
