package vat

// flush writes what every session has to say, and ends sessions that the machine
// has ended. It gives the machine right up while it writes; writing never waits
// for a socket. Each session is written by one goroutine at a time: who finds
// another at it leaves the rest to that one. Machine right.
func (c *core) flush() {
	c.unwritten.Store(false)
	c.scratch = c.machine.TakeDirty(c.scratch[:0])
	for i, s := range c.scratch {
		c.flushing = append(c.flushing, s.Tag().(*session))
		c.scratch[i] = nil
	}
	for len(c.flushing) > 0 {
		s := c.flushing[0]
		n := copy(c.flushing, c.flushing[1:])
		c.flushing[n] = nil
		c.flushing = c.flushing[:n]
		s.flush()
		c.settle()
		if len(c.flushing) == 0 {
			// While the right was given up, others may have left something.
			c.scratch = c.machine.TakeDirty(c.scratch[:0])
			for i, d := range c.scratch {
				c.flushing = append(c.flushing, d.Tag().(*session))
				c.scratch[i] = nil
			}
		}
	}
	if !c.held && c.turns.len() > 0 {
		signal(c.wake) // a session that ended in here may have broken what was watched
	}
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
