package vat

import "context"

// A goroutine that makes one call after the other costs more to wake than all the
// rest of a call: the reader of its link does so, and on two processors another
// thread wakes for it. So after a row of such calls the reader rests, and who calls
// next reads the answer by itself: it leads. Between two of its calls nobody reads.
// That is right while nothing is expected of the peer, and it does not last: if no
// other call comes, the steward has the reader go on within two ticks; whatever else
// is sent has it go on at once. In such a row a send that is not waited for is
// likely to be followed by one that is, and is left for that to write, or for the
// steward.
//
// A leader feeds the machine and writes like everybody, but it is not the vat's:
// turns that it finds are the worker's.
const leadRow = 8 // calls in a row after which the reader rests

// leading is how a session is read. Machine right.
//
//	         a row of lone calls              lead
//	by its reader ─────────────▶ by nobody ◀─────────▶ by a caller
//	      ▲        readOn            │     its answer       │
//	      └──────────────────────────┴──────────────────────┘
type leading struct {
	row    int  // lone calls, one after the other, so far
	rests  bool // the reader rests, or is about to
	by     bool // a caller reads
	within bool // … and is within Receive
	listed bool // in core.unread
	ticks  int  // of the steward since then
}

// alone reports whether nothing is expected of the peer, but what one goroutine may
// be about to call. Machine right.
func (s *session) alone() bool {
	return s.core.awaiting.Load() <= 1 && s.captp.Quiet() && s.core.refused == nil
}

// lone is called by a reader at the end of its Receive, in which answered calls were
// answered for which somebody waited: behind a long enough row of lone ones it
// rests. Machine right.
func (s *session) lone(answered uint64) {
	l := &s.leading
	switch {
	case answered == 0 && !s.captp.Quiet(): // a part of an answer
		return
	case answered != 1 || !s.alone():
		l.row = 0
		return
	}
	if l.row++; l.row < leadRow || l.rests {
		return
	}
	l.rests = true
	s.link.Rest()
	s.unread()
}

// unread has the steward see to it that s is not without a reader for long. Machine
// right.
func (s *session) unread() {
	c, l := s.core, &s.leading
	l.ticks = 0
	if !l.listed {
		l.listed = true
		c.unread = append(c.unread, s)
	}
	c.watch()
}

// lead has w's goroutine read what answers its call, if the reader rests. Machine right.
func (s *session) lead(w *waiter) {
	l := &s.leading
	if !l.rests || l.by || !s.link.Lead() {
		return
	}
	l.by, w.leads = true, s
}

// readOn has the reader read. Machine right.
func (s *session) readOn() {
	l := &s.leading
	l.row, l.rests = 0, false
	s.link.ReadOn()
}

// handBack has the readers go on of sessions to which no caller came back for a whole
// tick, and reports whether there are others that nobody reads. Machine right.
func (c *core) handBack() (unread bool) {
	n := 0
	for _, s := range c.unread {
		l := &s.leading
		if l.ticks++; l.rests && !l.by && l.ticks > 1 {
			s.readOn()
		}
		if l.listed = l.rests && !l.by; l.listed {
			c.unread[n] = s
			n++
		}
	}
	clear(c.unread[n:])
	c.unread = c.unread[:n]
	return n > 0
}

// read reads for w until it is woken or ctx ends, or until that is better left to
// the reader.
func (w *waiter) read(ctx context.Context) {
	s := w.leads
	w.ctx = ctx
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, s.link.Interrupt)
		defer stop()
	}
	s.link.ReadUntil(w)
	c := s.core
	c.lock()
	w.leads, w.ctx = nil, nil
	l := &s.leading
	if l.by = false; s.link.Leave(s.alone()) {
		s.unread()
	} else {
		s.readOn()
	}
	c.unlock()
}

// Reached implements link.Until.
func (w *waiter) Reached() bool { return len(w.ch) > 0 || w.ctx.Err() != nil }

// wakeUp wakes who waits, also if it reads. Machine right.
func (w *waiter) wakeUp() {
	signal(w.ch)
	if s := w.leads; s != nil && !s.leading.within {
		s.link.Interrupt()
	}
}
