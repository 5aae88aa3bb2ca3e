package vat

import (
	"runtime"
	"time"
)

// quantum is how many messages of one session are fed to the machine before
// their turns run and others get the machine right.
const quantum = 64

// feed is one run of bytes from a link's reader.
type feed struct {
	s    *session
	rest []byte // not yet fed; guarded by the machine right
}

// receive feeds data to the machine, quantum by quantum, while its session has room
// for what comes of it; the rest is put aside. If nobody has the turn right it
// takes it, runs the turns that result, and writes once at the end; else who has it
// will. A caller that reads for itself never takes it. The caller has the machine
// right; receive gives it back.
func (c *core) receive(f *feed, reader bool) {
	mine := reader && c.take(f)
	answered := c.answered
	for len(f.rest) > 0 {
		if kept := f.s.captp.Kept; kept() > 0 || !f.s.room() || kept() > 0 { // room may give up the right
			f.s.put(f.rest)
			f.rest = nil
			break
		}
		c.feed(f, quantum)
		if !mine && reader && c.turns.len() > 0 {
			mine = c.take(f)
		}
		if mine {
			c.runTurns()
		} else if len(f.rest) > 0 {
			c.unlock()
			c.lock()
		}
	}
	relieved := false
	if mine {
		c.drive()
		relieved = c.holder != f
		c.release()
	}
	if !reader {
		f.s.leading.within = false
	} else if !relieved && f.s.link != nil {
		f.s.lone(c.answered - answered)
	}
	f.rest = nil
	f.s.feeds = append(f.s.feeds, f)
	c.leave()
}

// drive runs turns, and feeds what was put aside, until neither is left to do. Both rights.
func (c *core) drive() {
	c.runTurns()
	for c.resume() {
		c.runTurns()
	}
}

// feed gives the machine up to max messages of f. Machine right.
func (c *core) feed(f *feed, max int) {
	rest, err := f.s.captp.Receive(f.rest, max)
	f.rest = rest
	if err != nil {
		f.rest = nil // the session has ended; what followed does not count
	}
	f.s.list()
	c.settle()
}

// linger lets whoever is in the middle of a row of sends get to its end, which
// takes microseconds, so that they leave in one write: by the worker, or by who
// then waits for an answer. Being counted in yields and not in time, it ends.
func (c *core) linger() {
	for range 8 {
		before := c.sent.Load()
		for range 8 {
			runtime.Gosched()
		}
		if c.sent.Load() == before {
			return
		}
	}
}

// worker runs the turns that nobody else is there to run: those that sends and
// resolutions from outside queued. It also keeps the timers.
func (v *Vat) worker() {
	c := v.core
	stopped := false
	defer func() {
		if !stopped { // user code has ended this goroutine: see bequeath
			v.goroutines.Go(v.worker)
		}
	}()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		c.lock()
		c.fireTimers()
		fed := c.resume()
		if (fed || c.turns.len() > 0) && c.take(nil) {
			c.drive()
			c.release()
			c.fireTimers()
		}
		if wait, ok := c.nextTimer(); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		c.leave()
		select {
		case <-c.wake:
			c.linger()
		case <-timer.C:
		case <-v.stop:
			stopped = true
			return
		}
	}
}
