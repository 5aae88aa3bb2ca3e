package vat

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/vatnet/vatnet/captp"
)

// turn is one entry of the queue: the delivery of a call to an object, or a job.
type turn struct {
	call *captp.Call
	obj  *face    // what was called, under the grant of the reference
	args *waiting // arguments that had to be waited for; nil: none
	job  job
}

// job is a turn that is not a delivery: the callback of a When, a hook. run is
// called without the machine right.
type job interface{ run() }

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
	c.watch()
	return true
}

// release gives the turn right back. Machine right.
func (c *core) release() { c.held, c.holder, c.long = false, nil, false }

// runTurns runs turns until none is left. The caller has both rights; it lacks
// the machine right while user code runs.
func (c *core) runTurns() {
	for c.turns.len() > 0 {
		if c.refused != nil {
			c.refuse(c.refused) // closed: no turn begins any more
			return
		}
		c.stepLocked()
	}
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
		d.commit()
	}
	c.long, c.finished = false, c.seq
	c.settle()
}

// turnsRunning counts the turns that run in this process. While there are none,
// nobody who waits can be inside of one.
var turnsRunning atomic.Int32

// userTurn is the entry of every turn: inTurn looks for it among the callers. A
// panic of user code ends here.
//
//go:noinline
func (c *core) userTurn(d *delivery, j job) {
	turnsRunning.Add(1)
	ended := false
	defer func() {
		turnsRunning.Add(-1)
		if r := recover(); r != nil {
			if err := c.panicked(r); d != nil {
				d.fail(err)
			}
		} else if !ended {
			c.log.Error("vat: runtime.Goexit was called inside of a turn (by testing's FailNow?): the vat cannot go on",
				"stack", stack())
		}
	}()
	if d != nil {
		d.run()
	} else {
		j.run()
	}
	ended = true
}

var userTurnEntry = runtime.FuncForPC(reflect.ValueOf((*core).userTurn).Pointer()).Entry()

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
	return c.incident("a panic was contained", fmt.Sprint(r), "stack", string(debug.Stack()))
}

// incident logs something that must not be told to peers, and returns the error
// that is told: a fixed text, and the id under which the log has the rest.
func (c *core) incident(what, detail string, attrs ...any) error {
	id := rand.Text()[:12]
	c.log.Error("vat: "+what, append([]any{"incident", id, "detail", detail}, attrs...)...)
	return &Error{Code: "vat.internal", Text: "internal error; incident " + id, incident: true}
}
