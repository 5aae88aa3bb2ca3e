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
		if h := pick(m.w, m.handles); m.w.become(means, h) {
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
	m.add(&handle{ref: r, means: c.arg.means, from: []*handle{c.on, c.arg}}).came(c)
	t.vat.w.say("%s: handle %d is what was handle %d", t.vat, t.vat.w.handles, from)
	return c.value()
}
