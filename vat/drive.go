package vat

import (
	"runtime"
	"time"

	"github.com/vatnet/vatnet/internal/giveway"
)

// quantum is how many messages of one session are fed to the machine before
// their turns run and others get the machine right; fewer calls, if their turns take long.
const quantum = 64

// slice is for how long one goroutine feeds and runs turns before it steps aside for
// those who have had less, and for how long the turns of a quantum should take.
const slice = 100 * time.Microsecond

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
	w := watch{small: c.bare || len(f.rest) < smallRun}
	w.begin()
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
			f.s.paced(w.lap())
		} else if len(f.rest) > 0 {
			c.unlock()
			c.lock()
			w.lap()
		}
		if reader && len(f.rest) > 0 && w.over() {
			if mine {
				c.release()
			}
			c.stepAside()
			w.begin()
			mine = c.take(f)
		}
	}
	relieved := false
	if mine {
		c.drive(&w)
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

// stepAside lets others go on, those included that the network has something for. It
// gives the machine right up meanwhile; nobody has the turn right because of the caller.
func (c *core) stepAside() {
	if len(c.stashed) > 0 {
		signal(c.wake)
	}
	c.machine.Bury() // whatever the worker comes to
	c.leave()
	giveway.Yield()
	c.lock()
}

// drive runs turns, and feeds what was put aside, until neither is left to do, or it is
// somebody else's time: then the worker goes on with it. It reports whether there was
// anything. Both rights.
func (c *core) drive(w *watch) (some bool) {
	some = c.turns.len() > 0
	c.runTurns()
	if len(c.stashed) > 0 && w.small && !c.bare {
		w.small = false
		w.begin()
	}
	w.lap()
	for c.resume(w) {
		some = true
	}
	if len(c.stashed) > 0 && w.over() {
		signal(c.wake)
	}
	return some
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

// smallRun is how many bytes are so few that it is not worth a look at the clock
// how long they take.
const smallRun = 512

// watch measures how long one goroutine has been at work.
type watch struct {
	small       bool // it is not worth it
	start, last time.Time
}

func (w *watch) begin() {
	if !w.small {
		w.start = time.Now()
		w.last = w.start
	}
}

// lap gives the time since lap or begin were called last.
func (w *watch) lap() time.Duration {
	if w.small {
		return 0
	}
	before := w.last
	w.last = time.Now()
	return w.last.Sub(before)
}

// over reports whether the time is up, as of the last lap.
func (w *watch) over() bool { return w.last.Sub(w.start) > slice }

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

// work goes on with what has been put off, and runs turns if nobody else has the right to, until
// the time of w is over. It reports whether there was anything, and whether the end of a
// session has more for it. Machine right, which it gives up while turns run.
func (c *core) work(w *watch) (some, more bool) {
	c.fireTimers()
	more = c.machine.Bury()
	c.settle()
	if c.held {
		some = c.resume(nil)
	} else if (len(c.stashed) > 0 || c.due()) && c.take(nil) {
		some = c.drive(w)
		c.release()
		c.fireTimers()
	}
	return some, more
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
	var w watch
	for {
		c.lock()
		w.begin()
		_, more := c.work(&w)
		if more {
			signal(c.wake)
		}
		if wait, ok := c.nextTimer(); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		c.leave()
		if more || w.over() {
			giveway.Yield()
		}
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
