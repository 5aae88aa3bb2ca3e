package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// linkState is what becomes of bytes that are written to a link.
//
//	            start (dialled)          answer
//	waiting ─────────────────────▶ sent ─────────▶ live
//	  │ ▲ │    start (incoming)     │ │              │
//	  │ │ └─────────────────────────┼─┼──────▶ live  │
//	  │ └────────── adopt ──────────┘ │              │
//	  ▼                               ▼              ▼
//	ended ◀───────────────────────────┴──────────────┘
type linkState uint8

const (
	waiting linkState = iota // no transport yet: kept
	sent                     // the transport is not accepted yet: sent, and kept
	live                     // sent
	ended                    // dropped
)

// Link is a session with another vat: one ordered stream of bytes each way. It is
// made by Links.Link or by a peer that dials, and does not come back once it
// ended; its successor is another Link. Safe for concurrent use.
type Link struct {
	links    *Links
	peer     crypto.VatID
	receiver Receiver
	ctx      context.Context // of the dial
	cancel   context.CancelFunc
	done     chan struct{} // closed when the link has ended
	ready    chan struct{} // closed when Up has returned
	turns    turnstile
	relay    relay

	mu      sync.Mutex
	drained sync.Cond // the writer goroutine ended, or the link did
	state   linkState
	tr      *transport // written with Links.mu held too, so that either mutex suffices to read
	kept    []byte     // what was written and may have to be sent (again)
	exposed bool       // some of what was written may have been delivered
	upped   bool       // Up was called
	closing bool       // by Shutdown: nothing may be written any more
	err     *Error     // why it ended
	low     int        // what Below was given
	below   func()     // likewise; nil: nobody waits

	deaf       atomic.Bool // what the peer still sends is not opened
	asked      atomic.Bool // something was written since data last came
	roundTrips atomic.Uint64
}

// transport is one connection after its handshake.
type transport struct {
	sender
	in      *reader
	ping    func() // says one
	pong    func()
	secured *crypto.Secured
	dialled bool      // by this vat
	due     time.Time // when the answer to our dial is due; guarded by Links.mu
}

// Peer gives the other vat.
func (l *Link) Peer() crypto.VatID { return l.peer }

// Self gives as whom this vat talks on the link: its identity, or a former one.
func (l *Link) Self() crypto.VatID { return l.links.self }

// Receiver gives what Links.Link or Handler.Open was given for the link.
func (l *Link) Receiver() Receiver { return l.receiver }

// Incoming tells whether the link's transport was dialled by the peer. It is
// settled once Up was called, but for crossed dials, where it may still change.
func (l *Link) Incoming() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tr != nil && !l.tr.dialled
}

// RemoteAddr gives the address of the peer's end, empty while there is none.
func (l *Link) RemoteAddr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tr == nil {
		return ""
	}
	return l.tr.conn.RemoteAddr().String()
}

// Done is closed when the link has ended, which may be before Closed is called.
func (l *Link) Done() <-chan struct{} { return l.done }

// Write sends b, behind everything written before. It never waits: it seals b
// and hands the socket what that takes at once; the rest goes to a writer
// goroutine. b is free for use again when Write returns. Before the session
// stands b is kept; when the link has ended, or was shut down, b is dropped.
func (l *Link) Write(b []byte) {
	if len(b) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	switch l.state {
	case waiting:
		l.kept = append(l.kept, b...)
		return
	case sent:
		l.kept = append(l.kept, b...)
	case live:
	case ended:
		return
	}
	l.exposed = true
	l.asked.Store(true)
	l.tr.data(b)
	l.flush()
}

// flush has the transport write. The caller holds l.mu.
func (l *Link) flush() {
	t := l.tr
	if t.flush() && !l.links.crew.start(func() { l.drain(&t.sender) }) {
		t.writing = false // the Links is closed, the link about to be
	}
}

// Buffered gives the number of bytes that the link holds because no socket took
// them yet, or because they may have to be sent again.
func (l *Link) Buffered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held()
}

// held is Buffered. The caller holds l.mu.
func (l *Link) held() int {
	n := len(l.kept)
	if l.tr != nil {
		n += l.tr.held
	}
	return n
}

// Below has f called once, when no more than n bytes are buffered any more, or the
// link has ended; it replaces an f that was not called yet. f must return at once
// and may not call the link: it is called with the link locked. Below gives false,
// and f is not called, if that is so already.
func (l *Link) Below(n int, f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == ended || l.held() <= n {
		l.below = nil
		return false
	}
	l.low, l.below = n, f
	return true
}

