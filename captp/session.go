package captp

import "github.com/vatnet/vatnet/internal/capn"

// Session is the machine's end of a conversation with one peer, from the first
// byte to the last.
//
//	         Disconnect, Abort, a broken rule
//	living ───────────────────────────────────▶ ended (Err)
//
// When it ends, everything in its tables is settled once: see end.
type Session struct {
	m         *Machine
	tag       any
	peer      string
	bootstrap *Ref // what the peer gets for Bootstrap
	tailCalls bool
	vat       string // the peer's id

	questions ownTable[question]
	answers   idTable[answer]
	exports   ownTable[exported]
	imports   idTable[imported]
	exportOf  map[*Ref]*exported
	gifts     map[uint32]*gift // of the peer's, by the question: see gifts.go
	embargoes map[uint32]*Ref

	embargoesToCome []embargoToCome

	nextEmbargo uint32
	highAnswer  uint32 // the highest question id that the peer has used …
	answered    bool   // … if any
	answerCalls int    // open calls of the peer's
	answerBytes int64  // … and the bytes of their messages
	leaving     []*imported

	granted   bool       // the peer has said what it takes: the session is up
	offered   bool       // the peer takes part in handoff, as this vat does …
	locations []string   // … and may be found there
	meeting   lines      // wait until it is up, and has room
	unsought  []*Handoff // of what the peer has passed, those that wait for others …
	handoffs  int        // … that are under way
	donations shares     // Provides that are open, of the questions, by the recipient
	picking   shares     // Accepts, of the questions, by the donor
	picked    int        // … of the peer's, of the answers
	owed      int        // Accepts that were given up, and have no Return yet …
	unsettled int        // … or one that names a promise

	grantCalls, openCalls int64 // the peer's credit, and what is taken of it
	mostOpen              int64 // the most of openCalls
	backCalls             int64 // open calls that came from the peer and go back to it
	grantBytes, openBytes int64
	questionBytes         int64 // of all questions, also of those that take no credit
	held                  []*held
	gaps                  int // entries of held that have left it
	sending               bool
	opening               bool // a promise that waited in the line is being resolved

	peerRoot *Call // the question for the peer's bootstrap object
	anchor   *Ref  // stands for the peer itself as a target

	partial []byte // of a message that has not arrived whole
	out     []byte // complete messages, to be written
	due     bool   // … some of which are waited for
	unsent  int    // bytes taken out that the transport has not got rid of
	stash   stash
	paused  bool // the driver wants no call
	charged int64
	booked  int64 // what of m.loose is this session's

	dirty   bool
	failing Ending // a rule was broken: ends as soon as the step is over
	err     *Error // ended
	remains remains
}

// SessionConfig says what a session is to be.
type SessionConfig struct {
	Peer      string // names the peer in errors; printable
	Bootstrap *Ref   // the object that the peer gets for Bootstrap; its holder passes; nil: none
	Tag       any    // the driver's own
	// TailCalls lets calls that come back to the peer leave their results there.
	// Not every Cap'n Proto implementation understands it.
	TailCalls bool
	// Vat is the peer's vat id, 32 bytes, by which others know it; "": it takes no part in handoff. See Offer.
	Vat string
}

// Connect begins a session. Until Grant, calls wait.
func (m *Machine) Connect(cfg SessionConfig) *Session {
	s := &Session{
		m: m, tag: cfg.Tag, peer: cfg.Peer, bootstrap: cfg.Bootstrap, tailCalls: cfg.TailCalls, vat: cfg.Vat,
		exportOf: make(map[*Ref]*exported), embargoes: make(map[uint32]*Ref),
		anchor: m.newRef(routeBroken),
	}
	m.sessions = append(m.sessions, s)
	return s
}

// Tag returns what SessionConfig had.
func (s *Session) Tag() any { return s.tag }

// Peer returns the name of the peer.
func (s *Session) Peer() string { return s.peer }

// Err returns why the session has ended, nil while it lives.
func (s *Session) Err() *Error { return s.err }

// Bootstrap returns the promise for the peer's bootstrap object; calls on it
// are pipelined. It is asked for once.
func (s *Session) Bootstrap() *Ref {
	if s.err != nil {
		return s.m.BrokenRef(s.err.as(NotDelivered))
	}
	if s.peerRoot == nil {
		c := s.m.newCall()
		c.bootstrap, c.held = true, true
		s.peerRoot = c
		s.ask(c, s.anchor)
	}
	return s.peerRoot.pipe("")
}

// ForgetBootstrap lets go of the peer's bootstrap object, to be asked for again
// when it is needed.
func (s *Session) ForgetBootstrap() {
	if c := s.peerRoot; c != nil {
		s.peerRoot = nil
		c.Done()
	}
}

// Idle reports whether nothing is under way in either direction, but for answers that nobody waits for any more to what
// handoff asked.
func (s *Session) Idle() bool {
	return s.questions.n == s.donations.all+s.owed && s.answers.n == 0 && len(s.held) == 0 && s.stash.n == 0 &&
		len(s.embargoes) == 0 // then none is to come
}

