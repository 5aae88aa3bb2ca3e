package sim

import "github.com/vatnet/vatnet/vat"

// send makes a call on a random handle.
func (m *machine) send() {
	h := pick(m.w, m.handles)
	m.call(h, pick(m.w, verbs), nil)
}

// verbs are those of most calls.
var verbs = []string{"note", "note", "give", "later", "take"}

// call sends verb on h. arg is what it carries, if it carries anything.
func (m *machine) call(h *handle, verb string, arg *handle) *call {
	c := m.prepare(h, verb, arg)
	m.dispatch(c)
	return c
}

// prepare makes a call that is to be sent at once.
func (m *machine) prepare(h *handle, verb string, arg *handle) *call {
	w := m.w
	h.sent++
	c := &call{id: len(w.calls), verb: verb, from: m, epoch: m.epoch, on: h, seq: h.sent}
	c.parted = h.severs()
	c.near = h.ref != nil && h.ref.State() == vat.NearRef
	w.calls = append(w.calls, c)
	if verb == "take" && arg == nil {
		arg = pick(w, m.handles)
	}
	c.arg = arg
	return c
}

// withdraw takes back a call that was prepared last.
func (w *world) withdraw(c *call) {
	c.on.sent--
	w.calls = w.calls[:len(w.calls)-1]
}

// dispatch sends a call.
func (m *machine) dispatch(c *call) {
	w, h, verb := m.w, c.on, c.verb
	if m.held() == 0 {
		defer func() { c.left = m.held() == 0 && h.leads() }()
	}
	w.did("send", "%s: call %d, %s on handle %d, number %d", m, c.id, c.verb, h.id, c.seq)
	if c.arg != nil {
		w.say("%s: passes handle %d", m, c.arg.id)
	}
	switch verb {
	case "note", "some":
		m.watchData(c, vat.Send[int](h.target(), verb, c.token(), h.id, c.seq))
	case "take", "keep":
		m.watchData(c, vat.Send[int](h.target(), verb, c.token(), h.id, c.seq, c.arg.id, c.arg.arg()))
	case "blob":
		m.sendBlob(c)
	case "count":
		m.watchData(c, vat.Send[int](h.target(), verb, c.token(), h.id, c.seq, c.arg.arg()))
	default:
		c.result = &handle{call: c, means: &meaning{of: c}, from: []*handle{h}}
		p := vat.Send[*vat.Ref](h.target(), verb, c.token(), h.id, c.seq)
		watch(c, p, func(r *vat.Ref) {
			c.settle("reference")
			if r == nil {
				if c.wasDelivered() {
					w.fail("call %d: no reference", c.id)
				}
			} else if c.wasDelivered(); m.epoch == c.epoch {
				m.add(&handle{ref: r, means: c.result.means, from: []*handle{c.result}})
			}
		})
		c.result.promise = p
		m.add(c.result)
	}
}

// leads reports whether what is sent on h leaves the vat at once, if there is credit.
func (h *handle) leads() bool {
	if h.ref != nil {
		return h.ref.State() == vat.FarRef
	}
	return h.promise != nil && h.call != nil && h.call.left && h.call.settled == 0 && !h.call.canceled
}

// held returns how many sends of m wait for credit.
func (m *machine) held() (n int) {
	for _, e := range m.links {
		if e != nil {
			n += e.session.Stats().Held
		}
	}
	return n
}

// watchData is watch for a call that results in data. In a world with gates the promise may be used.
func (m *machine) watchData(c *call, p *vat.Promise[int]) {
	watch(c, p, c.succeeded)
	if !m.w.has(Gates) {
		return
	}
	c.result = &handle{call: c, data: p, means: &meaning{of: c, isData: true}, from: []*handle{c.on}}
	if c.verb != "some" {
		c.result.means.value = c.value()
	}
	if c.arg != nil && c.verb == "count" {
		c.result.from = append(c.result.from, c.arg)
	}
	m.addData(c.result)
}

// watch has the outcome of a call checked, in a turn.
func watch[T any](c *call, p *vat.Promise[T], ok func(T)) {
	done := vat.When(p, func(v T) (int, error) { ok(v); return 0, nil })
	told := vat.Catch(done, func(err error) (int, error) { c.failed(err); return 0, nil })
	c.cancel, c.promise = p.Cancel, p
	c.from.w.keep = append(c.from.w.keep, p, done, told)
}

// resolve settles one of the promises that this vat has given out.
func (m *machine) resolve() {
	w := m.w
	i := w.rng.IntN(len(m.resolvers))
	x := m.resolvers[i]
	m.resolvers = append(m.resolvers[:i:i], m.resolvers[i+1:]...)
	h, means := pick(w, m.handles), x.p.means
	switch {
	case !w.become(means, h):
		fresh := m.fresh()
		fresh.ref = m.near(fresh.means.thing)
		means.to = m.add(fresh)
		w.did("resolve", "%s: handle %d to a new thing", m, x.p.id)
		_ = x.r.Resolve(fresh.ref) // what it comes to is checked
	case w.rng.IntN(8) == 0:
		means.to = nil
		means.why |= broken
		w.did("break", "%s: handle %d", m, x.p.id)
		x.r.Break(errBroken)
	case h.ref != nil:
		w.did("resolve", "%s: handle %d to %d", m, x.p.id, h.id)
		_ = x.r.Resolve(h.ref)
	default:
		w.did("resolve", "%s: handle %d to promise %d", m, x.p.id, h.id)
		x.r.Follow(h.promise)
	}
}
