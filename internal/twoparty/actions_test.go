package twoparty_test

import (
	"context"
	"fmt"
	"testing/synctest"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/twoparty/testdata/graph"
)

// What a random program does.

// act does one thing, and then waits until nothing moves: what the program does
// next does not depend on the scheduler.
func (p *program) act() {
	at := side(p.rnd.IntN(2))
	switch n := p.rnd.IntN(30); {
	case n < 10:
		p.send(at)
	case n < 17:
		p.answer(at)
	case n < 20:
		p.resolve(at)
	case n < 22:
		p.letGo(at)
	case n < 23:
		p.give(at)
	case n < 24:
		p.cancel(at)
	case n < 29:
		p.turn(at)
	default:
		p.calm()
	}
	p.wait()
}

// wait waits until nothing moves and looks at what has come of it.
func (p *program) wait() {
	synctest.Wait()
	p.drain()
	p.spread()
	for _, h := range p.holds[them] {
		h.node.IsValid() // follows what it was resolved to now, and not under a lock
	}
	if p.open[us] && p.open[them] {
		for _, c := range p.order {
			c.crossing = false
		}
	}
}

// spread breaks the results of calls whose targets broke.
func (p *program) spread() {
	for more := true; more; {
		more = false
		for _, c := range p.order {
			if c.arrived == nil && !c.res.broken && c.to.end().broken {
				c.res.broken, more = true, true
			}
		}
	}
}

// turn turns a tap.
func (p *program) turn(at side) {
	tap := [...]*half{p.toUs, p.toThem}[at]
	switch {
	case p.open[at] && p.rnd.IntN(2) == 0:
		p.say("bytes for %v stop", at)
		p.open[at] = false
		tap.tap(0)
	case p.rnd.IntN(2) == 0 && !p.open[at]:
		n := 1 + p.rnd.IntN(600)
		p.say("%d bytes for %v", n, at)
		tap.tap(n)
	default:
		p.say("bytes for %v flow", at)
		p.open[at] = true
		tap.tap(-1)
	}
}

// calm lets everything come to rest.
func (p *program) calm() {
	p.say("calm")
	p.open = [2]bool{true, true}
	p.toUs.tap(-1)
	p.toThem.tap(-1)
	for range 2 {
		p.settle()
		p.wait()
	}
	for at := range p.holds {
		for _, h := range p.holds[at] {
			h.calm = h.calm || !h.m.open()
		}
	}
	for _, c := range p.order {
		c.calm = c.calm || c.settled == 1 && !c.res.open()
	}
}

// toPeer is hush for a program: the tap stays as it was.
func (p *program) toPeer(f func()) {
	p.hush(f)
	if !p.open[them] {
		p.toThem.tap(0)
	}
}

func pick[T any](p *program, from []T, ok func(T) bool) (t T, found bool) {
	if len(from) == 0 {
		return t, false
	}
	first := p.rnd.IntN(len(from))
	for i := range from {
		if t = from[(first+i)%len(from)]; ok(t) {
			return t, true
		}
	}
	var none T
	return none, false
}

// nameable reports whether the unresolved result that h may stand for may be named
// to the peer, which it may once. uses are those of what will stand for it.
func nameable(h *hold, uses int) bool {
	e := h.m.end()
	return !h.m.open() || e.call == nil || e.uses+uses == 0
}

// ours reports whether m is an object of ours.
func (m *meaning) ours() bool { return m.obj != nil && m.obj.at == us }

// tellable reports whether a promise that they may have may become h.
func (h *hold) tellable() bool { e := h.m.end(); return h.at == them || !e.ours() || e.obj.known }

// plain reports whether h is an object and both sides have known that for long.
func (h *hold) plain() bool { return h.calm && h.m.end().obj != nil }

// named notes that h is named: at once, or perhaps later, when it may be something else.
func (h *hold) named(late bool) {
	h.passed = true
	if e := h.m.end(); h.m.open() && (e.call != nil || late) {
		e.uses++
	}
}

// send makes a call.
func (p *program) send(at side) {
	some := p.rnd.IntN(2) == 0 // on what is, or was, a promise
	via, ok := pick(p, p.holds[at], func(h *hold) bool { return !some || h.m.obj == nil && !h.m.end().broken })
	if !ok {
		return
	}
	c := &step{id: uint64(len(p.order) + 1), from: at, via: via, seq: via.calls, to: via.m, deep: p.rnd.IntN(2) == 0}
	c.res = &meaning{name: fmt.Sprint("result of ", c.id), call: c}
	via.calls++
	o := via.m.end().obj
	safe := at == them && via.calm || at == us && o != nil && o.at == them
	var with []*hold
	for range p.rnd.IntN(3) {
		h, ok := pick(p, p.holds[at], func(h *hold) bool { return nameable(h, 0) && (safe || h.plain()) })
		if !ok || p.rnd.IntN(3) == 0 {
			h = p.freshObject(at)
			if safe && p.rnd.IntN(3) == 0 {
				h = p.freshPromise(at)
			}
		}
		h.named(!via.calm)
		with = append(with, h)
		c.args = append(c.args, h.m)
	}
	c.piped = p.rnd.IntN(3) > 0
	p.steps[c.id] = c
	p.order = append(p.order, c)
	p.say("%v: %v on %s: %v, args %v, piped %v", at, c, via.name, via.m, c.args, c.piped)
	var res *hold
	if c.piped {
		res = p.hold(at, c.res)
		res.pipe = c
	}
	if at == us {
		p.sendOurs(c, with, res)
	} else {
		p.sendTheirs(c, with, res)
	}
}

