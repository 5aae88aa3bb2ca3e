package vat

import (
	"math"
	"slices"
	"time"

	"github.com/vatnet/vatnet/captp"
)

// An honest caller never meets a limit because the replies to it are large: they
// are not made faster than it takes them. A session's calls are fed to the machine
// only while few bytes wait to be written to it, and no more at a time than there
// would be room for the largest of replies; what comes behind that is put aside, in
// the machine (captp, Session.Put), until turns have run and bytes have left. The
// socket is read all the while, so that two busy vats cannot wait for each other. Who
// does not read what it asked for has more and more put aside, and is fed all the
// same from some point on: the machine's limits are for it.
//
// Of what is put aside the answers to this vat's own calls are taken at once, for
// they may be large, and somebody may wait for them. What runs in a turn sees
// everything in its order all the same: the turns of those Whens have their place
// behind the calls that the answers passed.

// highWater is how many bytes of a session may wait to be written while it is fed. If
// there are more it is not, until only half of that is left.
const highWater = 1 << 20

// markOf is highWater, or less if limits are low.
func markOf(lim captp.Limits) int {
	return int(min(highWater, lim.SoftBytes/2, lim.HardBytes/8))
}

// pace is how fast a session is fed. Machine right.
//
//	        no room                          drained, turns run, or too much
//	empty ───────────▶ something put aside ───────────────────────────────▶ fed, to empty
type pace struct {
	most    int     // calls that may await their turn at a time
	window  int     // … as far as time goes; less than fewest: those
	ran     int     // turns since the time was looked at
	queued  int     // those that do
	taken   int     // bytes that flush has in its hands
	stalled bool    // not fed, for what is unwritten, until that is down at half of the mark
	listed  bool    // in core.stashed
	fed     uint64  // messages that were put aside and fed since, ever
	behind  []place // turns that have their place behind what is put aside
}

// place is a turn that is queued when so many messages have been fed.
type place struct {
	job job
	fed uint64
}

// pushJob queues a turn that is no delivery. Machine right.
func (c *core) pushJob(j job) {
	if s := c.passing; s != nil {
		if n := s.captp.Kept(); n > 0 {
			s.pace.behind = append(s.pace.behind, place{j, s.pace.fed + uint64(n)})
			return
		}
	}
	c.turns.push(turn{job: j})
}

// enqueued notes that a call of the session's awaits its turn. Machine right.
func (s *session) enqueued() {
	if p := &s.pace; s.link != nil {
		if p.queued++; p.queued >= p.most {
			s.captp.Pause(true)
		}
	}
}

// turned notes that it has had it. Machine right.
func (s *session) turned() {
	if s.link != nil {
		s.pace.queued--
		s.pace.ran++
	}
}

// fewest is how many calls may await their turn at a time, however long turns take. With
// one, the next would wait for its Return, and a peer that must not send it before that
// would not be found out.
const fewest = 2

// paced fits the calls that may await their turn at a time into a slice, going by the
// last turns, which took d (zero: too little to look). Machine right.
func (s *session) paced(d time.Duration) {
	p := &s.pace
	if p.ran == 0 {
		return
	}
	w := min(2*max(fewest, p.window), quantum)
	if each := d / time.Duration(p.ran); each > 0 {
		w = min(w, int(slice/each))
	}
	p.window, p.ran = w, 0
}

// room reports whether the session may be fed now. Machine right, which it may give
// up for moments.
func (s *session) room() bool {
	p := &s.pace
	if s.link == nil || s.captp.Err() != nil {
		return true
	}
	if !s.drained() {
		return false // who writes, or is told by the link, resumes
	}
	p.most = max(1, min(s.captp.Room(), max(fewest, p.window)))
	if p.queued >= p.most {
		return false // who runs those turns resumes
	}
	s.captp.Pause(false)
	return true
}

// backlog is how many bytes of output wait. Machine right.
func (s *session) backlog() int { return s.captp.OutLen() + s.pace.taken + s.waiting }

// drained reports whether the output has room, writing first if need be. If not,
// it sees to it that the worker is woken when it has. Machine right, which it
// may give up for moments.
func (s *session) drained() bool {
	p := &s.pace
	mark := s.core.mark
	if p.stalled {
		mark /= 2
	}
	if s.backlog() > mark {
		if s.captp.OutLen() > 0 {
			s.flush()
		}
		if !s.writing {
			s.unsent(s.link.Buffered())
		}
	}
	p.stalled = s.backlog() > mark
	if p.stalled && !s.writing { // else flush wakes the worker
		c := s.core
		if !s.link.Below(s.core.mark/2, func() { signal(c.wake) }) {
			s.unsent(s.link.Buffered())
			signal(c.wake)
		}
	}
	return !p.stalled
}

// put puts b aside, and feeds what is too much. Machine right.
func (s *session) put(b []byte) {
	c := s.core
	for len(b) > 0 && s.captp.Err() == nil { // behind the end of the session nothing counts
		b, _ = s.captp.Put(b)
		c.passing = s
		c.settle()
		c.passing = nil
	}
	s.list()
	for s.captp.Pressed() {
		s.pace.most = math.MaxInt
		s.captp.Pause(false)
		s.feedKept(quantum)
	}
}

// list sees to it that what is put aside is fed some time. Machine right.
func (s *session) list() {
	if s.captp.Kept() > 0 && !s.pace.listed {
		s.pace.listed = true
		s.core.stashed = append(s.core.stashed, s)
	}
}

// feedKept feeds up to max messages (0: all) that were put aside, and queues the turns
// whose place is behind them. Machine right.
func (s *session) feedKept(max int) {
	p := &s.pace
	if len(p.behind) > 0 {
		if n := int(p.behind[0].fed - p.fed); max == 0 || n < max {
			max = n
		}
	}
	before := s.captp.Kept()
	_ = s.captp.Resume(max) // how the session ended is asked for where it matters
	p.fed += uint64(before - s.captp.Kept())
	s.core.settle()
	s.queueBehind()
}

// queueBehind queues the turns behind whose place nothing is put aside any more.
// Machine right.
func (s *session) queueBehind() {
	p := &s.pace
	for len(p.behind) > 0 && (p.behind[0].fed <= p.fed || s.captp.Kept() == 0) {
		s.core.turns.push(turn{job: p.behind[0].job})
		p.behind[0] = place{}
		p.behind = p.behind[1:]
	}
}

// resume feeds a quantum to each session that has something put aside and has room
// again, one after the other, and reports whether there was one. With w the caller has
// the turn right, and the turns that result are run, until the time of w is over; who
// comes next is the first another time. Machine right, which it may give up for moments;
// others may resume then too.
func (c *core) resume(w *watch) (fed bool) {
	for i := 0; i < len(c.stashed) && (w == nil || !w.over()); {
		s := c.stashed[0]
		c.stashed = slices.Delete(c.stashed, 0, 1)
		now := s.captp.Kept() > 0 && s.room() && s.captp.Kept() > 0
		if now {
			s.feedKept(quantum)
			fed = true
		}
		if s.pace.listed = s.captp.Kept() > 0; s.pace.listed {
			c.stashed = append(c.stashed, s)
			i++
		} else {
			s.queueBehind() // the session may have ended
			if s.closed {
				s.disconnect()
			}
		}
		if now && w != nil {
			c.runTurns()
			s.paced(w.lap())
		}
	}
	return fed
}