// tellBelow calls what Below was given if it is due. The caller holds l.mu.
func (l *Link) tellBelow() {
	if f := l.below; f != nil && (l.state == ended || l.held() <= l.low) {
		l.below = nil
		f()
	}
}

// Relieve lets another goroutine read on, while the one that reads is within
// Receive. It gives false if there is nobody to relieve. The caller must know
// that the Receive under way will not return before Relieve does, and that it
// needs its data no more: the next Receive may begin at once. The goroutine that
// was relieved ends when its Receive returns.
func (l *Link) Relieve() bool {
	return l.turns.relieve(func(closed bool) bool {
		return l.links.crew.start(func() {
			if closed {
				l.receiver.Closed(l.reason())
				return
			}
			l.mu.Lock()
			t := l.tr
			l.mu.Unlock()
			l.links.read(l, t)
		})
	})
}

// Close severs the link at once: what was not yet sent is lost. Closed gets err,
// or ErrClosed for nil. It waits for nothing.
func (l *Link) Close(err error) {
	if l.links.end(l, err) {
		l.links.crew.start(l.tell)
	}
}

// Shutdown ends the link in order: everything written until now is sent, then the
// sealed end, and when the peer has answered with its own the link is closed. What
// the peer sends meanwhile is still received. If ctx ends first the link
// is severed. It returns when the link has ended, with nil if that was in order.
// Within Receive it would wait for itself.
func (l *Link) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	idle := l.state == waiting && len(l.kept) == 0
	if l.state == live {
		l.seal(crypto.RecordEnd)
	}
	l.mu.Unlock()
	if idle {
		l.Close(nil) // nobody knows of it yet
	}
	l.relay.end() // the peer's is expected
	select {
	case <-l.done:
	case <-ctx.Done():
		l.Close(&Error{Reason: ErrTimeout, Cause: ctx.Err()})
	}
	if err := l.reason(); err.Reason != ErrClosed {
		return err
	}
	return nil
}

// Dismiss is Shutdown of a link whose peer is not listened to any more: what it still
// sends is read, within bounds, and thrown away.
func (l *Link) Dismiss(ctx context.Context) error {
	l.deaf.Store(true)
	return l.Shutdown(ctx)
}

// seal sends a record without a body. The caller holds l.mu.
func (l *Link) seal(t crypto.RecordType) {
	l.tr.record(t, nil)
	l.flush()
}

// reason gives why the link ended.
func (l *Link) reason() *Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// tell calls Closed. Who calls it was told so by the turnstile.
func (l *Link) tell() { l.receiver.Closed(l.reason()) }

// finish ends the link, which the Links has let go of already. When it gives true
// the caller must see to tell.
func (l *Link) finish(err error) bool {
	l.mu.Lock()
	if l.state == ended {
		l.mu.Unlock()
		return false
	}
	l.err = ending(err)
	l.err.Delivered = l.exposed
	l.state, l.kept = ended, nil
	if l.tr != nil {
		l.tr.fail(ErrClosed)
	}
	l.drained.Broadcast()
	l.tellBelow()
	close(l.done)
	l.mu.Unlock()
	l.cancel()
	l.relay.end()
	return l.turns.end()
}

// Stats are a link's counters. Bytes are counted as they crossed the transport,
// sealed and padded, without the first two messages of the handshake.
type Stats struct {
	BytesIn, BytesOut     uint64
	RecordsIn, RecordsOut uint64
	Flushes               uint64 // writes to the socket
	// RoundTrips counts how often data came after data had been written: each is an
	// answer that was waited for. The handshake, one more, is not counted.
	RoundTrips uint64
	Handshake  time.Duration // what the handshake took
	RemoteAddr string
}

// Stats gives the counters so far, of the link's present transport.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	t := l.tr
	l.mu.Unlock()
	s := Stats{RoundTrips: l.roundTrips.Load()}
	if t != nil {
		s.BytesIn, s.RecordsIn = t.in.bytes.Load(), t.in.records.Load()
		s.BytesOut, s.RecordsOut, s.Flushes = t.bytes.Load(), t.records.Load(), t.flushes.Load()
		s.Handshake, s.RemoteAddr = t.secured.Took, t.conn.RemoteAddr().String()
	}
	return s
}
