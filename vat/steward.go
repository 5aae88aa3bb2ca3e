package vat

import "time"

const (
	stewardTick = time.Millisecond
	stewardIdle = 50 // ticks without a batch after which the steward sleeps
	longBatch   = 4  // ticks after which a batch of short turns counts as long
)

// steward watches over long turns. Who has the turn right writes only when its
// batch is over, and while it is a link's reader nobody reads that link. If a turn
// takes longer than a tick, the steward writes what is due, has the link read by
// another goroutine, and lets everybody write for himself until the turn is over.
// It also writes what nobody waits for, and has links read on that no caller reads
// any more. It sleeps while the vat does nothing.
func (v *Vat) steward() {
	c := v.core
	ticker := time.NewTicker(stewardTick)
	ticker.Stop()
	defer ticker.Stop()
	for {
		select {
		case <-c.stir:
		case <-v.stop:
			return
		}
		ticker.Reset(stewardTick)
		var p patrol
		for awake := true; awake; {
			select {
			case <-ticker.C:
				awake = p.tick(c)
			case <-v.stop:
				return
			}
		}
		ticker.Stop()
	}
}

// watch sees to it that the steward is awake. Machine right.
func (c *core) watch() {
	if !c.stirred && c.stir != nil {
		c.stirred = true
		signal(c.stir)
	}
}

// patrol is what the steward remembers between two ticks.
type patrol struct {
	batch, seq uint64
	same       int // ticks that the batch has lasted
	idle       int // ticks since the last batch
}

// tick looks once, and reports whether to look again.
func (p *patrol) tick(c *core) bool {
	c.lock()
	// The worker, whose the timers are, may be in a long turn: grants expire all the same.
	if fired := c.fireTimers(); fired || c.drain != nil {
		defer c.leave()
	} else {
		defer c.unlock() // what others have yet to write is theirs
	}
	c.writeLate()
	unread := c.handBack()
	if !c.held {
		if p.batch == c.batches {
			p.idle++
		} else {
			p.idle, p.batch = 0, c.batches
		}
		p.same = 0
		if p.idle >= stewardIdle && !unread && len(c.late) == 0 {
			c.stirred = false // see watch
			return false
		}
		return true
	}
	p.idle = 0
	c.machine.Bury() // the worker may be in a long turn
	c.settle()
	if p.batch != c.batches {
		p.batch, p.seq, p.same = c.batches, c.seq, 0
		return true
	}
	p.same++
	stuck := p.seq == c.seq
	p.seq = c.seq
	if stuck || p.same >= longBatch {
		c.long = stuck
		if p.same >= longBatch {
			p.same = 0
		}
		c.relieve()
	}
	return true
}

// relieve does for the holder of the turn right what it cannot do while user code
// runs: feed the rest of what it read, as far as there is room, write, and have its
// link read on.
// Machine right.
func (c *core) relieve() {
	if f := c.stopReading(); f != nil {
		// With the machine right, so that the reader is still in its Receive.
		f.s.link.Relieve()
	}
	for c.resume(nil) {
	}
	c.flush()
}

// stopReading takes from the holder of the turn right, if it is a link's reader, the
// part of it: what it has read and not fed is put aside. It returns what the reader
// fed, nil if the holder is none. Machine right.
func (c *core) stopReading() *feed {
	f := c.holder
	if f != nil {
		f.s.put(f.rest)
		f.rest = nil
		c.holder = nil
	}
	return f
}
