package vat

import "slices"

// An honest caller never meets a limit because the replies to it are large: they
// are not made faster than it takes them. What a session reads is fed to the
// machine only while few bytes wait to be written to it and few calls of its wait
// for their turn; else it is put aside, in order, and fed when that has changed.
// The socket is read all the while, so that two busy vats cannot wait for each
// other. Who does not read what it asked for fills its stash, and is fed all the
// same from then on: the machine's limits are for it.
const (
	highWater   = 1 << 20   // bytes unwritten from which on a session is not fed …
	lowWater    = 512 << 10 // … until no more than these are left
	stashPart   = 2         // a stash holds up to this part of the bytes granted for open calls
	stashMin    = 4 << 10   // the smallest and the
	stashMax    = 64 << 10  // largest piece of memory of a stash
	firstWindow = 16        // calls of a session that may await their turn, before sizes are known
)

// stash is what was read of a session's stream and not fed yet.
//
//	        no room                       drained, turns run, or too much
//	empty ───────────▶ filled (stashed) ───────────────────────────────▶ feeding, to empty
//
// While it is not empty, whatever is read goes behind it. Machine right.
type stash struct {
	chunks [][]byte // in order
	size   int      // bytes in them
	cost   int      // bytes that they take
}

// put copies b behind what is there.
func (q *stash) put(b []byte) {
	q.size += len(b)
	for len(b) > 0 {
		if n := len(q.chunks); n == 0 || len(q.chunks[n-1]) == cap(q.chunks[n-1]) {
			chunk := make([]byte, 0, min(max(len(b), stashMin), stashMax))
			q.chunks = append(q.chunks, chunk)
			q.cost += cap(chunk)
		}
		last := &q.chunks[len(q.chunks)-1]
		n := min(len(b), cap(*last)-len(*last))
		*last = append(*last, b[:n]...)
		b = b[n:]
	}
}

// took notes that all but rest of the first chunk is done with.
func (q *stash) took(rest []byte) {
	first := &q.chunks[0]
	q.size -= len(*first) - len(rest)
	q.cost -= cap(*first) - cap(rest)
	*first = rest
	if len(rest) == 0 {
		q.cost -= cap(rest)
		*first = nil
		q.chunks = q.chunks[1:]
	}
}

// pace is how fast a session is fed. Machine right.
type pace struct {
	window  int    // calls that may await their turn at a time; 0: firstWindow
	queued  int    // calls queued since the window began
	last    uint64 // the number of the turn of the last of them
	base    int    // total when the window began
	total   int    // bytes of output, ever
	taken   int    // bytes that flush has in its hands
	stalled bool   // not fed, for what is unwritten, until that is down at lowWater
	listed  bool   // in core.stashed
}

// renew begins a new window, of at most as many calls as are likely to fill the
// output to the mark, going by the last ones.
func (p *pace) renew(total int) {
	w := min(2*p.window, quantum)
	if each := (total - p.base) / p.queued; each > 0 {
		w = max(1, min(w, highWater/each))
	}
	p.window, p.queued, p.base = w, 0, total
}

// enqueued notes that a call of the session's was queued. Machine right.
func (s *session) enqueued() {
	s.pace.queued++
	s.pace.last = s.core.seq + uint64(s.core.turns.len())
}

// room returns how many messages the session may be fed now. Machine right, which
// it may give up for moments.
func (s *session) room() int {
	c, p := s.core, &s.pace
	if s.link == nil || s.captp.Err() != nil {
		return quantum
	}
	if p.window == 0 {
		p.window = firstWindow
	}
	if p.queued > 0 && c.finished >= p.last {
		p.renew(p.total + s.captp.OutLen())
	}
	if p.queued >= p.window || !s.drained() {
		return 0 // who runs those turns, writes, or is told by the link, resumes
	}
	return max(1, p.window-p.queued)
}

// backlog is how many bytes of output wait. Machine right.
func (s *session) backlog() int { return s.captp.OutLen() + s.pace.taken + s.waiting }

// drained reports whether the output has room, writing first if need be. If not,
// it sees to it that the worker is woken when it has. Machine right, which it
// may give up for moments.
func (s *session) drained() bool {
	p := &s.pace
	mark := highWater
	if p.stalled {
		mark = lowWater
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
		if !s.link.Below(lowWater, func() { signal(c.wake) }) {
			s.unsent(s.link.Buffered())
			signal(c.wake)
		}
	}
	return !p.stalled
}

// put puts b aside, and feeds what is too much. Machine right.
func (s *session) put(b []byte) {
	c := s.core
	if s.captp.Err() != nil || len(b) == 0 {
		return // behind the end of the session nothing counts
	}
	if !s.pace.listed {
		s.pace.listed = true
		c.stashed = append(c.stashed, s)
	}
	s.stash.put(b)
	for most := int(c.machine.Limits().OpenBytes) / stashPart; s.stash.size > most; {
		s.feedStash(quantum)
	}
	s.captp.Stashed(s.stash.cost)
}

// feedStash feeds up to max messages (0: all) of the stash's first chunk. Machine right.
func (s *session) feedStash(max int) {
	rest, err := s.captp.Receive(s.stash.chunks[0], max)
	s.stash.took(rest)
	if err != nil || s.stash.size == 0 {
		s.stash = stash{}
	}
	s.captp.Stashed(s.stash.cost)
	s.core.settle()
}

// resume feeds a quantum to every session that has something put aside and has
// room again, and reports whether there was one. Machine right, which it may
// give up for moments; others may resume then too.
func (c *core) resume() (fed bool) {
	for i := 0; i < len(c.stashed); {
		s := c.stashed[i]
		if s.stash.size == 0 {
			s.pace.listed = false
			c.stashed = slices.Delete(c.stashed, i, i+1)
			continue
		}
		if n := s.room(); n > 0 && s.stash.size > 0 {
			s.feedStash(n)
			fed = true
		}
		i++
	}
	return fed
}

// unstash feeds all that was put aside, because the link has ended; or drops it,
// if the vat is closed. Machine right.
func (s *session) unstash() {
	if s.core.refused != nil {
		s.stash = stash{}
	}
	s.unsent(0) // nobody holds it any more
	for s.stash.size > 0 {
		s.feedStash(0)
	}
	s.captp.Stashed(0)
}
