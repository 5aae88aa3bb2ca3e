package captp

import "fmt"

// The shadow of a random world: what every reference means, and what was sent
// on it in which order, told by the schedule and not by the machines. Whatever
// the machines do is compared with it.

// rnode is a meaning: an object, a promise, a result of a call, or nothing.
type rnode struct {
	obj    *robject // object …
	grant  *rgrant  // … under a grant
	broken bool     // nothing: null, or a broken reference

	promise bool   // a local promise …
	to      *redge // … that was resolved
	owner   *rvat  // … by this vat

	call  *rcall // a call's result …
	index int    // … at this pointer
}

// redge passes a reference on: what went on h before the fork-th send arrives
// first.
type redge struct {
	h    *rhandle
	fork int
}

// rhandle is a reference in somebody's hands.
type rhandle struct {
	vat     *rvat
	ref     *Ref
	node    *rnode
	parents []redge
	sent    int // sends made on it
	closed  int // sends before this one must not arrive any more
	id      int
}

func (h *rhandle) edge() redge { return redge{h, h.sent} }

type rgrant struct {
	grant   Grant
	revoked bool
}

// rcall is a send.
type rcall struct {
	id         int
	from       *rvat
	h          *rhandle
	seq        int
	args       []redge // h is nil for null
	pipelining bool
	call       *Call
	done       bool // handle given back
	canceled   bool
	told       int // how often the sender heard the outcome
	err        *Error
	results    []*rnode

	at       *robject // where it was delivered
	incoming *Call
	waiting  bool
	arrived  bool // its turn has come
	answered bool
	failed   bool
	caps     []redge
	follow   *rcall
}

// result returns the meaning of a call's result, made when first named.
func (c *rcall) result(i int) *rnode {
	for len(c.results) <= i {
		c.results = append(c.results, &rnode{call: c, index: len(c.results)})
	}
	return c.results[i]
}

type rstate int

const (
	rPending rstate = iota
	rObject
	rBroken
)

// next is one step of resolution: to a node, through an edge if there is one.
func (n *rnode) next() (to *rnode, e *redge, st rstate, mayBreak bool) {
	switch {
	case n.obj != nil:
		return nil, nil, rObject, n.grant != nil && n.grant.revoked
	case n.broken:
		return nil, nil, rBroken, false
	case n.promise:
		if n.to == nil {
			return nil, nil, rPending, false
		}
		return n.to.h.node, n.to, rPending, false
	}
	c := n.call
	switch {
	case c.follow != nil:
		return c.follow.result(n.index), nil, rPending, c.canceled
	case c.answered && (c.failed || n.index >= len(c.caps) || c.caps[n.index].h == nil):
		return nil, nil, rBroken, false
	case c.answered:
		return c.caps[n.index].h.node, &c.caps[n.index], rPending, c.canceled
	case c.arrived:
		return nil, nil, rPending, c.canceled
	}
	if c.canceled {
		return nil, nil, rPending, true
	}
	_, st, mayBreak = c.h.node.resolve()
	if st != rBroken {
		st = rPending
	}
	return nil, nil, st, mayBreak
}

// resolve follows n to its end. mayBreak says that somebody may honestly see a
// broken reference instead: a grant was revoked, or a call on the way canceled.
func (n *rnode) resolve() (end *rnode, st rstate, mayBreak bool) {
	for {
		to, _, st, may := n.next()
		mayBreak = mayBreak || may
		if to == nil {
			return n, st, mayBreak
		}
		n = to
	}
}

// dependsOn reports whether what n comes to waits for p, or for call c.
func (n *rnode) dependsOn(p *rnode, c *rcall) bool {
	for {
		if n == p && p != nil || n.call != nil && n.call == c {
			return true
		}
		to, _, _, _ := n.next()
		switch {
		case to != nil:
			n = to
		case n.call != nil && !n.call.arrived:
			n = n.call.h.node
		default:
			return false
		}
	}
}

