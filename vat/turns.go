package vat

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/vatnet/vatnet/captp"
)

// turn is one entry of the queue: the delivery of a call to an object, or a job.
type turn struct {
	call *captp.Call
	obj  *face    // what was called, under the grant of the reference
	args *waiting // arguments that had to be waited for; nil: none
	job  job
}

// job is a turn that is not a delivery: the callback of a When, a hook. Its methods are
// called without the machine right.
type job interface {
	run()
	fail(err error) // run panicked, or ended its goroutine
}

// turnQueue is a FIFO. One queue for all sessions: what one session delivers may
// have to follow what another did, so nothing here may overtake. Fairness comes
// from the quantum in which sessions are fed to the machine.
type turnQueue struct {
	ring  []turn // length is a power of two
	head  int
	count int
}

func (q *turnQueue) len() int { return q.count }

func (q *turnQueue) push(t turn) {
	if q.count == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.count)&(len(q.ring)-1)] = t
	q.count++
}

func (q *turnQueue) pop() (t turn, ok bool) {
	if q.count == 0 {
		return turn{}, false
	}
	p := &q.ring[q.head]
	t, *p = *p, turn{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.count--
	if q.count == 0 && len(q.ring) > 4096 {
		q.ring, q.head = nil, 0 // a burst is over
	}
	return t, true
}

func (q *turnQueue) grow() {
	ring := make([]turn, max(64, 2*len(q.ring)))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// take takes the turn right for the reader that f feeds, or for the worker (nil),
// if it is free. Machine right.
func (c *core) take(f *feed) bool {
	if c.held {
		return false
	}
	c.held, c.holder, c.long = true, f, false
	c.batches++
	if c.dur != nil {
		c.dur.runner.Store(goroutineNumber())
	}
	c.watch()
	return true
}

// release gives the turn right back. Machine right.
func (c *core) release() { c.held, c.holder, c.long = false, nil, false }

// runTurns runs turns until none is left. The caller has both rights; it lacks
// the machine right while user code runs.
func (c *core) runTurns() {
	for c.due() {
		if c.refused != nil {
			c.refuse(c.refused) // closed: no turn begins any more
			return
		}
		c.stepLocked()
	}
}

// due reports whether there are turns that may run. Machine right.
func (c *core) due() bool {
	return c.turns.len() > 0 && (c.dur == nil || !c.dur.full || c.refused != nil)
}

// step runs one turn, and reports whether there was one. The caller has the turn
// right and not the machine right.
func (c *core) step() bool {
	c.lock()
	defer c.leave()
	if c.turns.len() == 0 {
		return false
	}
	c.stepLocked()
	return true
}

// stepLocked runs the first turn of the queue. Both rights.
func (c *core) stepLocked() {
	t, _ := c.turns.pop()
	c.seq++
	if t.call == nil {
		c.unlock()
		c.userTurn(nil, t.job)
		c.lock()
	} else {
		if t.call.From() == nil {
			c.local--
			c.checkReady()
		}
		d := &c.current
		d.begin(c, t)
		c.unlock()
		c.userTurn(d, nil)
		c.lock()
	}
	c.endTurn()
}

// endTurn is the end of every turn. Both rights.
func (c *core) endTurn() {
	if d := &c.current; d.t.call != nil {
		from := d.t.call.From()
		if c.dur != nil {
			c.dur.retire(d)
		} else {
			d.commit()
		}
		if from != nil {
			from.Tag().(*session).turned()
		}
	} else if c.dur != nil {
		c.dur.retire(nil)
	}
	c.long, c.finished = false, c.seq
	c.settle()
}

// turnsRunning counts the turns that run in this process. While there are none,
// nobody who waits can be inside of one.
var turnsRunning atomic.Int32

// userTurn is the entry of every turn: inTurn looks for it among the callers. A
// panic of user code ends here; if it ends the goroutine, another one goes on.
//
//go:noinline
func (c *core) userTurn(d *delivery, j job) {
	turnsRunning.Add(1)
	ended := false
	defer func() {
		turnsRunning.Add(-1)
		if ended {
			return
		}
		r := recover()
		var err error
		if r != nil {
			err = c.panicked(r)
		} else {
			err = c.exited()
		}
		if c.dur != nil {
			c.dur.abort(err)
		}
		if d != nil {
			d.fail(err)
		} else {
			j.fail(err)
		}
		if r == nil {
			c.bequeath()
		}
	}()
	switch {
	case c.dur != nil:
		c.dur.run(d, j)
	case d != nil:
		d.run()
	default:
		j.run()
	}
	ended = true
}

// bequeath has another goroutine go on with the turns, for this one is about to end:
// user code has called runtime.Goexit, as testing's FailNow does. The caller has the
// turn right, and passes it. What read a link is replaced by the link (see
// link.Receiver), the worker by itself.
func (c *core) bequeath() {
	c.lock()
	if c.vat == nil {
		c.endTurn() // a stepped core; what was about to step it leaves
		return
	}
	c.stopReading()
	c.vat.goroutines.Add(1) // this one is waited for, so nobody has stopped waiting
	c.unlock()
	go func() {
		defer c.vat.goroutines.Done()
		c.lock()
		c.endTurn()
		if c.dur != nil {
			c.dur.runner.Store(goroutineNumber())
		}
		c.drive(&watch{start: time.Now()})
		c.release()
		c.leave()
	}()
}

var userTurnEntry uintptr

func init() { userTurnEntry = runtime.FuncForPC(reflect.ValueOf((*core).userTurn).Pointer()).Entry() }

// inTurn reports whether the calling goroutine is inside of a turn, of any vat.
func inTurn() bool {
	if turnsRunning.Load() == 0 {
		return false
	}
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if f := runtime.FuncForPC(pc - 1); f != nil && f.Entry() == userTurnEntry {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// panicked logs a panic of user code.
func (c *core) panicked(r any) error {
	if u, ok := r.(undoing); ok {
		return c.undone(u.error)
	}
	return c.incident("a panic was contained", fmt.Sprint(r), "stack", string(debug.Stack()))
}

// exited logs that user code has ended its goroutine.
func (c *core) exited() error {
	return c.incident("user code has ended its goroutine", "runtime.Goexit was called (by testing's FailNow?)", "stack", stack())
}

// incident logs something that must not be told to peers, and returns the error
// that is told: a fixed text, and the id under which the log has the rest.
func (c *core) incident(what, detail string, attrs ...any) error {
	id := rand.Text()[:12]
	c.log.Error("vat: "+what, append([]any{"incident", id, "detail", detail}, attrs...)...)
	return &Error{Code: "vat.internal", Text: "internal error; incident " + id, incident: true}
}
