package vat

import (
	"runtime"
	"weak"

	"github.com/vatnet/vatnet/captp"
)

// An anchor has the one holder that all promises share which came to the same
// reference. Where a reference is one of many values' the collector has to look after
// the anchor, and not after each of them: to be told of a value's end costs more than
// the value. So E and its descendants have one proxy for each entry of the import table.
type anchor struct {
	ref     *captp.Ref
	users   int // promises that have it, but for those that were collected
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
	if a.users--; a.users == 0 {
		a.cleanup.Stop()
		delete(c.anchors, a.ref)
		a.ref.Release()
	}
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
