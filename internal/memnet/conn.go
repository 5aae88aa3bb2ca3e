package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is one end of a connection: a net.Conn with two more methods, TryWrite and
// CloseWrite. It is safe for concurrent use as a net.Conn is.
type Conn struct {
	net           *Net
	peer          *Conn
	local, remote Addr
	from, to      string
	in, out       *flow
	read, write   deadline
	closed        chan struct{}
	once          sync.Once
}

// pair makes a connection. The caller holds n.mu.
func (n *Net) pair(local, remote Addr, from, to string) (*Conn, *Conn) {
	there, back := n.newFlow(from, to), n.newFlow(to, from)
	a := &Conn{net: n, local: local, remote: remote, from: from, to: to, in: back, out: there, closed: make(chan struct{})}
	b := &Conn{net: n, local: remote, remote: local, from: to, to: from, in: there, out: back, closed: make(chan struct{})}
	a.peer, b.peer = b, a
	n.conns[a], n.conns[b] = struct{}{}, struct{}{}
	return a, b
}

func (n *Net) newFlow(from, to string) *flow {
	p := n.path(from, to)
	f := &flow{latency: p.latency, stalled: p.stalled, left: p.resetAfter, changed: make(chan struct{})}
	p.resetAfter = -1
	return f
}

// Read reads what has arrived, waiting for it.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		if c.isClosed() {
			return 0, c.opError("read", net.ErrClosed)
		}
		if c.read.passed() { // even when there is something to read, as with a socket
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
		n, wait, changed, err := c.in.take(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, c.opError("read", err)
		}
		if err := c.pause(&c.read, changed, wait); err != nil {
			return 0, c.opError("read", err)
		}
	}
}

// Write writes all of b, waiting for room.
func (c *Conn) Write(b []byte) (int, error) {
	done := 0
	for {
		n, changed, err := c.put(b[done:])
		done += n
		if err != nil || done == len(b) {
			return done, c.opError("write", err)
		}
		if n > 0 {
			continue
		}
		if err := c.pause(&c.write, changed, 0); err != nil {
			return done, c.opError("write", err)
		}
	}
}

// TryWrite writes what there is room for at once, which may be nothing.
func (c *Conn) TryWrite(b []byte) (int, error) {
	n, _, err := c.put(b)
	return n, c.opError("write", err)
}

func (c *Conn) put(b []byte) (n int, changed chan struct{}, err error) {
	if c.isClosed() {
		return 0, nil, net.ErrClosed
	}
	if c.write.passed() {
		return 0, nil, os.ErrDeadlineExceeded
	}
	c.net.mu.Lock() // who reads what was written finds it counted
	defer c.net.mu.Unlock()
	n, changed, err, cut := c.out.put(b)
	if n > 0 {
		c.count(n)
	}
	if cut {
		c.in.fail(ErrReset, true)
		c.net.drop(c)
	}
	return n, changed, err
}

// count adds to the network's counters. With the network locked.
func (c *Conn) count(n int) {
	c.net.stats.Bytes += n
	if c.in.last {
		c.net.stats.Turns++
		c.in.last = false
	}
	c.out.last = true
}

// pause waits for a change, a deadline, the end of the connection, or, when it is
// not zero, for a time to pass.
func (c *Conn) pause(d *deadline, changed chan struct{}, wait time.Duration) error {
	passed, moved := d.channels()
	var timer <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-c.closed:
		return net.ErrClosed
	case <-passed:
		return os.ErrDeadlineExceeded
	case <-moved:
	case <-changed:
	case <-timer:
	}
	return nil
}

// Close ends both directions. What was written still arrives, as with a socket
// whose own input is read; unread input makes no reset here.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = nil
		close(c.closed)
		c.out.fail(io.EOF, false)
		c.in.fail(ErrReset, true)
		c.read.set(time.Time{})
		c.write.set(time.Time{})
		if c.peer.isClosed() {
			c.net.mu.Lock()
			c.net.drop(c)
			c.net.mu.Unlock()
		}
	})
	return c.opError("close", err)
}