func (c *step) path() []uint16 {
	if c.deep {
		return []uint16{1, 0}
	}
	return []uint16{0}
}

func (p *program) sendOurs(c *step, with []*hold, res *hold) {
	p.do(func(m *captp.Machine, _ *captp.Session) {
		var refs []*captp.Ref
		for _, h := range with {
			refs = append(refs, h.ref.Retain())
		}
		c.sent = &sent{}
		o := args(c.id, "", refs...)
		o.Sink = c.sent
		c.sent.call = m.Send(c.via.ref, &o)
		if res != nil {
			res.ref = c.sent.call.Pipe(c.path()...)
		}
	})
}

func (p *program) sendTheirs(c *step, with []*hold, res *hold) {
	var nodes []graph.Node
	for _, h := range with {
		nodes = append(nodes, h.node)
	}
	ctx, cancel := context.WithCancel(bg)
	c.cancel = cancel
	c.future, c.release = call(ctx, c.via.node, c.id, "", nodes...)
	if res != nil {
		res.node = c.future.Node()
		if c.deep {
			res.node = c.future.Inner().Node()
		}
		res.node = res.node.AddRef()
	}
	go func() {
		_, err := c.future.Struct()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ends = append(p.ends, func() {
			c.settled++
			c.err = err
		})
	}()
}

// answer answers a call that has arrived.
func (p *program) answer(at side) {
	c, ok := pick(p, p.order, func(c *step) bool { return c.arrived != nil && c.arrived.at == at && !c.answered })
	if !ok {
		return
	}
	safe := (at == them || c.from == them) && !c.crossing
	n := p.rnd.IntN(10)
	if n < 2 {
		p.reply(c, nil, true)
		return
	}
	if n == 2 && (at == us || !c.piped) {
		p.reply(c, nil, false)
		return
	}
	if n == 3 && at == us && safe && p.follow(c) {
		return
	}
	h, ok := pick(p, p.holds[at], func(h *hold) bool {
		return !h.m.waitsFor(c.res) && nameable(h, c.res.uses) && (at == us || !h.m.end().broken) && (safe || h.plain()) &&
			(c.from == them || h.tellable())
	})
	if !ok && at == us && c.from == us {
		p.reply(c, nil, true)
		return
	}
	if !ok || n < 6 && (at == them || c.from == them) {
		h = p.freshObject(at)
		if safe && p.rnd.IntN(3) == 0 {
			h = p.freshPromise(at)
		}
	}
	p.reply(c, h, false)
}

// reply answers c: with h, with null, or with a failure.
func (p *program) reply(c *step, h *hold, fail bool) {
	c.answered, c.failed = true, fail
	what := "failure"
	switch {
	case h != nil:
		what = h.name + ": " + h.m.String()
		uses := c.res.uses
		h.named(false)
		c.res.to = h.m
		h.m.end().uses += uses
	default:
		c.res.broken = true
		if !fail {
			what = "null"
		}
	}
	p.say("%v answers %v with %s", c.arrived.at, c, what)
	if c.arrived.at == us {
		p.do(func(*captp.Machine, *captp.Session) {
			switch {
			case fail:
				c.in.Fail(&captp.Error{Reason: "as planned"})
			case h == nil:
				c.in.Return(results("", false, false), nil)
			default:
				c.in.Return(results("", !c.deep, c.deep), []*captp.Ref{h.ref.Retain()})
			}
		})
		return
	}
	r := reply{deep: c.deep}
	if h != nil {
		r.node = h.node.AddRef()
	}
	if fail {
		r.err = errPlanned
	}
	p.toPeer(func() { c.reply <- r })
}

// follow answers c, at us, with the promise of another call of ours.
func (p *program) follow(c *step) bool {
	o, ok := pick(p, p.order, func(o *step) bool {
		return o.from == us && o != c && o.arrived != nil && !o.answered && !o.canceled && !o.given && o.deep == c.deep &&
			!o.res.waitsFor(c.res) && o.res.uses+c.res.uses == 0
	})
	if !ok {
		return false
	}
	p.say("us: the outcome of %v is that of %v", c, o)
	c.answered, c.follows, c.res.to = true, o, o.res
	o.res.uses++
	o.followed = true
	p.do(func(*captp.Machine, *captp.Session) { c.in.Follow(o.sent.call) })
	return true
}

