package link

import (
	"errors"
	"sync"
	"time"
)

// relayState says who reads a link.
//
//	          Rest                 at the end of its Receive
//	standing ───────▶ retiring ──────────────────────────────▶ resting
//	 ▲ ▲ ▲     ReadOn  │    │ Lead                        Lead │ ▲ │
//	 │ │ └─────────────┘    └────────────▶ led ◀───────────────┘ │ │
//	 │ │                Leave, if more is   │ Leave              │ │
//	 │ │                wanted; or an error ├────────────────────┘ │
//	 │ └────────────────────────────────────┘                      │
//	 └─────────────────────────────────────────────────────────────┘
//	                      ReadOn, the link ends
type relayState uint8

const (
	standing relayState = iota // the reader goroutine
	retiring                   // … which rests as soon as its Receive returns
	resting                    // nobody
	led                        // a caller
)

// relay lets callers read in the place of a link's reader goroutine.
type relay struct {
	mu     sync.Mutex
	change sync.Cond // of what the reader goroutine or a caller waits for
	state  relayState
	away   bool // the reader goroutine rests
	wanted bool // led: the reader goroutine is to go on after that
	closed bool // a caller found that Closed is to be called
	stays  bool // the link ends: the reader goroutine is to see that to its end
}

// rest is called by the reader goroutine between two reads. It returns when that is
// to go on, with whether it is to call Closed instead.
func (r *relay) rest() (closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == standing {
		return false
	}
	if r.state == retiring {
		r.state = resting
	}
	r.away = true
	r.change.Broadcast()
	for r.state != standing {
		r.change.Wait()
	}
	r.away = false
	return r.closed
}

// enter returns when the reader goroutine has its hands off the transport.
func (r *relay) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.away {
		r.change.Wait()
	}
}

// readOn has the reader goroutine go on. The caller holds r.mu.
func (r *relay) readOn() {
	switch r.state {
	case retiring, resting:
		r.state = standing
		r.change.Broadcast()
	case led:
		r.wanted = true
	case standing:
	}
}

// end has the reader goroutine see to the end of the link.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stays = true
	r.readOn()
}

// Rest has the reader goroutine, which is within Receive, read no more after it: who
// waits for something may then read in its place. Whoever calls it must see to it
// that ReadOn is called when nobody comes, or anything is expected that nobody
// would read. It does nothing when the link is ending.
func (l *Link) Rest() {
	r := &l.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == standing && !r.stays {
		r.state = retiring
	}
}

// ReadOn has the reader goroutine read, now or when no caller does any more.
func (l *Link) ReadOn() {
	r := &l.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readOn()
}

// Lead makes the caller the one who reads, if the reader goroutine rests and nobody
// else does. It must then call ReadUntil, and Leave.
func (l *Link) Lead() bool {
	r := &l.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != retiring && r.state != resting {
		return false
	}
	r.state, r.wanted = led, false
	return true
}

// Until says when enough was read. It is asked before each read, and after Interrupt.
type Until interface{ Reached() bool }

// ReadUntil reads in the goroutine of the caller, who leads, and calls Receive there,
// until u is reached or there is a reason to leave it to the reader goroutine. It
// never calls Closed.
func (l *Link) ReadUntil(u Until) {
	l.relay.enter()
	l.mu.Lock()
	t := l.tr
	l.mu.Unlock()
	for {
		data, err := t.in.next(&l.links.limits, t.ping, t.pong, u)
		if err != nil {
			return // the reader goroutine will find the same, or u is reached
		}
		relief, ok := l.enter(false)
		if !ok {
			return
		}
		l.receiver.Receive(data)
		if _, closed := l.turns.leave(relief); closed {
			l.relay.mu.Lock()
			l.relay.closed = true
			l.relay.mu.Unlock()
			return
		}
	}
}

// Leave ends what Lead began. With rest nobody reads from then on, if nothing was
// wanted meanwhile; Leave gives whether that is so.
func (l *Link) Leave(rest bool) bool {
	r := &l.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state = resting; !rest || r.wanted || r.closed {
		r.readOn()
	}
	return r.state == resting
}

// Interrupt has a ReadUntil under way ask again whether enough was read.
func (l *Link) Interrupt() {
	l.mu.Lock()
	t := l.tr
	l.mu.Unlock()
	if t != nil {
		_ = t.conn.SetReadDeadline(time.Unix(1, 0)) // a closed connection needs none
	}
}

// errReached is what next gives when enough was read.
var errReached = errors.New("link: enough was read")
