package captp

// Most calls have a short and simple life: sent, answered, done. Their entries are
// used again, so that a steady stream of them leaves the garbage collector
// nothing to do. A call that was entangled with anything on its way (it waited, it
// followed another, it was canceled, the way through its answer is kept open) is
// left to the collector, with its entries: who might still know it is not worth
// keeping account of.

const (
	poolSize = 1024
	capsKeep = 16 // tables larger than this are not kept with their entry
)

// emptied returns s without its elements, to be filled again.
func emptied[T any](s []T) []T {
	if cap(s) > capsKeep {
		return nil
	}
	clear(s)
	return s[:0]
}

// pool holds entries to be used again.
type pool struct {
	refs      []*Ref
	calls     []*Call
	answers   []*answer
	questions []*question
}

// newRef makes a reference with one holder.
func (m *Machine) newRef(rt route) *Ref {
	n := len(m.pool.refs)
	if n == 0 {
		return &Ref{m: m, holders: 1, route: rt}
	}
	r := m.pool.refs[n-1]
	m.pool.refs = m.pool.refs[:n-1]
	r.holders, r.route = 1, rt
	return r
}

// recycle takes back a promise that nobody holds, and that led somewhere, if nothing
// else is left of it: so ended most results of calls that others were pipelined on.
func (r *Ref) recycle() {
	if r.holders > 0 || r.route != routeForward || r.imp != nil || r.call != nil || r.of != nil ||
		r.pins > 0 || r.held > 0 || r.moved != nil || r.was != nil || r.bindTo != nil || len(r.bound) > 0 ||
		r.queue != nil || r.embargoed != nil || r.becomes != nil || len(r.exports) > 0 {
		return
	}
	if quarantine {
		r.gone = true
		return
	}
	if m := r.m; len(m.pool.refs) < poolSize {
		*r = Ref{m: m}
		m.pool.refs = append(m.pool.refs, r)
	}
}

// inUse panics if the last holder of r was given back.
func (r *Ref) inUse() {
	if quarantine && r.gone {
		panic("captp: use of a reference that was released")
	}
}

func (m *Machine) newCall() *Call {
	if n := len(m.pool.calls); n > 0 {
		c := m.pool.calls[n-1]
		m.pool.calls = m.pool.calls[:n-1]
		return c
	}
	return &Call{m: m}
}

func (m *Machine) newAnswer() *answer {
	if n := len(m.pool.answers); n > 0 {
		a := m.pool.answers[n-1]
		m.pool.answers = m.pool.answers[:n-1]
		return a
	}
	return new(answer)
}

func (m *Machine) newQuestion() *question {
	if n := len(m.pool.questions); n > 0 {
		q := m.pool.questions[n-1]
		m.pool.questions = m.pool.questions[:n-1]
		return q
	}
	return new(question)
}

// recycle takes back a call, and the entry of the answer table that it had, once
// nobody can know them: its sender gave the handle back, or the peer is done
// with the answer.
func (c *Call) recycle() {
	m := c.m
	if c.state != callSettled || c.settling || c.tangled || c.held || len(m.pool.calls) >= poolSize {
		return
	}
	a := c.answer
	if a != nil && (!a.retired || a.s.err != nil) {
		return
	}
	if q := c.q; q != nil {
		q.owner = nil
	}
	if quarantine {
		*c = Call{m: m, gone: true}
		return
	}
	if a != nil {
		*a = answer{exports: emptied(a.exports), told: emptied(a.told)}
		m.pool.answers = append(m.pool.answers, a)
	}
	*c = Call{m: m, pipes: c.pipes, body: stored{caps: c.body.caps}}
	m.pool.calls = append(m.pool.calls, c)
}

// inUse panics if c was given back: a second Done would hit a stranger.
func (c *Call) inUse() {
	if quarantine && c.gone {
		panic("captp: use of a call that was given back")
	}
}

// recycle takes back the entry of a question whose id has been freed.
func (q *question) recycle() {
	m := q.s.m
	if c := q.owner; c != nil { // not recycled itself, so far
		if c.tangled || c.q != q {
			return
		}
		c.q = nil
	}
	if quarantine {
		*q = question{}
		return
	}
	*q = question{exports: emptied(q.exports)}
	if len(m.pool.questions) < poolSize {
		m.pool.questions = append(m.pool.questions, q)
	}
}