// arrive checks, when the turn of a call has come, that nothing that should
// come before it can still arrive.
func (w *rworld) arrive(c *rcall) {
	if c.arrived {
		w.fail("call %d arrived twice", c.id)
	}
	c.arrived = true
	if c.told > 0 && c.err != nil && c.err.Delivery == NotDelivered {
		w.fail("call %d arrived although its sender was told that it would not", c.id)
	}
	if c.seq < c.h.closed {
		w.fail("order: call %d (send %d on handle %d of %s) arrived after a later one", c.id, c.seq, c.h.id, c.h.vat.name)
	}
	w.close(c.h, c.seq+1)
}

// close notes that sends on h before the k-th come too late from now on, and
// with them what was sent before h was passed on.
func (w *rworld) close(h *rhandle, k int) {
	if h.closed >= k {
		return
	}
	first := h.closed == 0
	h.closed = k
	if !first {
		return // where h comes from does not change
	}
	for _, e := range h.parents {
		w.close(e.h, e.fork)
	}
	// A parent with nothing sent is passed through all the same.
	for n := h.node; n != nil; {
		to, e, _, _ := n.next()
		if e != nil {
			w.close(e.h, e.fork)
			w.closeAbove(e.h)
		}
		n = to
	}
	for _, e := range h.parents {
		w.closeAbove(e.h)
	}
}

// closeAbove closes what h came from although nothing was sent on h itself.
func (w *rworld) closeAbove(h *rhandle) {
	for _, e := range h.parents {
		w.close(e.h, e.fork)
		w.closeAbove(e.h)
	}
}

// checkTarget checks that a call came where its reference leads.
func (w *rworld) checkTarget(c *rcall, o *robject) {
	if c.at != nil {
		w.fail("call %d was delivered twice", c.id)
	}
	c.at = o
	end, st, _ := c.h.node.resolve()
	if st != rObject || end.obj != o {
		w.fail("call %d came to %s of %s, its reference means %s", c.id, o.name, o.vat.name, end)
	}
	if end.grant != nil && end.grant.revoked {
		w.fail("call %d came to %s under a revoked grant", c.id, o.name)
	}
}

func (n *rnode) String() string {
	switch {
	case n == nil:
		return "null"
	case n.obj != nil:
		return n.obj.vat.name + "'s " + n.obj.name
	case n.broken:
		return "nothing"
	case n.promise:
		return "a promise of " + n.owner.name
	}
	return fmt.Sprintf("result %d of call %d", n.index, n.call.id)
}

// checkHandle compares what a machine says about a reference with its meaning.
func (w *rworld) checkHandle(h *rhandle, quiet bool) {
	end, st, may := h.node.resolve()
	switch h.ref.State() {
	case Near:
		o, _ := h.ref.Object()
		if ro, ok := o.(*robject); !ok || st != rObject || end.obj != ro {
			w.fail("handle %d of %s is near %v, means %s", h.id, h.vat.name, o, end)
		}
	case Broken:
		if st != rBroken && !may && !w.lossy {
			w.fail("handle %d of %s is broken (%s), means %s", h.id, h.vat.name, h.ref.Err(), end)
		}
	case Far:
		if st == rBroken && !w.lossy && !may {
			w.fail("handle %d of %s is far, means nothing", h.id, h.vat.name)
		}
	case Promise:
		if quiet && st != rPending && !w.lossy && !may {
			w.fail("handle %d of %s is still a promise, means %s", h.id, h.vat.name, end)
		}
	}
}

// checkOutcome compares the outcome of a call with what its object did.
func (w *rworld) checkOutcome(c *rcall) {
	if c.err != nil && c.err.Delivery == NotDelivered && c.arrived {
		w.fail("call %d failed as not delivered, but it was: %s", c.id, c.err)
	}
	if c.canceled || w.lossy {
		return
	}
	_, st, may := c.h.node.resolve()
	switch {
	case st == rPending || may:
	case st == rBroken && (c.err == nil || c.arrived):
		w.fail("call %d on nothing came to %v", c.id, c.err)
	case st == rObject && !c.arrived:
		w.fail("call %d was not delivered to %s: %v", c.id, c.h.node, c.err)
	case st == rObject:
		o := c
		for o.follow != nil {
			o = o.follow
		}
		if o == c && c.answered && c.failed != (c.err != nil) {
			w.fail("call %d: its object failed=%v, its sender heard %v", c.id, c.failed, c.err)
		}
	}
}
