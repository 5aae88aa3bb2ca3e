package link

import (
	"log/slog"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/outcome"
)

// Config says as whom a Links talks, and how. Identity and Handler are required.
type Config struct {
	Identity *crypto.Identity
	// Epoch numbers this incarnation of the vat and must be higher than that of any
	// earlier one: peers that met a higher one refuse this one. 0 takes the wall
	// clock in nanoseconds, which is right unless the clock was set back.
	Epoch uint64
	// Network is how others are reached; nil is TCP.
	Network Network
	// Credit is what this vat grants to each peer in the handshake.
	Credit crypto.Credit
	// Features are the feature bits of this vat's Hello.
	Features uint64
	// NoPadding turns the padding of records off.
	NoPadding bool
	// Advertise are the locations that Locations gives instead of what the listeners
	// give: "host:port", or "host" for that host with each listener's port.
	Advertise []string
	Limits    Limits
	Logger    *slog.Logger // nil discards
	Outcomes  *outcome.Log // how handshakes ended; nil: one of its own, to Logger
	Handler   Handler
}

// Limits bounds what strangers and broken networks can do to a vat. For every
// field zero is the default. Figures are per vat.
type Limits struct {
	KnockTimeout     time.Duration // until an incoming connection's message 1 is whole; default 5 s
	HandshakeTimeout time.Duration // for the whole handshake, and for the answer to it; default 10 s
	DialTimeout      time.Duration // for the connection under a handshake; default 10 s
	CrossedTimeout   time.Duration // for the answer, once a dial of the peer waits for it; default 3 s
	DialStagger      time.Duration // between the attempts on several hints; default 250 ms

	PingAfter    time.Duration // silence after which the peer is asked for a sign of life; default 15 s
	DeadAfter    time.Duration // silence after which it is dead; default 45 s
	WriteTimeout time.Duration // for 16 KiB to be taken by the socket; default 30 s

	Handshakes        int     // incoming handshakes under way at once; default 256
	HandshakesPerHost int     // of these, from one IPv4 address or IPv6 /64; default 16
	HandshakesPerSec  float64 // handshakes per second from one such; default 20
	HandshakesBurst   int     // and how many of them at once; default 40

	DialsPerSec float64       // connections dialled per second; default 50
	RedialMin   time.Duration // a dial after a failure waits up to this, doubled with each; default 100 ms
	RedialMax   time.Duration // and never longer than this; default 30 s

	Hints           int  // locations remembered for a peer; default 8
	RememberedPeers int  // peers without a link whose numbers are kept for a minute; default 4096
	RateLoopback    bool // apply the limits by address and the dial rate also to loopback
	DialPrivate     bool // dial also where other vats say that a vat is on a private network, or below port 1024
}

// Handler is told of sessions that peers began.
type Handler interface {
	// Open gives the Receiver for a session begun by the peer. It is called with
	// the Links locked: it may neither call the Links nor take a lock that somebody
	// holds while calling the Links, Link.Close or Link.Shutdown; it does best to
	// only make the Receiver. Link.Write, Link.Buffered, Link.Relieve and
	// Links.Locations do not need that lock.
	Open(l *Link) Receiver
}

// Receiver is told what happens to one link. Its methods are called one at a time
// (but see Link.Relieve), without any lock held, and may call the link.
type Receiver interface {
	// Up tells that the handshake is done, and what the peer said in it, its credit
	// included. It is called at most once, before any Receive. What it writes
	// leaves together with the end of the handshake.
	Up(peer crypto.Hello)
	// Receive takes the next bytes of the peer's stream, in order: all that
	// one read brought. They are valid only during the call, which may run long.
	// If user code that it runs ends the goroutine (runtime.Goexit), another one reads on.
	Receive(data []byte)
	// Closed is called exactly once, and last: after it no other call begins. err is
	// an *Error.
	Closed(err error)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// filled gives l with the defaults in place.
func (l Limits) filled() Limits {
	def(&l.KnockTimeout, crypto.KnockTimeout)
	def(&l.HandshakeTimeout, crypto.HandshakeTimeout)
	def(&l.DialTimeout, 10*time.Second)
	def(&l.CrossedTimeout, 3*time.Second)
	def(&l.DialStagger, 250*time.Millisecond)
	def(&l.PingAfter, 15*time.Second)
	def(&l.DeadAfter, 45*time.Second)
	def(&l.WriteTimeout, 30*time.Second)
	def(&l.Handshakes, 256)
	def(&l.HandshakesPerHost, 16)
	def(&l.HandshakesPerSec, 20)
	def(&l.HandshakesBurst, 40)
	def(&l.DialsPerSec, 50)
	def(&l.RedialMin, 100*time.Millisecond)
	def(&l.RedialMax, 30*time.Second)
	def(&l.Hints, 8)
	def(&l.RememberedPeers, 4096)
	return l
}
