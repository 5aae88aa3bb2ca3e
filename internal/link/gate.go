package link

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxSources bounds how many addresses the gate remembers.
const maxSources = 16384

var errTooMany = errors.New("link: too many handshakes from this address")

// gate decides which incoming connections may run a handshake. It bounds how many
// run at once, in all and from one host, and how many a host may begin per second;
// the rate counts only those whose message 1 was meant for this vat, so that a
// stranger behind the same address cannot use it up with noise.
//
// When all places are taken, the connection that has waited longest without
// a valid message 1 makes room: silence holds nobody out.
type gate struct {
	mu      sync.Mutex
	limits  Limits
	pending int
	silent  list.List // of *ticket without message 1 yet, the oldest in front
	sources map[string]*source
}

// source is what the gate knows of a host: an IPv4 address, an IPv6 /64, or, on a
// network that has neither, a name.
type source struct {
	pending int
	rate    bucket
}

// ticket is a connection's place in the gate.
type ticket struct {
	gate    *gate
	conn    net.Conn
	name    string        // of the source
	source  *source       // nil if exempt
	element *list.Element // in silent, nil once message 1 was checked
	gone    bool
}

func newGate(limits Limits) *gate { return &gate{limits: limits, sources: map[string]*source{}} }

// enter gives conn a place, or nil if there is none.
func (g *gate) enter(conn net.Conn) *ticket {
	name, loopback := sourceOf(conn.RemoteAddr())
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &ticket{gate: g, conn: conn, name: name}
	if !loopback || g.limits.RateLoopback {
		if t.source = g.source(name); t.source == nil || t.source.pending >= g.limits.HandshakesPerHost {
			return nil
		}
	}
	if g.pending >= g.limits.Handshakes && !g.evict() {
		return nil
	}
	g.pending++
	if t.source != nil {
		t.source.pending++
	}
	t.element = g.silent.PushBack(t)
	return t
}

// source gives the entry for a name, or nil when too many are known already.
func (g *gate) source(name string) *source {
	if s := g.sources[name]; s != nil {
		return s
	}
	if len(g.sources) >= maxSources {
		now := time.Now()
		for k, s := range g.sources {
			if s.pending == 0 && s.rate.full(now, g.limits.HandshakesPerSec) {
				delete(g.sources, k)
			}
		}
		if len(g.sources) >= maxSources {
			return nil
		}
	}
	s := &source{}
	g.sources[name] = s
	return s
}

// evict ends the oldest silent connection.
func (g *gate) evict() bool {
	front := g.silent.Front()
	if front == nil {
		return false
	}
	t := front.Value.(*ticket)
	t.release()
	abort(t.conn)
	return true
}

// admit is asked when message 1 was checked, before anything costly.
func (t *ticket) admit() error {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if t.gone {
		return errTooMany
	}
	t.gate.silent.Remove(t.element)
	t.element = nil
	l := t.gate.limits
	if t.source != nil && !t.source.rate.take(time.Now(), l.HandshakesPerSec, float64(l.HandshakesBurst)) {
		return errTooMany
	}
	return nil
}

// leave gives the place back. It may be called twice.
func (t *ticket) leave() {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	t.release()
}

// release is leave with the lock held.
func (t *ticket) release() {
	if t.gone {
		return
	}
	t.gone = true
	t.gate.pending--
	if t.element != nil {
		t.gate.silent.Remove(t.element)
	}
	if t.source != nil {
		t.source.pending--
	}
}

// sourceOf gives the name under which an address is limited.
func sourceOf(addr net.Addr) (name string, loopback bool) {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String(), false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host, false
	}
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return host, false
	}
	return prefix.String(), ip.IsLoopback()
}

// abort closes a connection with a reset, which tells a dialler that nobody judged
// its message 1: a clean close would mean that this is another vat.
func abort(conn net.Conn) {
	switch c := conn.(type) {
	case interface{ SetLinger(sec int) error }:
		_ = c.SetLinger(0)
	case interface{ Abort() error }:
		_ = c.Abort()
	}
	_ = conn.Close()
}