func (c *Conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// CloseWrite ends the outgoing direction: the peer reads an EOF behind the data.
func (c *Conn) CloseWrite() error {
	c.out.fail(io.EOF, false)
	return nil
}

// Abort closes the connection with a reset: the peer may lose what was written.
func (c *Conn) Abort() error {
	c.out.fail(ErrReset, true)
	return c.Close()
}

// LocalAddr gives this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr gives the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

// SetReadDeadline sets the time at which Read gives up; zero is never.
func (c *Conn) SetReadDeadline(t time.Time) error { c.read.set(t); return nil }

// SetWriteDeadline sets the time at which Write gives up; zero is never.
func (c *Conn) SetWriteDeadline(t time.Time) error { c.write.set(t); return nil }

func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

// flow is one direction of a connection.
type flow struct {
	mu      sync.Mutex
	latency time.Duration
	stalled bool
	left    int // bytes until a reset, < 0 for never
	held    int
	queue   []parcel
	err     error // behind the queue
	changed chan struct{}

	last bool // the connection's last bytes went this way; guarded by Net.mu
}

// parcel is what one write carried, and when it arrives.
type parcel struct {
	at   time.Time
	data []byte
}

func (f *flow) put(b []byte) (n int, changed chan struct{}, err error, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		if f.err == io.EOF {
			return 0, nil, io.ErrClosedPipe, false
		}
		return 0, nil, f.err, false
	}
	n = min(len(b), Window-f.held)
	if f.left >= 0 && n >= f.left {
		n, cut = f.left, true
	}
	if n > 0 {
		p := parcel{data: append([]byte(nil), b[:n]...)}
		if f.latency > 0 {
			p.at = time.Now().Add(f.latency)
		}
		f.queue = append(f.queue, p)
		f.held += n
		f.left -= min(n, max(f.left, 0))
		f.wake()
	}
	if cut {
		f.err = ErrReset
		f.wake()
		return n, f.changed, ErrReset, true
	}
	return n, f.changed, nil, false
}

func (f *flow) take(b []byte) (n int, wait time.Duration, changed chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stalled {
		if f.err != nil && f.err != io.EOF && len(f.queue) == 0 {
			return 0, 0, nil, f.err
		}
		return 0, 0, f.changed, nil
	}
	for len(f.queue) > 0 && n < len(b) {
		p := &f.queue[0]
		if !p.at.IsZero() {
			if wait = time.Until(p.at); wait > 0 {
				break
			}
		}
		k := copy(b[n:], p.data)
		n += k
		if p.data = p.data[k:]; len(p.data) == 0 {
			f.queue = f.queue[1:]
		}
	}
	if n > 0 {
		f.held -= n
		f.wake()
		return n, 0, nil, nil
	}
	if len(f.queue) == 0 && f.err != nil {
		return 0, 0, nil, f.err
	}
	return 0, wait, f.changed, nil
}

// fail ends the flow behind what is queued, or at once when lose is set.
func (f *flow) fail(err error, lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if lose {
		f.queue, f.held = nil, 0
	}
	if f.err == nil || lose && f.err == io.EOF && err != io.EOF {
		f.err = err
	}
	f.wake()
}

func (f *flow) setStalled(stalled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalled = stalled
	f.wake()
}

func (f *flow) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// deadline is a time, with channels that tell when it passes and when it moves.
// The zero value is no deadline.
type deadline struct {
	mu     sync.Mutex
	at     time.Time
	timer  *time.Timer
	passes chan struct{}
	moved  chan struct{}
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
	d.at, d.passes = t, nil
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

func (d *deadline) channels() (passes, moved chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	if !d.at.IsZero() && d.passes == nil {
		ch := make(chan struct{})
		d.passes = ch
		if left := time.Until(d.at); left <= 0 {
			close(ch)
		} else {
			d.timer = time.AfterFunc(left, func() { close(ch) })
		}
	}
	return d.passes, d.moved
}
