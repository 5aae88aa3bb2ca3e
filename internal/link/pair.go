package link

import "encoding/binary"

// phase is where a pair of vats stands, seen from one of them.
//
//	         dial              claim               answer
//	idle ──────────▶ dialling ─────────▶ claimed ──────────▶ joined
//	 ▲ ▲                │ offer             │ offer             │ offer
//	 │ │                ▼ (adopt)           ▼ (adopt, replace)  ▼ (replace)
//	 │ │              joined              joined              joined
//	 │ └──── left ──────┴──── lost ─────────┴────── left ───────┘
//	 └ offer: joined
//
// Until claimed nothing of this vat's dial has left but what commits to nothing.
// A vat in claimed may have been accepted without knowing it yet.
type phase uint8

const (
	idle     phase = iota // no transport and no dial
	dialling              // a dial of ours is under way, message 3 not yet sent
	claimed               // its message 3 may have been sent, no answer yet
	joined                // a transport is the pair's: accepted by the one or the other
)

// verdict is what becomes of a transport that the peer offers by dialling.
type verdict uint8

const (
	refuse  verdict = iota // answer superseded; nothing of it is delivered
	hold                   // wait for the answer to our own dial; then decide
	adopt                  // accept; the pair's present link moves onto it
	replace                // accept; the pair's present link, if any, ends, a new one begins
)

// claims is what a side tells in its accept record, its first record on any
// transport: 16 bytes on the wire.
type claims struct {
	used uint64 // no dial of the sender up to this number may be accepted any more, but this transport's
	seen uint64 // the highest number of the receiver, in its present incarnation, that the sender accepted
}

const claimsSize = 16

func (c claims) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, c.used)
	return binary.BigEndian.AppendUint64(b, c.seen)
}

// parseClaims reads the body of an accept record. What follows the known fields
// belongs to later versions.
func parseClaims(b []byte) (claims, bool) {
	if len(b) < claimsSize {
		return claims{}, false
	}
	return claims{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, true
}

// offered is what a dial of the peer says about itself.
type offered struct {
	epoch   uint64 // the peer's incarnation
	session uint64 // the dial's number, from the peer's handshake
	seen    uint64 // from the peer's accept record
}

// pair decides, for one vat, which transport is the one of a pair. It is a value
// that is stepped, without clock or lock; the Links that owns it steps it.
//
// Two things make it right. Each side delivers from one transport at a time, and
// a side that changes never goes back: the numbers see to that. And a dialler
// may send its bytes a second time, on a transport of the peer's, because the peer
// reads from the one only if it never has read and never will read from the
// other: it had not accepted our dial when it made its own (seen), if it accepts
// ours it abandons its own, and if it reads our accept of its own it voids ours (used).
type pair struct {
	smaller bool // our vat id is the smaller one: on crossed dials ours survives
	phase   phase
	epoch   uint64 // the highest incarnation of the peer that we met
	void    uint64 // its dials up to this number, in that incarnation, are refused
	taken   uint64 // the highest of its dials that we accepted
	own     uint64 // the number of our dial, while dialling or claimed
}

// dial begins a dial with a number higher than any before. Only from idle.
func (p *pair) dial(number uint64) {
	p.phase, p.own = dialling, number
}

// claim commits to our dial: message 2 told the peer's incarnation, message 3 is
// about to leave. It gives what to tell the peer as seen, or false when the peer
// that answered is not its latest incarnation.
func (p *pair) claim(epoch uint64) (seen uint64, ok bool) {
	if epoch < p.epoch {
		return 0, false
	}
	p.meet(epoch)
	p.phase = claimed
	return p.taken, true
}

// answer takes the peer's accept of our dial.
func (p *pair) answer(c claims) {
	p.phase = joined
	p.void = max(p.void, c.used)
}

// left ends whatever there was: our dial failed before claim, it was refused or
// lost without an offer that waits, or the pair's transport ended.
func (p *pair) left() { p.phase = idle }

// offer judges a dial of the peer. After adopt or replace the pair is joined
// over it.
func (p *pair) offer(o offered) verdict {
	if p.stale(o) {
		return refuse
	}
	v := replace
	switch p.phase {
	case idle, joined:
	case dialling:
		v = adopt
	case claimed:
		switch {
		case o.epoch > p.epoch || o.seen >= p.own:
			// What our dial carried may have been delivered: to an incarnation that
			// is gone, or on a session that the peer has given up since.
		case p.smaller:
			return hold
		default:
			v = adopt
		}
	}
	p.take(o)
	return v
}

// release judges an offer that was on hold, now that our dial was refused or lost
// without an answer.
func (p *pair) release(o offered) verdict {
	if p.stale(o) {
		return refuse
	}
	p.take(o)
	return adopt
}

// stale tells that o is older than what we know of the peer.
func (p *pair) stale(o offered) bool {
	return o.epoch < p.epoch || o.epoch == p.epoch && o.session <= p.void
}

func (p *pair) take(o offered) {
	p.meet(o.epoch)
	p.phase, p.void, p.taken = joined, o.session, o.session
}

// meet notes the peer's incarnation. A new one counts its dials anew.
func (p *pair) meet(epoch uint64) {
	if epoch > p.epoch {
		p.epoch, p.void, p.taken = epoch, 0, 0
	}
}
