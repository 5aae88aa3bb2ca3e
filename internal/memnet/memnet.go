// Package memnet is a network in memory: named hosts, connections with latency,
// and the ways in which networks fail, for tests of whatever speaks over a
// [net.Conn].
//
// A [Net] has hosts, made by naming them; a [Host] listens and dials like the
// operating system does:
//
//	n := memnet.New()
//	ln, err := n.Host("bob").Listen("bob:7000")
//	conn, err := n.Host("alice").Dial(ctx, "bob:7000")
//
// Between two hosts a test can set [Net.Latency], [Net.Cut] every connection,
// [Net.Stall] one direction, [Net.Partition] both, and have the next connection
// reset after an exact number of bytes with [Net.ResetAfter].
//
// Everything that waits, waits on channels and timers, so that in a bubble of
// testing/synctest it is durably blocked, and time is the bubble's. A connection
// holds at most [Window] bytes that its reader has not taken, like a socket; its
// TryWrite takes what fits at once, like one write(2) on a non-blocking socket.
package memnet

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Window is how many bytes one direction of a connection holds for its reader.
const Window = 64 << 10

// Errors of dialling and listening. They unwrap to what the operating system says.
var (
	ErrRefused     error = syscall.ECONNREFUSED // nobody listens there
	ErrReset       error = syscall.ECONNRESET   // the connection was cut
	ErrAddrInUse   error = syscall.EADDRINUSE   // somebody listens there already
	ErrNotOurs     error = syscall.EADDRNOTAVAIL
	errBadAddr           = errors.New("memnet: malformed address")
	errNoInterface       = errors.New("memnet: host has no interface")
)

// Net is a network. Use New. It is safe for concurrent use.
type Net struct {
	mu        sync.Mutex
	hosts     map[string]*Host
	listeners map[string]*listener
	paths     map[pathKey]*path
	conns     map[*Conn]struct{} // both ends of every connection that lives
	nextPort  int
	stats     Stats
}

// Stats are counters over all connections of a network.
type Stats struct {
	Dials int // connections made
	Bytes int // bytes written, both directions
	Turns int // changes of direction: a connection's bytes went the other way than its last ones
}

type pathKey struct{ from, to string }

// path is what holds for the bytes that go from one host to another.
type path struct {
	latency    time.Duration
	stalled    bool
	resetAfter int // for the next connection; < 0 is never
}

// New makes a network without hosts.
func New() *Net {
	return &Net{
		hosts:     map[string]*Host{},
		listeners: map[string]*listener{},
		paths:     map[pathKey]*path{},
		conns:     map[*Conn]struct{}{},
		nextPort:  49152,
	}
}

// Host gives the host of that name, making it when it is new. A name is a DNS
// name or an IP address; the latter matters to code that limits by address.
func (n *Net) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil {
		h = &Host{net: n, name: name}
		n.hosts[name] = h
	}
	return h
}

// Stats gives the counters so far.
func (n *Net) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// path gives the entry for a direction. The caller holds n.mu.
func (n *Net) path(from, to string) *path {
	k := pathKey{from, to}
	p := n.paths[k]
	if p == nil {
		p = &path{resetAfter: -1}
		n.paths[k] = p
	}
	return p
}

// Host is one machine of a network. It has the methods that internal/link wants
// of a network.
type Host struct {
	net  *Net
	name string
}

// Name gives the host's name.
func (h *Host) Name() string { return h.name }

// InterfaceAddrs gives what stands for the host's interfaces: its name.
func (h *Host) InterfaceAddrs() ([]string, error) {
	if h.name == "" {
		return nil, errNoInterface
	}
	return []string{h.name}, nil
}

// Listen listens on "host:port", where host is empty, "0.0.0.0", "::" or the
// host's own name, and port 0 picks a free one.
func (h *Host) Listen(addr string) (net.Listener, error) {
	host, port, err := split(addr)
	if err != nil {
		return nil, err
	}
	shown := host
	switch host {
	case "":
		shown = "0.0.0.0"
	case "0.0.0.0", "::", h.name:
	default:
		return nil, &net.OpError{Op: "listen", Net: "mem", Err: ErrNotOurs}
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == 0 {
		n.nextPort++
		port = n.nextPort
	}
	key := net.JoinHostPort(h.name, strconv.Itoa(port))
	if n.listeners[key] != nil {
		return nil, &net.OpError{Op: "listen", Net: "mem", Err: ErrAddrInUse}
	}
	l := &listener{
		net: n, key: key, addr: Addr(net.JoinHostPort(shown, strconv.Itoa(port))),
		queue: make(chan *Conn, 4096), done: make(chan struct{}),
	}
	n.listeners[key] = l
	return l, nil
}

// Dial connects to "host:port". Behind a stalled path it waits for ctx, as one
// does for a host that answers nothing.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := h.dial(ctx, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(addr), Err: err}
	}
	return conn, nil
}

func (h *Host) dial(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := split(addr)
	if err != nil {
		return nil, err
	}
	n := h.net
	n.mu.Lock()
	there, back := n.path(h.name, host), n.path(host, h.name)
	wait, stalled := there.latency+back.latency, there.stalled || back.stalled
	n.mu.Unlock()
	if stalled {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if wait > 0 { // SYN and SYN-ACK
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[addr]
	if l == nil {
		return nil, ErrRefused
	}
	n.nextPort++
	near := Addr(net.JoinHostPort(h.name, strconv.Itoa(n.nextPort)))
	mine, theirs := n.pair(near, Addr(addr), h.name, host)
	select {
	case l.queue <- theirs:
	default:
		n.drop(mine)
		return nil, ErrRefused
	}
	n.stats.Dials++
	return mine, nil
}

func split(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, errBadAddr
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, errBadAddr
	}
	return host, port, nil
}

// Addr is an address in memory, "host:port".
type Addr string

// Network gives "mem".
func (Addr) Network() string { return "mem" }

// String gives "host:port".
func (a Addr) String() string { return string(a) }

// listener is a net.Listener.
type listener struct {
	net   *Net
	key   string
	addr  Addr
	queue chan *Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return l.addr }

// Close also resets the connections that nobody accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.key)
		close(l.done)
		for {
			select {
			case c := <-l.queue:
				l.net.reset(c)
				continue
			default:
			}
			break
		}
		l.net.mu.Unlock()
	})
	return nil
}