// Quiet reports whether the session is idle, and nothing is exported: unless it asks
// for the bootstrap object, the peer has nothing to say but about its own promises.
func (s *Session) Quiet() bool { return s.Idle() && s.exports.n == 0 && s.owed == 0 }

// OutLen returns how many bytes wait to be taken out. Releases join them when
// TakeDirty is called.
func (s *Session) OutLen() int { return len(s.out) }

// TakeOut returns the complete messages to be written, in order, and keeps
// spare's memory for the next ones.
func (s *Session) TakeOut(spare []byte) []byte {
	out := s.out
	s.out, s.due = spare[:0], false
	return out
}

// Due reports whether somebody may wait for what is to be written. If not, it is
// Finishes of calls that have returned, which may as well leave with the next
// message, if that comes soon.
func (s *Session) Due() bool { return s.due }

// Unsent tells how many of the bytes taken out are still on this side: they are
// held for the peer.
func (s *Session) Unsent(n int) {
	s.unsent = n
	s.checkBudget()
}

func (s *Session) touch() {
	if !s.dirty {
		s.dirty = true
		s.m.dirty = append(s.m.dirty, s)
	}
}

// fatal notes that the session must end for o.
func (s *Session) fatal(o Ending) {
	if s.failing == "" && s.err == nil {
		s.failing = o
		s.touch()
	}
}

// Receive takes bytes of the peer's in, in their order: up to max whole messages
// (0: all), and keeps a part of one. It returns what it did not take. With an
// error the session has ended, and an Abort stands in the output. While anything is
// put aside, Put is to be used.
//
// While the session is paused it stops in front of a call. One that did not come in
// one piece it puts aside.
//
// With a max it also stops in front of a call that is pipelined on one which an
// object of this vat has but has not answered: if the driver lets the object do so
// before it comes again with the rest, that call goes straight to where it is
// meant for. It need not; the first message is always taken.
func (s *Session) Receive(data []byte, max int) (rest []byte, err *Error) {
	for n := 0; len(data) > 0 && s.err == nil && (max == 0 || n < max); n++ {
		frame, after := s.nextFrame(data)
		if frame != nil {
			whole := &frame[0] == &data[0] // it can be left where it is
			switch {
			case s.paused && s.isCall(frame):
				if whole {
					return data, nil
				}
				kind, body, ok := s.look(frame)
				s.keep(frame, kind, body, ok)
				return after, nil
			case !s.receive(frame, max > 0 && n > 0 && whole):
				return data, nil
			}
			s.doneWith(frame)
		}
		data = after
		for s.m.Burying() && s.m.charged+s.m.loose > s.m.lim.TotalBytes {
			s.m.Bury() // what is to go anyhow goes before others have to
		}
		s.checkBudget()
		if s.failing != "" && s.err == nil {
			s.end(s.failing.ends(), true, false)
		}
	}
	return data, s.err
}

// doneWith gives up the memory in which frame was put together, if it was.
func (s *Session) doneWith(frame []byte) {
	if len(s.partial) != len(frame) || &s.partial[0] != &frame[0] {
		return
	}
	if s.partial = s.partial[:0]; cap(s.partial) > bufKeep {
		s.partial = nil
	}
}

// nextFrame cuts the next whole message off, keeping a part of one.
func (s *Session) nextFrame(data []byte) (frame, rest []byte) {
	lim := &s.m.lim
	if len(s.partial) == 0 {
		size, _, err := capn.FrameSize(data, lim.MaxSegments, lim.MaxMessage)
		switch {
		case err != nil:
			s.failFrame(err)
			return nil, nil
		case size > 0 && size <= len(data):
			return data[:size], data[size:]
		}
		s.partial = append(s.partial, data...)
		return nil, nil
	}
	for len(data) > 0 {
		size, need, err := capn.FrameSize(s.partial, lim.MaxSegments, lim.MaxMessage)
		if err != nil {
			s.failFrame(err)
			return nil, nil
		}
		if size > 0 {
			need = size
		}
		n := min(need-len(s.partial), len(data))
		if have := len(s.partial) + n; have > cap(s.partial) {
			// In the end it takes what it needs, and never twice of what is there.
			s.partial = append(make([]byte, 0, max(have, min(need, 2*have))), s.partial...)
		}
		s.partial = append(s.partial, data[:n]...)
		data = data[n:]
		if size > 0 && len(s.partial) == size {
			return s.partial, data
		}
	}
	return nil, nil
}

func (s *Session) failFrame(err error) {
	if err == capn.ErrTooBig {
		s.fatal(LimitMessage)
		return
	}
	s.fatal(ProtoMessage)
}

// Abort tells the peer why, and ends the session.
func (s *Session) Abort(err *Error) { s.end(err, true, false) }

// Disconnect ends the session because its transport is gone. neverSent says
// that nothing had left, so that no send can have been delivered.
func (s *Session) Disconnect(err *Error, neverSent bool) { s.end(err, false, neverSent) }
