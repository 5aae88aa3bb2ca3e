package vat

import (
	"bytes"

	"github.com/vatnet/vatnet/internal/link"
)

// holding stands for the turn right of one whose turn lasts, see Hold.
var holding feed

// driven reports whether Drive was called.
func (s *bareCore) driven() bool { return s.bare }

// holds reports whether the turn right was taken by Hold.
func (s *bareCore) holds() bool { return s.held && s.holder == &holding }

// Drive implements bare.Core.
func (s *bareCore) Drive() { s.bare = true }

// Work implements bare.Core.
func (s *bareCore) Work() bool {
	c := (*core)(s)
	c.lock()
	defer c.leave()
	some, _ := c.work(&watch{small: true})
	return some
}

// Hold implements bare.Core.
func (s *bareCore) Hold(on bool) {
	c := (*core)(s)
	c.lock()
	defer c.leave()
	if on {
		c.take(&holding)
	} else if s.holds() {
		c.drive(&watch{small: true})
		c.release()
	}
}

// Tick implements bare.Core.
func (s *bareCore) Tick() {
	c := (*core)(s)
	c.lock()
	defer c.unlock()
	if !c.held {
		return
	}
	c.long = true
	if c.holder == &holding {
		c.holder = nil
		defer func() { c.holder = &holding }()
	}
	c.relieve()
}

// bareLink is what carries the bytes of a driven session: they wait until somebody takes
// them.
type bareLink struct {
	out   bytes.Buffer
	low   int
	below func()
}

// Write implements carrier.
func (l *bareLink) Write(b []byte) { l.out.Write(b) }

// Buffered implements carrier.
func (l *bareLink) Buffered() int { return l.out.Len() }

// Below implements carrier.
func (l *bareLink) Below(n int, f func()) bool {
	if l.out.Len() <= n {
		l.below = nil
		return false
	}
	l.low, l.below = n, f
	return true
}

// Relieve implements carrier: whoever carries the bytes may always go on.
func (l *bareLink) Relieve() bool { return true }

// Rest implements carrier: nobody waits for an answer here, so nobody reads in the
// place of the reader.
func (l *bareLink) Rest() {}

// ReadOn implements carrier.
func (l *bareLink) ReadOn() {}

// Lead implements carrier.
func (l *bareLink) Lead() bool { return false }

// ReadUntil implements carrier.
func (l *bareLink) ReadUntil(link.Until) {}

// Leave implements carrier.
func (l *bareLink) Leave(bool) bool { return false }

// Interrupt implements carrier.
func (l *bareLink) Interrupt() {}

// take takes up to n bytes out.
func (l *bareLink) take(n int) []byte {
	b := bytes.Clone(l.out.Next(n))
	if f := l.below; f != nil && l.out.Len() <= l.low {
		l.below = nil
		f()
	}
	return b
}
