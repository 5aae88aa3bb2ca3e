package vat

import (
	"fmt"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/sturdyref"
)

// swissTable says which object a swissnum designates. It holds digests: whoever
// reads the table learns nothing that could be used. Guarded by the machine right.
type swissTable map[sturdyref.SwissHash]*Grant

// exportable returns the object that o is or refers to.
func (c *core) exportable(o any) (*hosted, error) {
	switch o := o.(type) {
	case objecter:
		return c.host(o)
	case *Ref:
		if o.core != c {
			return nil, ErrOtherVat
		}
		c.lock()
		defer c.unlock()
		obj, _ := o.sendTo().Object()
		if f, ok := obj.(*face); ok {
			return f.hosted, nil
		}
		return nil, fmt.Errorf("%w: only an object of this vat can be exported, and the reference is not near", ErrNotSendable)
	}
	return nil, fmt.Errorf("%w: %T does not embed vat.Object", ErrNotSendable, o)
}

// enter puts g into the table, if it has not ended meanwhile, or the vat. Machine right.
func (c *core) enter(g *Grant) {
	if g.gone || c.refused != nil {
		return
	}
	g.entered = true
	c.table[g.hash] = g
	if g.name != "" && g.host == nil {
		g.host = c.ledger.published[g.name]
	}
	if g.host != nil {
		g.host.enlisted++
	}
	g.until(g.expires)
}

// until sets when g ends. Machine right.
func (g *Grant) until(expires time.Time) {
	g.core.stopTimer(g.timer)
	g.expires = expires
	if !expires.IsZero() {
		g.timer = g.core.at(expires, g.expire)
	}
}

// expire ends g, as its time is over. Machine right.
func (g *Grant) expire() {
	g.end()
	if g.name != "" {
		g.core.ledger.expired(g)
	}
}

// lookup returns the reference, with one holder, that a swissnum designates; nil
// if there is none, or none any more. It is a promise if that takes a while. Machine right.
func (c *core) lookup(hash sturdyref.SwissHash) *captp.Ref {
	g := c.table[hash]
	if !c.good(g) || g.host == nil && !c.ledger.opening {
		return nil
	}
	g.uses++
	g.last = c.now()
	g.used = g.once
	if g.name != "" {
		c.ledger.seen(g)
	}
	if g.host != nil && !g.settles {
		return g.host.ref(g.grant)
	}
	p := c.machine.NewPromise()
	g.waiting = append(g.waiting, p.Retain())
	return p
}

// good reports whether g, which may be nil, can be used yet. Machine right.
func (c *core) good(g *Grant) bool {
	return g != nil && !g.used && (g.expires.IsZero() || c.now().Before(g.expires))
}

// serve gives those who wait for its object what they wait for, if it can. Machine right.
func (g *Grant) serve() {
	if g.host == nil || g.settles {
		return
	}
	for _, p := range g.waiting {
		g.core.machine.Resolve(p, g.host.ref(g.grant))
		p.Release()
	}
	g.waiting = nil
}

// disappoint breaks what those have who wait for its object. Machine right.
func (g *Grant) disappoint(err error) {
	for _, p := range g.waiting {
		g.core.machine.Break(p, toWire(err))
		p.Release()
	}
	g.waiting = nil
}

// end takes g out of the table and severs every reference that came of it. Machine right.
func (g *Grant) end() {
	if g.gone {
		return
	}
	g.gone = true
	c := g.core
	c.stopTimer(g.timer)
	delete(c.table, g.hash)
	g.disown()
	g.endChildren()
	c.machine.Revoke(g.grant, toWire(ErrRevoked))
	g.disappoint(ErrRevoked)
	if g.host != nil && g.entered {
		g.host.enlisted--
		g.host.checkReferenced()
	}
}
