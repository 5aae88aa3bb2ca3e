package vat

// flush writes what every session has to say, and ends sessions that the machine
// has ended. It gives the machine right up while it writes; writing never waits
// for a socket. Each session is written by one goroutine at a time: who finds
// another at it leaves the rest to that one. Machine right.
func (c *core) flush() {
	c.unwritten.Store(false)
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
	if !c.held && c.turns.len() > 0 {
		signal(c.wake) // a session that ended in here may have broken what was watched
	}
}

// takeDirty lists the sessions with something to write. Where nobody waits for it,
// which is so behind every row of pipelined calls, it is left for the next write or
// the steward's next tick. Machine right.
func (c *core) takeDirty() {
	c.scratch = c.machine.TakeDirty(c.scratch[:0])
	for i, d := range c.scratch {
		c.scratch[i] = nil
		s := d.Tag().(*session)
		if d.Due() || d.Err() != nil || d.OutLen() > maxLate || c.stir == nil {
			c.flushing = append(c.flushing, s)
		} else if d.OutLen() > 0 && !s.late {
			s.late = true
			c.late = append(c.late, s)
			c.watch()
		}
	}
}

// maxLate is how many bytes may be left for later.
const maxLate = 1 << 10

// writeLate writes what was left for later. Machine right.
func (c *core) writeLate() {
	if len(c.late) == 0 {
		return
	}
	for i, s := range c.late {
		s.late = false
		c.flushing = append(c.flushing, s)
		c.late[i] = nil
	}
	c.late = c.late[:0]
	c.flush()
}

// flush writes the session's bytes, if nobody else is at it. Machine right.
func (s *session) flush() {
	if s.writing || s.link == nil {
		return
	}
	c := s.core
	s.writing = true
	for s.captp.OutLen() > 0 {
		out := s.captp.TakeOut(s.spare)
		s.spare = nil
		s.pace.taken = len(out)
		s.pace.total += len(out)
		c.unlock()
		s.link.Write(out)
		unsent := s.link.Buffered()
		c.lock()
		if cap(out) <= maxSpare {
			s.spare = out[:0]
		}
		s.pace.taken = 0
		s.unsent(unsent)
		if s.stash.size > 0 {
			signal(c.wake) // it may be that there is room now
		}
	}
	s.writing = false
	if err := s.captp.Err(); err != nil && !s.ending {
		s.ending = true
		s.report(nil)
		c.outside = append(c.outside, func() { c.vat.hangUp(s.link) })
	}
}

// maxSpare is the size of the largest out-buffer that is used again.
const maxSpare = 64 << 10

// unsent tells the machine how many bytes still wait for the socket. Machine right.
func (s *session) unsent(n int) {
	s.captp.Unsent(n)
	s.behind, s.waiting = n > 0, n
}
