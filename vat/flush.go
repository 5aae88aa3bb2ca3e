package vat

import (
	"slices"

	"github.com/vatnet/vatnet/internal/link"
)

// flush writes what every session has to say, and ends sessions that the machine
// has ended. It gives the machine right up while it writes; writing never waits
// for a socket. Each session is written by one goroutine at a time: who finds
// another at it leaves the rest to that one. Machine right.
func (c *core) flush() {
	c.unwritten = false
	c.takeDirty()
	for len(c.flushing) > 0 {
		s := c.flushing[0]
		n := copy(c.flushing, c.flushing[1:])
		c.flushing[n] = nil
		c.flushing = c.flushing[:n]
		s.flush()
		c.settle()
		if len(c.flushing) == 0 {
			c.takeDirty() // while the right was given up, others may have left something
		}
	}
	if !c.held && c.due() {
		signal(c.wake) // a session that ended in here may have broken what was watched
	}
}

// takeDirty lists the sessions with something to write, but leaves for later what
// nobody waits for: what there is to say behind every row of pipelined calls.
// Machine right.
func (c *core) takeDirty() {
	c.scratch = c.machine.TakeDirty(c.scratch[:0])
	for i, d := range c.scratch {
		c.scratch[i] = nil
		s := d.Tag().(*session)
		if d.Due() || d.Err() != nil || d.OutLen() > maxLate || c.stir == nil {
			c.flushing = append(c.flushing, s)
		} else if d.OutLen() > 0 {
			c.writeLater(s)
		}
	}
}

// maxLate is how many bytes of what nobody waits for may be left for later.
const maxLate = 16 << 10

// writeLater has the steward write what s has to say, if nobody does before. Machine
// right.
func (c *core) writeLater(s *session) {
	if s.late == 0 {
		s.late = c.ticks + 2
		c.late = append(c.late, lateWrite{s, s.late})
		c.watch()
	}
}

// lateWrite is a session's turn in what the steward writes.
type lateWrite struct {
	s    *session
	tick uint64 // when; s.late if nobody has written it before
}

// writeLate writes what was left for later, at least a whole tick ago. Machine right.
func (c *core) writeLate() {
	c.ticks++
	n := 0
	for n < len(c.late) && c.late[n].tick <= c.ticks {
		if x := c.late[n]; x.s.late == x.tick {
			c.flushing = append(c.flushing, x.s)
		}
		n++
	}
	c.late = slices.Delete(c.late, 0, n)
	if len(c.flushing) > 0 {
		c.flush()
	}
}

// flush writes the session's bytes, if nobody else is at it. Machine right.
func (s *session) flush() {
	if s.writing || s.link == nil {
		return
	}
	c := s.core
	s.writing, s.late = true, 0
	if s.leading.rests && !s.leading.by && !s.captp.Quiet() {
		s.readOn()
	}
	for s.captp.OutLen() > 0 {
		out := s.captp.TakeOut(s.spare)
		s.spare = nil
		s.pace.taken = len(out)
		s.captp.Unsent(s.waiting + len(out))
		c.unlock()
		s.link.Write(out)
		unsent := s.link.Buffered()
		c.lock()
		if cap(out) <= maxSpare {
			s.spare = out[:0]
		}
		s.pace.taken = 0
		s.unsent(unsent)
		if s.captp.Kept() > 0 {
			signal(c.wake) // it may be that there is room now
		}
	}
	s.writing = false
	if err := s.captp.Err(); err != nil && !s.ending {
		s.ending = true
		s.report(nil)
		if l, ok := s.link.(*link.Link); ok {
			c.outside = append(c.outside, func() { c.vat.hangUp(l) })
		}
	}
}

// maxSpare is the size of the largest out-buffer that is used again.
const maxSpare = 64 << 10

// unsent tells the machine how many bytes still wait for the socket. Machine right.
func (s *session) unsent(n int) {
	s.captp.Unsent(n)
	s.behind, s.waiting = n > 0, n
}
