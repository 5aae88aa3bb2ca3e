package vat

import (
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/link"
)

// Limits are bounds against hostile or broken vats; zero fields mean the defaults,
// which honest ones do not meet, unless they have hundreds of streams that stand still (vat/stream, Memory).
type Limits struct {
	Sessions SessionLimits  // of connecting: handshakes, dials, deadlines
	Protocol ProtocolLimits // of each conversation: messages, tables, bytes
}

// SessionLimits bound what strangers and broken networks can do. For every field
// zero is the default. Figures are per vat.
type SessionLimits struct {
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

// ProtocolLimits bound what one peer, and all peers together, can make the vat hold
// or do. A zero field means its default. An honest peer meets none of them: it is
// told OpenCalls and OpenBytes in the handshake, and queues on its own side.
type ProtocolLimits struct {
	MaxMessage  int   // bytes of one message, segment table included; default 8 MiB
	MaxSegments int   // segments of one message; default 64
	Depth       int   // nesting of pointers in one message; default 64
	OpenCalls   int   // calls of a peer that were not returned yet: the credit granted in the handshake; default 4096
	OpenBytes   int64 // bytes of the messages of those calls, likewise granted; default 16 MiB
	SoftBytes   int64 // bytes held for a session, open calls not counted, from which on its new calls are refused as overloaded; default 16 MiB
	HardBytes   int64 // bytes held for a session, all counted, at which it is aborted; default 32 MiB. Answers for which there is no room long before that are lost: see ErrAnswerLost
	TotalBytes  int64 // bytes held for all sessions at which the largest are aborted, down to those that hold 64 KiB; default 192 MiB
	Exports     int   // references that one peer may hold; default 65536
	Imports     int   // references of one peer that this vat holds; default 65536
	Embargoes   int   // Disembargoes of ours that are under way to a peer at a time, others wait; default 256
	MaxPending  int   // local sends that wait (for credit, or on promises) beyond which new ones fail as overloaded; default Config.MaxPending
}

// link returns l as those who connect know it.
func (l SessionLimits) link() link.Limits { return link.Limits(l) }

// machine returns l as the machine knows it; its own sends are bounded by
// maxPending if l does not say otherwise.
func (l ProtocolLimits) machine(maxPending int) captp.Limits {
	if l.MaxPending == 0 {
		l.MaxPending = maxPending
	}
	return captp.Limits(l)
}
