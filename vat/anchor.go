package vat

import (
	"runtime"
	"slices"
	"weak"

	"github.com/vatnet/vatnet/captp"
)

// An anchor has the one holder that all promises share which came to the same
// reference. Where a reference is one of many values' the collector has to look after
// the anchor, and not after each of them: to be told of a value's end costs more than
// the value. So E and its descendants have one proxy for each entry of the import table.
// Another kind has what all promises share that were decoded from data of one message.
type anchor struct {
	ref     *captp.Ref   // nil: caps it is
	caps    []*captp.Ref // one holder each
	users   int          // promises that have it, but for those that were collected
	cleanup runtime.Cleanup
}

// moor has p, just fulfilled, share an anchor if what it came to has other holders.
// Machine right.
func (p *promise) moor() {
	if !p.owns || p.pipe != nil || len(p.caps) != 1 || p.caps[0] == nil || !p.caps[0].Shared() {
		return
	}
	r := p.caps[0]
	p.anchor = p.core.anchorOf(r)
	p.anchor.users++
	r.Release()
	p.owns = false
}

// anchorOf returns the anchor of r. Machine right.
func (c *core) anchorOf(r *captp.Ref) *anchor {
	a := c.anchors[r].Value()
	if a == nil {
		a = &anchor{ref: r.Retain()}
		c.anchors[r] = weak.Make(a)
		a.cleanup = runtime.AddCleanup(a, kept.unmoor, kept{&c.garbage, r})
	}
	return a
}

// leave takes one promise from a, before that is collected. Machine right.
func (a *anchor) leave(c *core) {
	if a.users--; a.users > 0 {
		return
	}
	a.cleanup.Stop()
	if a.ref == nil {
		release(a.caps)
		return
	}
	delete(c.anchors, a.ref)
	a.ref.Release()
}

// anchorAll returns an anchor of all of caps. Machine right.
func (c *core) anchorAll(caps []*captp.Ref) *anchor {
	retain(caps)
	a, g := &anchor{caps: slices.Clone(caps)}, &c.garbage
	a.cleanup = runtime.AddCleanup(a, func(refs []*captp.Ref) { g.add(refs...) }, a.caps)
	return a
}

// unmoor is called when the anchor was collected.
func (k kept) unmoor() {
	g := k.garbage
	g.mu.Lock()
	g.moors = append(g.moors, k.ref)
	g.mu.Unlock()
	g.any.Store(true)
}

// unmoor releases what an anchor of r held that was collected; r may have another one
// by now. Machine right.
func (c *core) unmoor(r *captp.Ref) {
	if c.anchors[r].Value() == nil {
		delete(c.anchors, r)
	}
	r.Release()
}
