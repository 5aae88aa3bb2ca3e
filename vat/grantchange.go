package vat

import (
	"time"

	"github.com/vatnet/vatnet/vat/store"
)

// What changes grants is committed in one order, that in which it was done: with its turn, if it was done in one, else
// behind those that have ended. What the store is to have is decided when it takes its place in that order, so that
// nothing that is decided before brings back what has ended since.
//
//	in a turn       held ──ended──▶ staged ──committed──▶ in effect
//	                  └──undone──────┴──────▶ undone
//	elsewhere                       staged ──committed──▶ in effect

// change is what is done to grants, or to a former identity.
type change interface {
	effect
	// begin says why it cannot be done, or notes that it is to be. Machine right.
	begin() error
	// stage says what the store is to have. Machine right.
	stage(to changes)
	// lasting reports whether the store is to have anything.
	lasting() bool
}

// changes is what can be given changes of the store: a batch, or what a turn has changed.
type changes interface {
	Put(bucket string, key, value []byte)
	Delete(bucket string, key []byte)
}

// submit does x: with the turn that runs, if the caller is in one of a vat with a store; else at once, and returns when
// it is committed.
func (c *core) submit(x change) error {
	c.lock()
	err := c.refused
	if err == nil {
		err = x.begin()
	}
	if err != nil {
		c.leave()
		return err
	}
	if c.holds() {
		c.hold(x)
		c.leave()
		return nil
	}
	if !x.lasting() {
		x.apply(c)
		c.leave()
		return nil
	}
	told := make(chan error, 1)
	var b store.Batch
	x.stage(&b)
	c.dur.write(&b, &heldWrite{x, told})
	c.leave()
	return <-told
}

// heldWrite is a change of grants that belongs to no turn, and whom to tell what became of it.
type heldWrite struct {
	change
	told chan<- error // has room for one
}

func (w *heldWrite) apply(c *core) {
	w.change.apply(c)
	w.told <- nil
}

func (w *heldWrite) undo(c *core, err *carried) {
	w.change.undo(c, err)
	w.told <- err.error
}

// minting makes a grant.
type minting struct{ g *Grant }

func (m *minting) lasting() bool { return m.g.name != "" }

func (m *minting) begin() error {
	if m.g.gone { // with its parent
		return ErrRevoked
	}
	return nil
}

func (m *minting) stage(to changes) {
	if m.lasting() && !m.g.gone {
		to.Put(bucketGrants, m.g.hash[:], m.g.encode(m.g.expires))
	}
}

func (m *minting) apply(c *core) { c.enter(m.g) }

func (m *minting) undo(*core, *carried) {
	m.g.gone = true
	m.g.disown()
}

// erasing takes a grant, which has ended, out of the store. It stays ended whatever comes of that: if it is undone, the vat
// tries again by itself, at once and then now and then.
type erasing struct {
	g     *Grant
	again bool
}

func (e *erasing) lasting() bool    { return e.g.name != "" && !e.g.erased }
func (e *erasing) begin() error     { return nil }
func (e *erasing) stage(to changes) { e.g.erase(to) }
func (e *erasing) apply(*core)      { e.g.erased = true }

func (e *erasing) undo(c *core, _ *carried) {
	if !e.again {
		c.ledger.expired(e.g)
		return
	}
	c.ledger.over = append(c.ledger.over, e.g)
	c.ledger.storeSoon()
}

// erase takes g out of the store.
func (g *Grant) erase(from changes) {
	from.Delete(bucketGrants, g.hash[:])
	from.Delete(bucketUses, g.hash[:])
}

// rotation is that one grant takes the place of another one, which ends when grace is over.
type rotation struct {
	old, fresh *Grant
	end        time.Time
	atOnce     bool // there is no grace
}

func (r *rotation) lasting() bool { return r.old.name != "" }

func (r *rotation) begin() error {
	if r.old.gone || r.old.used || r.old.leaving {
		return ErrNoSuchObject
	}
	r.old.leaving = r.atOnce
	if !r.lasting() {
		r.fresh.host = r.old.host
	}
	if p := r.fresh.parent; p != nil {
		p.children = append(p.children, r.fresh)
	}
	return nil
}

func (r *rotation) stage(to changes) {
	if !r.lasting() {
		return
	}
	(&minting{r.fresh}).stage(to)
	switch {
	case r.old.gone || r.old.used || r.atOnce:
		r.old.erase(to)
	default:
		to.Put(bucketGrants, r.old.hash[:], r.old.encode(r.end))
	}
}

func (r *rotation) apply(c *core) {
	c.enter(r.fresh)
	if r.old.gone {
		return
	}
	if r.old.until(r.end); r.atOnce {
		r.old.end()
		r.old.erased = true
	}
}

func (r *rotation) undo(c *core, err *carried) {
	r.old.leaving = false
	(&minting{r.fresh}).undo(c, err)
}

// publishing makes an object what a name stands for.
type publishing struct {
	name string
	h    *hosted
}

func (p *publishing) lasting() bool        { return false }
func (p *publishing) begin() error         { return nil }
func (p *publishing) stage(changes)        {}
func (p *publishing) undo(*core, *carried) {}
func (p *publishing) apply(c *core) {
	before := c.ledger.published[p.name]
	c.ledger.published[p.name] = p.h
	p.h.enlisted++
	for _, g := range c.grants(func(g *Grant) bool { return g.name == p.name }) {
		if g.host != nil {
			g.host.enlisted--
		}
		g.host = p.h
		p.h.enlisted++
		if g.once && len(g.waiting) > 0 {
			c.ledger.spend(g)
		}
		g.serve()
	}
	if before != nil {
		before.enlisted--
		before.checkReferenced()
	}
}
