package vat

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/outcome"
)

// core is the vat without its goroutines: the protocol machine, the queue of
// turns, and what ties them to Go values. It is stepped: step runs one turn.
// Goroutines that belong to the vat only drive it (drive.go).
//
// Two rights rule it. The machine right is mu; it is held for moments, and never
// while user code runs. The turn right (held, holder) is had by one goroutine of
// the vat's at a time, and only it runs turns.
type core struct {
	mu      sync.Mutex // the machine right
	machine *captp.Machine
	turns   turnQueue
	current delivery // what the holder of the turn right works on

	held     bool   // somebody has the turn right
	holder   *feed  // whose reader has it; nil: the worker
	long     bool   // the turn that runs was seen to last
	seq      uint64 // turns begun
	finished uint64 // turns ended
	batches  uint64 // times that the turn right was taken

	after    []afterwards // to be done with the machine right, once the machine has returned
	outside  []func()     // to be done without it
	flushing []*session   // sessions with bytes to write, in the order in which they became so
	unread   []*session   // whose reader rests, and maybe no caller reads
	answered uint64       // answers for which somebody waited
	late     []lateWrite  // what may wait for the steward, in order
	ticks    uint64       // of the steward
	scratch  []*captp.Session
	anchors  map[*captp.Ref]weak.Pointer[anchor]
	calls    map[*captp.Call]*underway // calls that wait for arguments, or whose method took a context
	timers   timers
	second   *timer           // the machine's next; nil: it waits for nothing
	features uint64           // the bits of the Hello
	clock    func() time.Time // nil: time.Now
	sessions []*session
	mark     int        // see markOf
	stashed  []*session // those with something put aside
	passing  *session   // an answer has passed what is put aside of this one, and is being told
	table    swissTable
	formers  []*former // what the vat was before, the youngest first
	sameness sameness
	mending  []*healing // that wait for their next attempt
	misses   map[crypto.VatID]*misses
	refused  error         // why sends fail; nil while the vat is open
	drain    chan struct{} // not nil: Shutdown waits; closed when nothing is under way

	nonce     func() [32]byte  // nil: random ones
	strangers []*captp.Handoff // in a stepped core: whose hosts it is to meet

	complaints complaints
	maxPending int
	bare       bool          // a simulator drives it: no time is measured
	waits      int           // promises among the arguments of peers' calls that are waited for
	local      int           // turns queued by local sends
	ready      []readyWaiter // who waits in Ready
	waiters    []*waiter     // free ones
	awaiting   atomic.Int64  // goroutines in Await or Call
	unwritten  bool          // a caller is about to write what others have sent
	sent       atomic.Uint64 // sends that nobody waited for
	callers    sync.Pool     // free ones

	garbage  garbage
	stirred  bool          // the steward is awake
	wake     chan struct{} // wakes the worker; nil: the core is stepped
	stir     chan struct{} // wakes the steward
	done     chan struct{} // closed when nothing will ever settle again
	id       crypto.VatID
	vat      *Vat     // nil in a stepped core
	dur      *durable // nil: the vat has no store
	ledger   *ledger  // the same
	log      *slog.Logger
	outcomes *outcome.Log // how sessions ended
}

// afterwards is work that had to wait until the machine has returned.
type afterwards interface{ afterwards() }

// lock takes the machine right, and first of all lets go of what the garbage
// collector found.
func (c *core) lock() {
	c.mu.Lock()
	if c.garbage.any.Load() {
		c.sweep()
	}
}

// settle does what the machine's callbacks left to do. Machine right.
func (c *core) settle() {
	for i := 0; i < len(c.after); i++ {
		w := c.after[i]
		c.after[i] = nil
		w.afterwards()
	}
	c.after = c.after[:0]
}

// later queues w for the end of the current use of the machine right.
func (c *core) later(w afterwards) { c.after = append(c.after, w) }

// leave ends a use of the machine right. If nobody has the turn right it also
// writes what became due and sees to it that queued turns run; otherwise both are
// the holder's to do, unless its turn was seen to last.
func (c *core) leave() {
	c.settle()
	if !c.held && c.due() || c.machine.Burying() {
		signal(c.wake)
	}
	if !c.held || c.long {
		c.flush()
	}
	if c.drain != nil {
		c.checkIdle()
	}
	c.checkReady()
	c.unlock()
}

