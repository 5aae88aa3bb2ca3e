package vat

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/bare"
	"github.com/vatnet/vatnet/sturdyref"
)

func init() {
	bare.New = func(id crypto.VatID, limits captp.Limits, log *slog.Logger, clock func() time.Time, nonce func() [32]byte) bare.Core {
		c := newCore(&Config{Limits: Limits{Protocol: ProtocolLimits(limits)}}, id, log)
		c.clock, c.nonce = clock, nonce
		return (*bareCore)(c)
	}
}

// bareCore is a core as the simulator drives it.
type bareCore core

// Vat implements bare.Core.
func (s *bareCore) Vat() any { return &Vat{core: (*core)(s)} }

// Publish implements bare.Core.
func (s *bareCore) Publish(object any, secret [32]byte) error {
	c := (*core)(s)
	obj, ok := object.(objecter)
	if !ok {
		return ErrNotSendable
	}
	h, err := c.host(obj)
	if err != nil {
		return err
	}
	c.table[sturdyref.HashSwissnum(c.id, &secret)] = &Grant{core: c, host: h}
	return nil
}

// Grant implements bare.Core.
func (s *bareCore) Grant(object any, secret [32]byte, expires time.Time) (revoke func(), err error) {
	c := (*core)(s)
	h, err := c.exportable(object)
	if err != nil {
		return nil, err
	}
	g := &Grant{core: c, host: h, hash: sturdyref.HashSwissnum(c.id, &secret), expires: expires}
	g.grant = &captp.Grant{Tag: g}
	return func() { _ = g.Revoke() }, c.submit(&minting{g}) // it is temporary, so it never fails
}

// Own implements bare.Core.
func (s *bareCore) Own(secret [32]byte) any {
	c := (*core)(s)
	c.lock()
	defer c.leave()
	ref := c.lookup(sturdyref.HashSwissnum(c.id, &secret))
	if ref == nil {
		ref = c.machine.BrokenRef(toWire(ErrNoSuchObject))
	}
	return c.newRef(ref)
}

// Timers implements bare.Core.
func (s *bareCore) Timers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.timers.heap) + len(s.timers.wall)
}

// Fire implements bare.Core.
func (s *bareCore) Fire() {
	c := (*core)(s)
	c.lock()
	defer c.leave()
	c.fireTimers()
}

// Connect implements bare.Core.
func (s *bareCore) Connect(peer crypto.VatID, handoff bool) bare.Session {
	c := (*core)(s)
	x := &session{core: c, peer: peer}
	if s.driven() {
		x.link = &bareLink{}
	}
	c.lock()
	defer c.leave()
	c.begin(x)
	if handoff {
		x.captp.Offer(nil)
	}
	limits := c.machine.Limits()
	x.captp.Grant(uint32(limits.OpenCalls), uint64(limits.OpenBytes))
	return (*bareSession)(x)
}

// Meet implements bare.Core.
func (s *bareCore) Meet() bool {
	c := (*core)(s)
	if len(c.strangers) == 0 {
		return false
	}
	c.lock()
	defer c.leave()
	h := c.strangers[0]
	c.strangers = c.strangers[1:]
	var with *captp.Session
	for _, x := range c.sessions {
		if string(x.peer[:]) == h.Host() {
			with = x.captp
		}
	}
	c.machine.Met(h, with)
	return true
}

// Step implements bare.Core.
func (s *bareCore) Step() bool {
	c := (*core)(s)
	if !s.driven() {
		return c.step()
	}
	c.lock()
	defer c.leave()
	if c.turns.len() == 0 || c.held && !s.holds() {
		return false // somebody else is at it
	}
	if !c.held && c.take(nil) {
		defer c.release()
	}
	c.stepLocked()
	return true
}

// Forget implements bare.Core.
func (s *bareCore) Forget(promise any) bool {
	c, p := (*core)(s), promise.(anyPromise).base()
	c.lock()
	defer c.leave()
	if p.state == pending && !p.lazy || p.call != nil {
		return false
	}
	p.letGo()
	return true
}

// Inside implements bare.Core.
func (s *bareCore) Inside(target any) (*captp.Ref, *captp.Call) {
	switch x := target.(type) {
	case *Ref:
		return x.sendTo(), nil
	case anyPromise:
		p := x.base()
		for p.pipe == nil && p.lead != nil {
			p = p.lead
		}
		switch {
		case p.state == fulfilled && p.pipe == nil:
			return p.resultIs(), nil
		case p.state != pending:
			return p.pipe, nil
		}
		return p.pipe, p.call
	}
	return nil, nil
}

// Left implements bare.Core.
func (s *bareCore) Left() string {
	c := (*core)(s)
	c.lock()
	defer c.leave()
	m := c.machine
	aside := 0
	for _, x := range c.stashed {
		aside += x.captp.Kept()
	}
	if m.Charged() == 0 && m.Pending() == 0 && len(c.calls) == 0 && c.local == 0 && c.turns.len() == 0 && aside == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes charged, %d sends pending, %d calls under way, %d local and %d turns queued, %d messages put aside",
		m.Charged(), m.Pending(), len(c.calls), c.local, c.turns.len(), aside)
}

// bareSession is a session without a link.
type bareSession session

// Receive implements bare.Session.
func (s *bareSession) Receive(data []byte) *captp.Error {
	x := (*session)(s)
	if x.link != nil {
		x.Receive(data)
		return s.Err()
	}
	x.core.lock()
	defer x.core.leave()
	x.core.feed(&feed{s: x, rest: data}, 0)
	return x.captp.Err()
}

// Err implements bare.Session.
func (s *bareSession) Err() *captp.Error {
	s.core.lock()
	defer s.core.unlock()
	return s.captp.Err()
}

// Take implements bare.Session.
func (s *bareSession) Take(n int) []byte {
	x := (*session)(s)
	if l, ok := x.link.(*bareLink); ok {
		x.core.lock()
		x.core.leave()
		return l.take(n)
	}
	x.core.lock()
	defer x.core.unlock()
	x.core.settle()
	x.core.flush() // which has the releases written; without a link it leaves the bytes here
	return x.captp.TakeOut(nil)
}

// Ask implements bare.Session.
func (s *bareSession) Ask(secret [32]byte) any {
	return s.core.ask((*session)(s), sturdyref.SwissnumOf(secret))
}

// Forget implements bare.Session.
func (s *bareSession) Forget() {
	s.core.lock()
	defer s.core.leave()
	s.captp.ForgetBootstrap()
}

// Inside implements bare.Session.
func (s *bareSession) Inside() *captp.Session { return s.captp }

// Close implements bare.Session.
func (s *bareSession) Close() { (*session)(s).Closed(nil) }

// Stats implements bare.Session.
func (s *bareSession) Stats() captp.Stats {
	s.core.lock()
	defer s.core.unlock()
	return s.captp.Stats()
}

// Counts implements bare.Session.
func (s *bareSession) Counts() (exports, imports map[uint32]uint32) {
	s.core.lock()
	defer s.core.unlock()
	return s.captp.ExportCounts(), s.captp.ImportCounts()
}
