package vat

import (
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
)

// Reads tells who reads the one session of v: "reader", "nobody", or "caller".
func Reads(v *Vat) string {
	c := v.core
	c.lock()
	defer c.unlock()
	switch l := &c.sessions[0].leading; {
	case l.by:
		return "caller"
	case l.rests:
		return "nobody"
	}
	return "reader"
}

// Left describes what v holds for others; "" is nothing.
func Left(v *Vat) string { return (*bareCore)(v.core).Left() }

// Forget has v let go of its peers' nonce locators.
func Forget(v *Vat) {
	c := v.core
	c.lock()
	defer c.leave()
	for _, s := range c.sessions {
		s.captp.ForgetBootstrap()
	}
}

// Unregister takes a registered type back, if there is one.
func Unregister(name string) {
	r := &durableTypes
	r.mu.Lock()
	defer r.mu.Unlock()
	if typ := r.byName[name]; typ != nil {
		delete(r.byType, typ.typ)
		delete(r.byName, name)
	}
}

// CollectInSlices has collections look at n objects in one turn, until the function that it
// returns is called.
func CollectInSlices(n int) (undo func()) {
	before := collectSlice
	collectSlice = n
	return func() { collectSlice = before }
}

// Evict has all kept objects but one leave the memory, as the garbage collector does with those that
// nothing refers to. It is called in a turn.
func Evict(but durabler) {
	kept := but.vatDurable().kept
	o := &kept.dur.objects
	clear(o.byID)
	o.add(kept)
}

// Answer has those who wait for what g leads to have r, which may be another vat's.
func Answer(g *Grant, r *Ref) {
	c := g.core
	c.lock()
	defer c.leave()
	for _, p := range g.waiting {
		c.machine.Resolve(p, r.ref.Retain())
		p.Release()
	}
	g.waiting = nil
}

// SetClock has v read the time off another clock.
func SetClock(v *Vat, clock func() time.Time) {
	v.core.lock()
	defer v.core.leave()
	v.core.clock = clock
}

// Claim has v say, to who knows the secret of a sturdyref of its own, that it goes by id.
func Claim(v *Vat, r sturdyref.Ref, id crypto.VatID) {
	c := v.core
	c.lock()
	defer c.leave()
	g := c.table[c.hashOfRef(r)]
	c.id = id
	c.table[r.Swissnum().Hash(id)] = g
}

// Know has v know an object by a secret that another vat has made.
func Know(v *Vat, o any, secret sturdyref.Swissnum) {
	_ = (*bareCore)(v.core).Publish(o, secret.Reveal())
}