// leaveWaiting is leave for a goroutine that now waits for an answer. If others wait
// too, they were woken by the same batch and are about to send as well: what they
// say leaves in one write, by the first of them, who lets the others run.
func (c *core) leaveWaiting(w *waiter, call *captp.Call) {
	c.settle()
	if call != nil && c.awaiting.Load() == 1 {
		if s := call.Session(); s != nil {
			s.Tag().(*session).lead(w)
		}
	}
	if c.awaiting.Load() > 1 && (!c.held || c.long) {
		if !c.held && c.due() {
			signal(c.wake)
		}
		first := !c.unwritten
		c.unwritten = true
		c.unlock()
		if !first {
			return
		}
		runtime.Gosched()
		c.lock()
		if !c.unwritten {
			c.unlock()
			return // somebody has written it
		}
	}
	c.leave()
}

// leaveSoon is leave for a send that nobody waits for yet: the worker writes, and
// takes with it what is sent until it comes to that.
func (c *core) leaveSoon(call *captp.Call) {
	c.sent.Add(1)
	c.settle()
	if c.leaveLate(call) {
	} else if !c.held {
		signal(c.wake)
	} else if c.long {
		c.flush()
	}
	c.unlock()
}

// leaveLate leaves a send of somebody who makes one lone call after the other for
// that one to write, or the steward. Machine right.
func (c *core) leaveLate(call *captp.Call) bool {
	if call == nil || c.turns.len() > 0 {
		return false
	}
	x := call.Session()
	if x == nil {
		return false
	}
	s := x.Tag().(*session)
	if !s.leading.rests || s.leading.by || x.OutLen() > maxLate {
		return false
	}
	c.writeLater(s)
	return true
}

// unlock gives the machine right back and does what must be done without it.
func (c *core) unlock() {
	c.settle()
	c.keepTime()
	if len(c.outside) == 0 {
		c.mu.Unlock()
		return
	}
	fs := c.outside
	c.outside = nil
	c.mu.Unlock()
	for _, f := range fs {
		f()
	}
}

// signal wakes whoever waits on ch, or will; ch has room for one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // nil, or already signalled
	}
}

// garbage lists references whose Go owners were collected. Cleanups run outside
// of everything, so they only write here; the next use of the machine right
// releases them.
type garbage struct {
	mu    sync.Mutex
	any   atomic.Bool
	refs  []*captp.Ref
	moors []*captp.Ref // of anchors
	spare []*captp.Ref // to be filled next, instead of refs; guarded by the machine right
}

// spareGarbage is how many references a list of garbage may have room for to be used
// again.
const spareGarbage = 8 << 10

func (g *garbage) add(refs ...*captp.Ref) {
	g.mu.Lock()
	g.refs = append(g.refs, refs...)
	g.mu.Unlock()
	g.any.Store(true)
}

// sweep releases what garbage lists. Machine right.
func (c *core) sweep() {
	g := &c.garbage
	g.mu.Lock()
	refs, moors := g.refs, g.moors
	g.refs, g.moors, g.spare = g.spare, nil, nil
	g.any.Store(false)
	g.mu.Unlock()
	release(refs)
	for _, r := range moors {
		c.unmoor(r)
	}
	if cap(refs) <= spareGarbage {
		clear(refs)
		g.spare = refs[:0]
	}
}

// waiter is a goroutine outside of any turn that waits for something here.
type waiter struct {
	ch    chan struct{}   // has room for one
	next  *waiter         // who waits for the same promise
	leads *session        // it reads; not nil: see lead.go
	ctx   context.Context // … until this ends
}

// waiter takes one from the free list. Machine right.
func (c *core) waiter() *waiter {
	if n := len(c.waiters); n > 0 {
		w := c.waiters[n-1]
		c.waiters = c.waiters[:n-1]
		return w
	}
	return &waiter{ch: make(chan struct{}, 1)}
}

// free puts w back. Its channel must be empty and nobody may know it. Machine right.
func (c *core) free(w *waiter) {
	if len(c.waiters) < 256 {
		c.waiters = append(c.waiters, w)
	}
}
