package vat

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
)

// Target is what verbs can be sent to: a *[Ref], or a *[Promise] of any type,
// whose outcome need not be known yet.
type Target interface {
	// Send sends verb with args, and gives at once a promise for the outcome.
	Send(verb string, args ...any) *Promise[any]
	// SendOnly sends verb with args, where the outcome does not matter; if it is a
	// failure, it goes to the vat's log.
	SendOnly(verb string, args ...any)

	// sendTo returns what to send to, with the machine right, and owner which
	// vat's that is, without it.
	sendTo() *captp.Ref
	owner() *core
}

// Ref is a reference to an object: near (of this vat), far (of another vat), a
// promise for one of these, or broken. Verbs can be sent to it in every state.
//
// Refs come from [Vat.Enliven], [Vat.Ref], and out of messages; the zero value is
// not one. All methods are safe for concurrent use.
type Ref struct {
	core *core
	*hold
}

// hold is the one holder that a Ref has of a reference in the machine.
type hold struct {
	ref      *captp.Ref // until released
	released atomic.Bool
	keep     keep // guarded by the machine right
	garbage  *garbage
	heals    *healing // nil, mostly: ref only holds it
}

// lost is called when the Ref was collected.
func (h *hold) lost() {
	if h.released.CompareAndSwap(false, true) {
		h.garbage.add(h.ref)
	}
}

// State says what is known of a reference.
//
//	PromiseRef ──▶ NearRef | FarRef ──▶ BrokenRef
//	    └───────────────────────────────────▲
//
// One of [Vat.Heal] is a promise again when its session ends.
type State int

// The states of a reference.
const (
	PromiseRef State = iota // it will be one of the others
	NearRef                 // an object of this vat
	FarRef                  // an object of another vat
	BrokenRef               // nothing, and why
)

// String returns the state's name: promise, near, far or broken.
func (s State) String() string {
	switch s {
	case PromiseRef:
		return "promise"
	case NearRef:
		return "near"
	case FarRef:
		return "far"
	case BrokenRef:
		return "broken"
	}
	return "unknown"
}

// newRef makes a Ref of one holder of r. The machine right is not needed.
func (c *core) newRef(r *captp.Ref) *Ref {
	x := &Ref{core: c, hold: &hold{ref: r, garbage: &c.garbage}}
	runtime.AddCleanup(x, (*hold).lost, x.hold)
	return x
}

// Ref returns a near reference to an object of this vat; o is a pointer to a
// struct that embeds [Object]. It is under no grant, so nothing revokes it. Errors:
// ErrOtherVat, ErrNotSendable, ErrClosed.
func (v *Vat) Ref(o any) (*Ref, error) {
	c := v.core
	obj, ok := o.(objecter)
	if !ok {
		return nil, fmt.Errorf("%w: %T does not embed vat.Object", ErrNotSendable, o)
	}
	h, err := c.host(obj)
	if err != nil {
		return nil, err
	}
	c.lock()
	defer c.leave()
	if c.refused != nil {
		return nil, c.refused
	}
	return c.newRef(h.ref(nil)), nil
}

// Send implements [Target].
func (r *Ref) Send(verb string, args ...any) *Promise[any] { return Send[any](r, verb, args...) }

// SendOnly implements [Target].
func (r *Ref) SendOnly(verb string, args ...any) { sendOnly(r, verb, args) }

func (r *Ref) sendTo() *captp.Ref {
	switch {
	case r.released.Load():
		return r.core.machine.BrokenRef(toWire(errReleased))
	case r.heals != nil:
		return r.heals.now
	}
	if r.keep != keepNone {
		r.heal(r.core)
	}
	return r.ref
}

func (r *Ref) owner() *core { return r.core }

// errReleased is what a send on a released reference breaks with.
var errReleased = coded("vat.released", "the reference was released")

// Release lets go of the reference: when all that led to the object have been, its
// vat is told. A released Ref is broken. References that are merely forgotten are
// released after the garbage collector has found them. Release more than once is
// the same as once.
func (r *Ref) Release() {
	if r.released.CompareAndSwap(false, true) {
		c := r.core
		c.lock()
		if c.holds() {
			c.hold(&heldRelease{r.hold})
		} else {
			r.ref.Release()
		}
		c.leave()
	}
}

// State returns the state of the reference at this moment.
func (r *Ref) State() State {
	c := r.core
	c.lock()
	defer c.unlock()
	switch r.sendTo().State() {
	case captp.Near:
		return NearRef
	case captp.Far:
		return FarRef
	case captp.Broken:
		return BrokenRef
	}
	return PromiseRef
}

// Promise gives a promise for the object that the reference leads to, which is fulfilled with a
// near or far reference to it: for [When] and the like, which take promises. It holds the
// object, whatever is done with r. A method that wants to wait for an argument takes it as a
// *Promise[*Ref] in the first place, which any reference can be given for.
func (r *Ref) Promise() *Promise[*Ref] {
	p := new(Promise[*Ref])
	r.core.lock()
	defer r.core.leave()
	p.name(r.core, r.sendTo().Retain())
	return p
}

