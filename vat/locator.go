package vat

import (
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec/object"
	"github.com/vatnet/vatnet/sturdyref"
)

// How a peer that asks for swissnums that do not exist is treated.
const (
	freeMisses   = 10 // are answered at once
	maxMisses    = 100
	missInterval = time.Second // between the answers to the misses after the free ones
	missMemory   = 10 * time.Minute
	missPeers    = 1024
)

// locator is the nonce locator of one session: the object at its bootstrap, which
// looks swissnums up. It implements captp.Object.
type locator struct{ s *session }

// Deliver implements captp.Object.
func (l *locator) Deliver(call *captp.Call) (wait bool) {
	l.s.core.later(&lookup{l, call})
	return false
}

// Canceled implements captp.Object; the answer comes in its time.
func (l *locator) Canceled(*captp.Call) {}

// Dropped implements captp.Object.
func (l *locator) Dropped(*captp.Grant) {}

// lookup is one question to the locator.
type lookup struct {
	l    *locator
	call *captp.Call
}

func (q *lookup) afterwards() {
	iface, method := q.call.Method()
	c := q.l.s.core
	switch {
	case iface == object.NonceLocator_TypeID && method == methodLookup:
		if ref := c.lookup(c.secretHash(q.call)); ref != nil {
			q.call.Return(refResult, []*captp.Ref{ref})
			return
		}
	case iface == object.NonceLocator_TypeID && method == methodSuccessor:
		if c.good(c.table[c.secretHash(q.call)]) {
			q.call.Return(c.whereabouts().encode(), nil)
			return
		}
	default:
		q.call.Fail(toWire(ErrNoSuchVerb))
		return
	}
	q.l.s.miss(q.call)
}

// The methods of the interface NonceLocator.
const (
	methodLookup    = 0
	methodSuccessor = 1
)

// secretHash returns the hash of the swissnum that call carries; zero, which is no swissnum's, if it carries none.
// Machine right.
func (c *core) secretHash(call *captp.Call) (none sturdyref.SwissHash) {
	params, _ := call.Params()
	field, err := params.Field(0)
	if err != nil {
		return none
	}
	data, err := field.Bytes()
	if err != nil || len(data) != sturdyref.SwissnumSize {
		return none
	}
	return c.hashOf((*[sturdyref.SwissnumSize]byte)(data))
}

// whereabouts returns by which id the vat goes, and where it is to be found. Machine right.
func (c *core) whereabouts() whereabouts {
	p := whereabouts{vat: c.id}
	if c.vat != nil { // not in a stepped core
		p.locations = c.vat.Locations()
	}
	return p
}

// misses is what is remembered of a peer that asked in vain.
type misses struct {
	count int
	next  time.Time // no answer to a miss before this
}

// miss answers a lookup that found nothing: with one and the same error whatever
// the reason; ever later; and in the end not at all. Machine right.
func (s *session) miss(call *captp.Call) {
	now := s.core.now()
	m := s.core.missesOf(s.peer, now)
	m.count++
	switch {
	case m.count >= maxMisses:
		call.Fail(toWire(ErrNoSuchObject))
		s.captp.Abort(captp.LimitLookups.Ends())
	case m.count > freeMisses:
		if m.next.Before(now) {
			m.next = now
		}
		m.next = m.next.Add(missInterval)
		s.core.at(m.next, func() { call.Fail(toWire(ErrNoSuchObject)) })
	default:
		m.next = now
		call.Fail(toWire(ErrNoSuchObject))
	}
}

// missesOf returns the entry of a peer. It outlives the session, so that dialling
// again does not help. Machine right.
func (c *core) missesOf(peer crypto.VatID, now time.Time) *misses {
	if c.misses == nil {
		c.misses = make(map[crypto.VatID]*misses)
	}
	m := c.misses[peer]
	if m != nil && now.Sub(m.next) < missMemory {
		return m
	}
	if len(c.misses) >= missPeers {
		for id, old := range c.misses {
			if now.Sub(old.next) >= missMemory || old.count <= freeMisses {
				delete(c.misses, id)
			}
		}
		if len(c.misses) >= missPeers {
			c.forgetOldest()
		}
	}
	m = &misses{next: now}
	c.misses[peer] = m
	return m
}

// forgetOldest forgets the peer whose last miss is the longest ago: no crowd of
// strangers may clear the record of all. Machine right.
func (c *core) forgetOldest() {
	var oldest crypto.VatID
	var at time.Time
	for id, m := range c.misses {
		if at.IsZero() || m.next.Before(at) {
			oldest, at = id, m.next
		}
	}
	delete(c.misses, oldest)
}

// refResult are the results of a method whose first pointer is capability 0.
var refResult = func() []byte {
	var b capn.Builder
	b.Init(nil)
	b.SetCap(b.Root(0, 1).Slot(0), 0)
	return b.Bytes()
}()

// emptyParams are the parameters of a method without any.
var emptyParams = func() []byte {
	var b capn.Builder
	b.Init(nil)
	b.Root(0, 0)
	return b.Bytes()
}()
