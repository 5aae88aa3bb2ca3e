package twoparty

import (
	"io"
	"math"
	"sync"

	"github.com/vatnet/vatnet/captp"
)

// Config configures a Conn. The zero value, or nil, is useful.
type Config struct {
	// Machine configures the machine; nil means its defaults.
	Machine *captp.Config
	// Bootstrap makes the reference that the peer gets for Bootstrap; its holder
	// passes to the session. It is called once, with the right held. Nil: none.
	Bootstrap func(m *captp.Machine) *captp.Ref
	// Peer names the peer in errors.
	Peer string
	// Calls and Bytes are the credit that the peer is taken to grant: open calls,
	// and bytes of their messages. Zero means no bound, as Cap'n Proto has none.
	Calls uint32
	Bytes uint64
}

// Conn is a session over a stream, and its machine. Its methods may be called
// from any goroutine, except where they say otherwise.
//
//	         the stream ends, a rule is broken, the peer aborts, Close
//	living ─────────────────────────────────────────────────────────────▶ ended (Err, Done)
type Conn struct {
	mu     sync.Mutex // the machine right; guards what follows
	wake   sync.Cond  // of the writer: dirty, or the session has ended
	m      *captp.Machine
	s      *captp.Session
	dirty  bool // something is to be written
	left   bool // a byte was handed to the stream
	later  []func()
	ready  []*captp.Session // memory for TakeDirty
	stream io.ReadWriteCloser

	done chan struct{} // closed when both goroutines have ended
}

// quantum is how many messages are handled before others get the right.
const quantum = 64

// New begins a session over stream, which it owns from now on. Close on the
// stream must end a Read and a Write that are under way. Close the Conn in the
// end, also after the session has ended by itself.
func New(stream io.ReadWriteCloser, cfg *Config) *Conn {
	if cfg == nil {
		cfg = &Config{}
	}
	c := &Conn{m: captp.New(cfg.Machine), stream: stream, done: make(chan struct{})}
	c.wake.L = &c.mu
	session := captp.SessionConfig{Peer: cfg.Peer, Tag: c}
	calls, bytes := cfg.Calls, cfg.Bytes
	if calls == 0 {
		calls = math.MaxUint32
	}
	if bytes == 0 {
		bytes = math.MaxInt64
	}
	c.Do(func(m *captp.Machine, _ *captp.Session) {
		if cfg.Bootstrap != nil {
			session.Bootstrap = cfg.Bootstrap(m)
		}
		c.s = m.Connect(session)
		c.s.Grant(calls, bytes)
	})
	var both sync.WaitGroup
	both.Go(c.read)
	both.Go(c.write)
	go func() {
		both.Wait()
		close(c.done)
	}()
	return c
}

// Do runs f with the machine right, then what f left to Later, and has the
// messages written that came of it. f must not block, nor keep s or m for use
// outside of a step; Do must not be called inside a step.
func (c *Conn) Do(f func(m *captp.Machine, s *captp.Session)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.m, c.s)
	c.finish()
}

// Later leaves f to be run, with the right, when the step that is under way is
// over, in the order of the calls. It must be called inside a step only: by f of
// Do, by a callback of the machine, or by another function left to Later.
func (c *Conn) Later(f func()) { c.later = append(c.later, f) }

// Done returns a channel that is closed when the session has ended and the
// stream is no longer used.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the session ended, nil while it lives.
func (c *Conn) Err() *captp.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.Err()
}

// Close ends the session and closes the stream; messages that it has not taken
// yet are lost. It returns when nothing of the Conn runs any more. It may be
// called again; it always returns nil. It must not be called inside a step.
func (c *Conn) Close() error {
	c.disconnect()
	c.stream.Close()
	<-c.done
	return nil
}

// finish ends a step. Sessions that broke a rule end in TakeDirty, which calls
// back and so may leave something to Later again.
func (c *Conn) finish() {
	for {
		for len(c.later) > 0 {
			f := c.later[0]
			c.later = c.later[1:]
			f()
		}
		c.ready = c.m.TakeDirty(c.ready[:0])
		if len(c.ready) > 0 {
			c.dirty = true
			c.wake.Signal()
		} else if len(c.later) == 0 {
			return
		}
	}
}

// disconnect ends the session because the stream is gone, or about to be.
func (c *Conn) disconnect() {
	c.Do(func(_ *captp.Machine, s *captp.Session) {
		s.Disconnect(&captp.Error{
			Kind: captp.Disconnected, Reason: captp.PeerGone.Text(), Outcome: captp.PeerGone,
		}, !c.left)
		c.wake.Signal()
	})
}

// read feeds the machine until the stream or the session ends.
func (c *Conn) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.stream.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			ended := false
			c.Do(func(_ *captp.Machine, s *captp.Session) {
				rest, _ = s.Receive(rest, quantum)
				ended = s.Err() != nil
			})
			if ended {
				return // the writer closes the stream behind the last message
			}
		}
		if err != nil {
			c.disconnect()
			return
		}
	}
}

// write empties the machine's output until the session has ended, then closes
// the stream.
func (c *Conn) write() {
	defer c.stream.Close()
	var out []byte
	for {
		c.mu.Lock()
		for !c.dirty && c.s.Err() == nil {
			c.wake.Wait()
		}
		c.dirty = false
		out = c.s.TakeOut(out)
		c.s.Unsent(len(out))
		ended := c.s.Err() != nil
		c.left = c.left || len(out) > 0
		c.mu.Unlock()

		if len(out) > 0 {
			_, err := c.stream.Write(out)
			c.Do(func(_ *captp.Machine, s *captp.Session) { s.Unsent(0) })
			if err != nil {
				c.disconnect()
				return
			}
		}
		if ended {
			return
		}
		if cap(out) > 64<<10 {
			out = nil
		}
	}
}
