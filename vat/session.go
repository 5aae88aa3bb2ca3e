package vat

import (
	"errors"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/link"
)

// session ties a link, which carries bytes between this vat and one other, to the
// machine's end of the conversation. It implements link.Receiver.
type session struct {
	core  *core
	link  carrier // nil in a stepped core, mostly
	peer  crypto.VatID
	aside bool // the peer has dialled a former id of this vat
	captp *captp.Session

	// Guarded by the machine right.
	writing bool    // somebody is in flush
	behind  bool    // when last looked at, bytes waited for the socket
	ending  bool    // the link is being ended
	closed  bool    // … and has; what it brought may be put aside still:
	last    *timer  // until then
	lost    error   // how the link ended
	late    uint64  // the steward's tick at which it is to be written; 0: none
	spare   []byte  // out-buffer to be used again
	feeds   []*feed // free ones
	waits   int     // promises among the arguments of its calls that are waited for
	waiting int     // bytes that the link had not got rid of when last looked at
	leading leading
	pace    pace
	former  bool // the peer goes by another id now
	heirs   successor
}

// carrier is what a session wants of its link.
type carrier interface {
	// Write hands bytes over; it never waits.
	Write(b []byte)
	// Buffered returns how many of them no socket has taken yet.
	Buffered() int
	// Below has f called once no more than n are buffered; false: so it is.
	Below(n int, f func()) bool
	// Relieve has another goroutine read on.
	Relieve() bool
	// Rest, ReadOn, Lead, ReadUntil, Leave and Interrupt are for callers that read in
	// the place of the reader: see lead.go.
	Rest()
	ReadOn()
	Lead() bool
	ReadUntil(u link.Until)
	Leave(rest bool) bool
	Interrupt()
}

// open makes the session for a link; it is called with the Links locked.
func (c *core) open(l *link.Link) *session {
	s := &session{core: c, link: l, peer: l.Peer(), aside: l.Self() != c.id}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(s)
	return s
}

// begin gives s its end of the conversation. Machine right.
func (c *core) begin(s *session) {
	loc := &locator{s: s}
	cfg := captp.SessionConfig{Peer: s.peer.Short(), Bootstrap: c.machine.Near(loc, nil), Tag: s}
	if !s.aside {
		cfg.Vat = string(s.peer[:]) // else there is no handoff: others know this vat by its present id
	}
	s.captp = c.machine.Connect(cfg)
	c.sessions = append(c.sessions, s)
}

// Up implements link.Receiver: the peer's credit is known.
func (s *session) Up(peer crypto.Hello) {
	c := s.core
	c.lock()
	s.former = peer.Features&crypto.FeatureFormer != 0
	if c.features&peer.Features&crypto.FeatureHandoff != 0 {
		s.captp.Offer(peer.Hints)
	}
	s.captp.Grant(peer.Credit.Calls, peer.Credit.Bytes)
	c.back(s.peer)
	// Whoever has the turn right may be long at it; what was waiting for this
	// moment should leave with the handshake.
	c.settle()
	c.flush()
	c.leave()
}

// Receive implements link.Receiver.
func (s *session) Receive(data []byte) {
	c := s.core
	c.lock()
	if s.behind && !s.writing {
		s.unsent(s.link.Buffered()) // what the peer has taken since is not held for it
	}
	var f *feed
	if n := len(s.feeds); n > 0 {
		f = s.feeds[n-1]
		s.feeds = s.feeds[:n-1]
	} else {
		f = &feed{s: s}
	}
	f.rest = data
	if s.leading.by { // the reader is not within Receive, or no more for long
		s.leading.within = true
		c.receive(f, false)
		return
	}
	c.receive(f, true)
}

// lastWords is for how long what a link has brought is still handled, in its session's
// turns, after the link has ended. There is more only if it is more than this vat can
// do; its sender cannot know what became of it in any case.
const lastWords = 5 * time.Second

// Closed implements link.Receiver: the link has ended, and everything that went
// through it breaks, once all that it brought has been handled.
func (s *session) Closed(err error) {
	c := s.core
	c.lock()
	defer c.leave()
	s.unsent(0) // nobody holds it any more
	if !s.ending {
		s.ending = true
		s.report(err)
	}
	s.closed, s.lost = true, err
	if s.captp.Kept() == 0 || c.refused != nil {
		s.disconnect()
		return
	}
	s.last = c.at(c.now().Add(lastWords), s.disconnect)
	signal(c.wake)
}

// disconnect breaks everything that went through the link, which has ended. Machine right.
func (s *session) disconnect() {
	c, err := s.core, s.lost
	c.stopTimer(s.last)
	why := linkError(err)
	if c.refused != nil {
		own := toWire(c.refused)
		why.Code, why.Reason = own.Code, own.Reason
	}
	s.captp.Disconnect(why, !link.Delivered(err))
	s.queueBehind()
	for i, x := range c.sessions {
		if x == s {
			c.sessions = append(c.sessions[:i], c.sessions[i+1:]...)
			break
		}
	}
	c.settle()
}

// report has the log told how the session ended: as the machine says, or else as
// the link does with err. Machine right.
func (s *session) report(err error) {
	c := s.core
	if own := s.captp.Err(); own != nil {
		c.outside = append(c.outside, func() {
			c.outcomes.Report("vat: session ended", string(own.Outcome), "peer", s.peer, "error", own)
		})
		return
	}
	attrs := []any{"peer", s.peer, "error", err}
	var cause *crypto.Error
	if errors.As(err, &cause) {
		attrs = append(attrs, "cause", cause.Code())
	}
	c.outside = append(c.outside, func() {
		c.outcomes.Report("vat: session ended", string(linkError(err).Outcome), attrs...)
	})
}

// The outcomes with which sessions could not be had.
var (
	outcomeUnreachable = captp.Ending(link.ErrUnreachable.Code())
	outcomeWrongVat    = captp.Ending(crypto.ErrWrongVat.Code())
)

// linkError is the machine's error for the end of a link. It has a fixed text: it
// may be told to other vats, whose calls were forwarded. The cause is for the log.
func linkError(err error) *captp.Error {
	e := &captp.Error{Kind: captp.Disconnected, Reason: captp.PeerGone.Text(), Outcome: captp.PeerGone}
	var l *link.Error
	switch {
	case errors.Is(err, crypto.ErrWrongVat):
		e.Outcome, e.Reason = outcomeWrongVat, crypto.ErrWrongVat.Error()
	case errors.As(err, &l):
		e.Outcome, e.Reason = captp.Ending(l.Code()), l.Reason.Error()
	}
	return e
}
