package vat

import (
	"crypto/rand"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/link"
)

// introducer is the core as the machine's captp.Introducer: it finds the vats whose objects others have passed.
type introducer core

// Nonce implements captp.Introducer.
func (i *introducer) Nonce() (n [32]byte) {
	if i.nonce != nil {
		return i.nonce()
	}
	_, _ = rand.Read(n[:]) // it never fails
	return n
}

// Meet implements captp.Introducer.
func (i *introducer) Meet(h *captp.Handoff) {
	c := (*core)(i)
	if c.vat == nil { // a stepped core: see bareCore.Meet
		c.strangers = append(c.strangers, h)
		return
	}
	c.outside = append(c.outside, func() { c.vat.meet(h) })
}

// meet dials the host of h, if there is no session with it, by the rules for what others have told.
func (v *Vat) meet(h *captp.Handoff) {
	c := v.core
	donor := h.Donor().Tag().(*session).peer
	l := v.links.LinkTold(crypto.VatID([]byte(h.Host())), h.Locations(), donor, func(l *link.Link) link.Receiver { return c.open(l) })
	c.lock()
	c.machine.Met(h, l.Receiver().(*session).captp)
	c.leave()
}

// keepTime sees to it that the machine hears of each second while it waits for one. Machine right.
func (c *core) keepTime() {
	if c.second == nil && c.refused == nil && c.machine.Ticks() {
		c.second = c.at(c.now().Add(time.Second), c.tick)
	}
}

// tick is a second of the machine's. Machine right.
func (c *core) tick() {
	c.second = nil
	c.machine.Tick()
	c.keepTime()
}