// Via returns the vat to which what is sent on a far reference goes now: that of the object, or another
// one, which passed the reference and passes on what is sent. While it changes from one to the other, and
// for what is not far, ok is false. A promise that another vat is to settle counts as far.
func (r *Ref) Via() (id crypto.VatID, ok bool) {
	c := r.core
	c.lock()
	defer c.unlock()
	if s := r.sendTo().Session(); s != nil {
		return s.Tag().(*session).peer, true
	}
	return id, false
}

// Err returns why the reference is broken; nil if it is not.
func (r *Ref) Err() error {
	c := r.core
	c.lock()
	defer c.unlock()
	return fromWire(r.sendTo().Err())
}

// Vat returns the vat that holds the reference.
func (r *Ref) Vat() *Vat { return r.core.vat }

// String describes the reference for logs: its state, nothing that confers authority.
func (r *Ref) String() string { return "vat.Ref(" + r.State().String() + ")" }

// Await waits until the reference is no promise any more: it returns nil when it
// is near or far, and why when it is broken. Inside of a turn it returns
// ErrInTurn at once. Like a [Promise]'s, it stops waiting when ctx ends.
func (r *Ref) Await(ctx context.Context) error {
	c := r.core
	if inTurn() {
		return c.refuseInTurn("Ref.Await")
	}
	for {
		c.lock()
		ref := r.sendTo()
		if ref.State() != captp.Promise {
			err := fromWire(ref.Err())
			c.unlock()
			return err
		}
		w := c.waiter()
		watch := &refWaiter{w: w}
		ref.Retain().Watch(watch) // others may release r meanwhile
		c.leave()
		err := c.wait(ctx, w)
		c.lock()
		if err != nil && !watch.told {
			ref.Unwatch(watch)
		}
		ref.Release()
		if err != nil {
			c.leave()
			return err
		}
		c.free(w)
		c.unlock()
	}
}

// refWaiter wakes a goroutine when a reference changes.
type refWaiter struct {
	w    *waiter
	told bool
}

// Changed implements captp.Watcher.
func (w *refWaiter) Changed(*captp.Ref) {
	w.told = true
	signal(w.w.ch)
}

// WhenBroken has f run in a turn of the vat when the reference breaks: its session
// ended, or the promise that it was came to nothing, or it is near and was revoked.
// For a far one that was revoked f does not run, as the protocol cannot take back
// what is settled: each send on it breaks with ErrRevoked. If the reference is
// broken, f runs soon. It runs once at most.
//
// While this waits the reference is held; stop ends that. f does not run after a turn has
// called stop; one that calls it elsewhere may find that f runs at this moment. Stop after the end
// does nothing.
func (r *Ref) WhenBroken(f func(err error)) (stop func()) {
	c := r.core
	c.lock()
	defer c.leave()
	ref := r.sendTo()
	held := ref
	if r.heals != nil && ref == r.heals.now { // it has not been released
		held = r.ref
	}
	b := &brokenWatch{core: c, ref: held.Retain(), heals: r.heals, f: f}
	switch {
	case ref.State() == captp.Broken:
		b.tell(ref)
	case r.heals != nil:
		r.heals.watches = append(r.heals.watches, b)
	default:
		ref.Watch(b)
	}
	if c.holds() {
		c.hold(&heldBroken{b})
	}
	return b.stop
}

// brokenWatch is a WhenBroken. Its fields are guarded by the machine right.
type brokenWatch struct {
	core  *core
	ref   *captp.Ref  // nil: it waits no more
	heals *healing    // that has it among its watches; nil, mostly: ref has
	f     func(error) // nil: it was stopped
	err   error
}

// Changed implements captp.Watcher.
func (b *brokenWatch) Changed(r *captp.Ref) {
	if r.State() != captp.Broken {
		r.Watch(b) // a promise settled; what it settled to may yet break
		return
	}
	b.tell(r)
}

// tell has f run, for r is broken. Machine right.
func (b *brokenWatch) tell(r *captp.Ref) {
	b.err = fromWire(r.Err())
	b.core.garbage.add(b.ref)
	b.ref = nil
	b.core.turns.push(turn{job: b})
}

func (b *brokenWatch) stop() {
	b.core.lock()
	b.end()
	b.core.leave()
}

// end is stop. Machine right.
func (b *brokenWatch) end() {
	b.f = nil
	switch {
	case b.ref == nil:
		return
	case b.heals != nil:
		b.heals.unwatch(b)
	default:
		b.ref.Unwatch(b)
	}
	b.ref.Release()
	b.ref = nil
}

func (b *brokenWatch) run() {
	b.core.lock()
	f := b.f
	b.core.unlock()
	if f != nil {
		f(b.err)
	}
}

func (b *brokenWatch) fail(error) {} // nobody waits for it
