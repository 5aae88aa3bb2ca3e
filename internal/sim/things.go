package sim

import (
	"errors"

	"github.com/vatnet/vatnet/vat"
)

// thing is the object of which worlds are made. Each of its verbs gets the call's number, the handle on which it was
// sent and the number that it has on that.
type thing struct {
	vat.Object
	vat   *machine
	epoch int
}

func (m *machine) thing() *thing { return &thing{vat: m, epoch: m.epoch} }

// strange is the meaning of what an attacker has said, or is told.
func (m *machine) strange() *meaning { return &meaning{why: stranger} }

// resolver is a promise that its vat has given out and not settled.
type resolver struct {
	r *vat.Resolver[*vat.Ref]
	p *handle
}

var errBroken = errors.New("broken on purpose")

// Note results in a value.
func (t *thing) Note(id, on, seq int) int {
	if c := t.arrive(id, on, seq); c != nil {
		return c.value()
	}
	return 0
}

// Give results in a reference: to a new thing, or one that this vat holds, promises included.
func (t *thing) Give(id, on, seq int) any {
	m, means := t.vat, t.vat.strange()
	if c := t.arrive(id, on, seq); c != nil {
		means = c.result.means
	}
	if len(m.handles) > 0 && m.w.rng.IntN(3) > 0 {
		if h := pick(m.w, m.handles); h.means.awaits() != means {
			means.to = h
			m.w.say("%s: gives handle %d", m, h.id)
			return h.arg()
		}
	}
	means.to = m.fresh()
	return means.to.means.thing
}

// Later results in a promise that this vat resolves some time.
func (t *thing) Later(id, on, seq int) *vat.Promise[*vat.Ref] {
	c := t.arrive(id, on, seq)
	p, r := vat.NewPromise[*vat.Ref](t.vat.self)
	h := t.vat.add(&handle{promise: p, means: &meaning{}})
	if c != nil {
		c.result.means.to = h
	}
	t.vat.resolvers = append(t.vat.resolvers, &resolver{r, h})
	return p
}

// Take gets a reference, which means what the sender's handle meant.
func (t *thing) Take(id, on, seq int, from int, r *vat.Ref) int {
	m, c := t.vat, t.arrive(id, on, seq)
	switch {
	case c == nil && r != nil:
		m.add(&handle{ref: r, means: m.strange()})
		return 0
	case c == nil:
		return 0
	case r == nil:
		if c.mayFail()&stranger == 0 {
			m.w.fail("call %d brings no reference", c.id)
		}
		return 0
	}
	m.add(&handle{ref: r, means: c.arg.means, from: []*handle{c.on, c.arg}})
	t.vat.w.say("%s: handle %d is what was handle %d", t.vat, t.vat.w.handles, from)
	return c.value()
}

// send makes a call on a random handle.
func (m *machine) send() {
	w := m.w
	h := pick(w, m.handles)
	h.sent++
	c := &call{id: len(w.calls), from: m, epoch: m.epoch, on: h, seq: h.sent}
	c.near = h.ref != nil && h.ref.State() == vat.NearRef
	w.calls = append(w.calls, c)
	c.verb = []string{"note", "note", "give", "later", "take"}[w.rng.IntN(5)]
	w.did("send", "%s: call %d, %s on handle %d, number %d", m, c.id, c.verb, h.id, c.seq)
	switch c.verb {
	case "note":
		watch(c, vat.Send[int](h.target(), c.verb, c.token(), h.id, c.seq), c.succeeded)
	case "take":
		c.arg = pick(w, m.handles)
		w.say("%s: passes handle %d", m, c.arg.id)
		watch(c, vat.Send[int](h.target(), c.verb, c.token(), h.id, c.seq, c.arg.id, c.arg.arg()), c.succeeded)
	default:
		c.result = &handle{call: c, means: &meaning{of: c}, from: []*handle{h}}
		p := vat.Send[*vat.Ref](h.target(), c.verb, c.token(), h.id, c.seq)
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
	case h.means.awaits() == means:
		fresh := m.fresh()
		fresh.ref = m.near(fresh.means.thing)
		means.to = m.add(fresh)
		w.did("resolve", "%s: handle %d to a new thing", m, x.p.id)
		_ = x.r.Resolve(fresh.ref) // what it comes to is checked
	case w.rng.IntN(8) == 0:
		means.why |= broken
		w.did("break", "%s: handle %d", m, x.p.id)
		x.r.Break(errBroken)
	case h.ref != nil:
		means.to = h
		w.did("resolve", "%s: handle %d to %d", m, x.p.id, h.id)
		_ = x.r.Resolve(h.ref)
	default:
		means.to = h
		w.did("resolve", "%s: handle %d to promise %d", m, x.p.id, h.id)
		x.r.Follow(h.promise)
	}
}