// resolve settles a promise.
func (p *program) resolve(at side) {
	i := 0
	if n := len(p.promises[at]); n == 0 {
		return
	} else {
		i = p.rnd.IntN(n)
	}
	q := p.promises[at][i]
	away := p.rnd.IntN(2) == 0 // to where it came from, by way of an embargo
	h, ok := pick(p, p.holds[at], func(h *hold) bool {
		return (!away || h.m.end().obj != nil && h.m.end().obj.at != at) && !h.m.waitsFor(q.m) && nameable(h, q.m.uses) && h.tellable() &&
			(at == us || !h.m.end().broken && (!h.m.open() || h.m.end().call == nil))
	})
	if p.rnd.IntN(5) == 0 {
		ok = false
	}
	p.promises[at] = append(p.promises[at][:i], p.promises[at][i+1:]...)
	if !ok {
		p.settlePromise(q, nil)
		return
	}
	p.settlePromise(q, h)
}

// settlePromise resolves q to h, or breaks it.
func (p *program) settlePromise(q *promise, h *hold) {
	if h == nil {
		p.say("%v breaks %v", q.at, q.m)
		q.m.broken = true
	} else {
		p.say("%v resolves %v to %s: %v", q.at, q.m, h.name, h.m)
		uses := q.m.uses
		h.named(false)
		q.m.to = h.m
		h.m.end().uses += uses
	}
	if q.at == us {
		p.do(func(m *captp.Machine, _ *captp.Session) {
			if h == nil {
				m.Break(q.ref, &captp.Error{Reason: "as planned"})
			} else {
				m.Resolve(q.ref, h.ref.Retain())
			}
			q.ref.Release()
		})
		return
	}
	p.toPeer(func() {
		if h == nil {
			q.resolver.Reject(errPlanned)
		} else {
			q.resolver.Fulfill(h.node.AddRef())
		}
	})
}

// letGo releases a reference.
func (p *program) letGo(at side) {
	h, ok := pick(p, p.holds[at], func(h *hold) bool { return at == us || h.calm && !h.m.end().ours() })
	if ok {
		p.drop(h)
	}
}

func (p *program) drop(h *hold) {
	p.say("%v releases %s: %v", h.at, h.name, h.m)
	for i, x := range p.holds[h.at] {
		if x == h {
			p.holds[h.at] = append(p.holds[h.at][:i], p.holds[h.at][i+1:]...)
			break
		}
	}
	if h.at == us {
		p.do(func(*captp.Machine, *captp.Session) { h.ref.Release() })
	} else {
		h.node.Release()
	}
}

// give gives the handle of a settled call back, perhaps after taking its result.
func (p *program) give(at side) {
	c, ok := pick(p, p.order, func(c *step) bool {
		return c.from == at && !c.given && !c.followed && (at == us && c.sent.settled > 0 || at == them && c.calm && !c.res.end().ours())
	})
	if !ok {
		return
	}
	if at == us && c.sent.err == nil && p.rnd.IntN(2) == 0 {
		p.say("us: result of %v taken late", c)
		h := p.hold(us, c.res)
		h.pipe = c
		p.do(func(*captp.Machine, *captp.Session) { h.ref = c.sent.call.Pipe(c.path()...) })
	}
	p.handBack(c)
}

func (p *program) handBack(c *step) {
	p.say("%v: handle of %v given back", c.from, c)
	c.given = true
	if c.from == us {
		p.do(func(*captp.Machine, *captp.Session) { c.sent.call.Done() })
		return
	}
	c.release()
	c.cancel()
}

// cancel cancels a call that has not been answered, and on whose result nothing was
// pipelined yet.
func (p *program) cancel(at side) {
	c, ok := pick(p, p.order, func(c *step) bool {
		if c.from != at || c.answered || c.canceled || c.given || c.followed || at == them && c.piped {
			return false
		}
		if c.arrived == nil && !c.via.calm {
			return false
		}
		if at == us && c.sent.settled > 0 || at == them && c.settled > 0 {
			return false
		}
		for _, h := range p.holds[at] {
			if h.pipe == c && (h.passed || h.calls > 0) {
				return false
			}
		}
		return c.res.uses == 0
	})
	if !ok {
		return
	}
	p.say("%v cancels %v", at, c)
	c.canceled, c.crossing = true, true
	if at == them {
		c.cancel()
		return
	}
	p.do(func(*captp.Machine, *captp.Session) { c.sent.call.Cancel() })
	for _, h := range append([]*hold(nil), p.holds[us]...) {
		if h.pipe == c {
			p.drop(h)
		}
	}
}
