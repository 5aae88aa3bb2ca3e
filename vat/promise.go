package vat

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
)

// Promise is the outcome of a send, of a turn to come, or of a [Resolver]: a
// value of type T, later, or an error. A promise settles once.
//
// It is a [Target]: sends to it travel at once, without waiting for it, to
// wherever the outcome will be. It can be an argument and a result of sends. [When]
// runs a turn when it settles; Await waits, outside of any turn. Every one who
// asks gets his own copy of the value, converted to T as it is asked for.
//
// Promises come from this package; the zero value is not one. All methods are
// safe for concurrent use.
type Promise[T any] struct{ promise }

// anyPromise is implemented by *Promise[T] for every T.
type anyPromise interface {
	base() *promise
	valueType() reflect.Type
}

func (p *Promise[T]) valueType() reflect.Type { return reflect.TypeFor[T]() }

func (p *promise) base() *promise { return p }

// promiseState is where a promise is on its way; settled states are final.
//
//	pending ──▶ fulfilled
//	   └──────▶ broken
type promiseState uint8

const (
	pending promiseState = iota
	fulfilled
	broken
)

// promise is a Promise without its type. Its fields are guarded by its vat's
// machine right; those of a settled one do not change any more.
type promise struct {
	core   *core
	state  promiseState
	named  bool   // it stands for a reference, which is pipe
	lazy   bool   // … and what that settles to has not been asked for
	solo   bool   // nobody will send to it
	waited bool   // its sender waits for it
	bound  bool   // its resolver has been used
	owns   bool   // the holders in caps are p's alone, for as long as p lives
	verb   string // sent; "" if it is not the outcome of a send

	call *captp.Call // outcome of a send, while pending
	lead *promise    // settles as this one does
	pipe *captp.Ref  // what sends go to, once one was made; one holder

	flat []byte       // fulfilled: the results (ref, value), a flat segment; nil is null
	caps []*captp.Ref // fulfilled: their capabilities, one holder each
	room room         // for the above, if they are small
	fail *carried     // broken: why; the wire's form may be still to be made, of an error that is not of user code

	anchor  *anchor         // has the holders of caps, with others
	cleanup runtime.Cleanup // has what p holds by itself released when p is collected
	first   *waiter         // of those who wait; the others are behind it
	watch   []watcher       // nil: one that was taken back
	gaps    int             // of these
}

// room is where the results of most promises fit, a reference or a few numbers.
type room struct {
	flat [48]byte
	caps [1]*captp.Ref
}

// watcher is told, with the machine right, that a promise has settled.
type watcher interface{ settled(p *promise) }

// sink is a promise as the captp.Sink of its send.
type sink promise

// Settled implements captp.Sink: the outcome of the send is there.
func (s *sink) Settled(call *captp.Call, out captp.Outcome) {
	p := (*promise)(s)
	if p.state != pending { // smashed meanwhile
		p.call = call
		p.core.later(p)
		return
	}
	if out.Err != nil {
		p.state, p.fail = broken, &carried{error: sendFailed(out.Err)}
	} else {
		p.state = fulfilled
		if p.solo && !p.waited {
			out = captp.Outcome{} // a SendOnly: nobody will ask
		}
		if out.Content.IsNull() {
			p.flat = nil
		} else {
			flat, err := capn.FlattenOnce(p.roomFor(out.Content.MessageBytes()), out.Content)
			if err != nil {
				p.state, p.fail = broken, &carried{error: fmt.Errorf("%w: %w", ErrBadResult, err)}
			}
			p.flat = flat
		}
		if p.state == fulfilled && len(out.Caps) > 0 {
			p.caps = append(p.room.caps[:0], out.Caps...)
			retain(p.caps)
			p.owns = !p.waited
		}
	}
	p.call = call // also when Send has not returned yet
	p.core.later(p)
}

// roomFor returns room for the results in a message of so many bytes, to be grown if
// need be. Of a large message they are likely to be the most part.
func (p *promise) roomFor(bytes int) []byte {
	switch {
	case bytes > 1<<10 && bytes > cap(p.flat):
		return make([]byte, 0, min(bytes, maxPooled))
	case p.flat == nil:
		return p.room.flat[:0]
	}
	return p.flat[:0]
}

// afterwards implements afterwards: it tells who waits for p, and gives the call back.
func (p *promise) afterwards() {
	if p.call != nil {
		p.call.Done()
		p.call = nil
		p.shed()
		p.moor()
		p.collect()
	}
	first := p.first
	p.first = nil
	first.wakeOthers()
	watch := p.watch
	p.watch, p.gaps = nil, 0
	for _, w := range watch {
		if w != nil {
			w.settled(p)
		}
	}
	if first != nil {
		p.core.answered++
		first.wakeUp() // last: a caller uses p again at once
	}
}

// shed lets go of what sends to p went to while it was pending, if it is no other
// way than to its result. So most of the pipelined sends of a chain are over with
// their promises' outcomes, not when these are collected. Machine right.
func (p *promise) shed() {
	if p.pipe == nil || !p.owns {
		return
	}
	if r := p.resultIs(); r != nil && r.Settled() == p.pipe.Settled() {
		p.pipe.Release()
		p.pipe = nil
	}
}

// kept is what a promise holds of the machine's references: mostly one.
type kept struct {
	garbage *garbage
	ref     *captp.Ref
}

func (k kept) release() { k.garbage.add(k.ref) }

// letGo releases what p holds, which nobody will use any more, before p is collected.
// Machine right.
func (p *promise) letGo() {
	p.cleanup.Stop()
	if p.pipe != nil {
		p.pipe.Release()
	}
	if p.owns {
		release(p.caps)
	}
	if p.anchor != nil {
		p.anchor.leave(p.core)
	}
	p.pipe, p.caps, p.owns, p.anchor = nil, nil, false, nil
}

// collect has what p holds released when p is collected: one cleanup for all of it.
// An outcome that is on its way needs none, for the machine knows p. Machine right.
func (p *promise) collect() {
	if p.call != nil && p.state == pending {
		return
	}
	p.cleanup.Stop()
	if p.pipe == nil && !p.owns {
		return
	}
	g := &p.core.garbage
	switch {
	case !p.owns:
		p.cleanup = runtime.AddCleanup(p, kept.release, kept{g, p.pipe})
	case p.pipe == nil && len(p.caps) == 1:
		p.cleanup = runtime.AddCleanup(p, kept.release, kept{g, p.caps[0]})
	default:
		refs := append([]*captp.Ref{p.pipe}, p.caps...) // caps may be a part of p
		p.cleanup = runtime.AddCleanup(p, func(refs []*captp.Ref) { g.add(refs...) }, refs)
	}
}

// fulfill settles p with a value: flat results, and capabilities, which are copied
// and of which one holder each passes. Machine right.
func (p *promise) fulfill(flat []byte, caps []*captp.Ref) {
	if p.state != pending {
		release(caps)
		return
	}
	p.state, p.flat, p.caps = fulfilled, flat, append(p.room.caps[:0], caps...)
	if p.owns = len(caps) > 0; p.owns {
		p.collect()
	}
	if p.pipe != nil && p.lead == nil {
		p.core.machine.Resolve(p.pipe, p.valueRef())
	}
	p.core.later(p)
}

// smash breaks p. Machine right.
func (p *promise) smash(err error) {
	if p.state != pending {
		return
	}
	p.state = broken
	if x, ok := err.(*carried); ok {
		p.fail = x
	} else {
		p.fail = &carried{error: err}
	}
	if p.call == nil && p.pipe != nil && p.lead == nil && !p.named {
		p.core.machine.Break(p.pipe, p.wireError())
	}
	p.core.later(p)
}

// err is why p broke.
func (p *promise) err() error { return p.fail.error }

// wireError is why p broke, as it crosses. Machine right.
func (p *promise) wireError() *captp.Error {
	if p.fail.wire == nil {
		p.fail.wire = toWire(p.fail.error)
	}
	return p.fail.wire
}

// why is the error of a broken promise, for another one that breaks the same way.
func (p *promise) why() error {
	p.core.lock()
	defer p.core.unlock()
	p.wireError()
	return p.fail
}

// retained returns the capabilities of a fulfilled promise, with a new holder
// each. Machine right.
func (p *promise) retained() []*captp.Ref {
	if len(p.caps) == 0 {
		return nil
	}
	retain(p.caps)
	return slices.Clone(p.caps)
}

// retain adds a holder to each of caps. Machine right.
func retain(caps []*captp.Ref) {
	for _, r := range caps {
		if r != nil {
			r.Retain()
		}
	}
}

// release gives back a holder of each of caps. Machine right.
func release(caps []*captp.Ref) {
	for _, r := range caps {
		if r != nil {
			r.Release()
		}
	}
}

// whenSettled has w told when p settles: later, or at the end of this use of the
// machine right. Machine right.
func (p *promise) whenSettled(w watcher) {
	p.start()
	p.watch = append(p.watch, w)
	if p.state != pending {
		p.core.later(p)
	}
}

// unwatch takes back the follower of call, which stands at a place in watch. Machine right.
func (p *promise) unwatch(at int, call *captp.Call) {
	if at >= len(p.watch) {
		return
	}
	if f, ok := p.watch[at].(*follower); !ok || f.call != call {
		return
	}
	p.watch[at] = nil
	if p.gaps++; p.gaps < 32 || p.gaps < len(p.watch)/2 {
		return
	}
	kept := p.watch[:0]
	for _, w := range p.watch {
		if f, ok := w.(*follower); ok {
			p.core.calls[f.call].at = len(kept)
		}
		if w != nil {
			kept = append(kept, w)
		}
	}
	clear(p.watch[len(kept):])
	p.watch, p.gaps = kept, 0
}

// start asks for the outcome of a promise that stands for a reference. Machine right.
func (p *promise) start() {
	if !p.lazy || p.state != pending {
		return
	}
	p.lazy = false
	call := p.core.sendSettle(p.pipe, (*sink)(p))
	if p.state == pending {
		p.call = call
	}
}

// ref returns what sends to p go to; the holder is p's. Machine right.
func (p *promise) ref() *captp.Ref {
	if p.pipe != nil {
		return p.pipe
	}
	m := p.core.machine
	switch {
	case p.state == fulfilled:
		if r := p.resultIs(); r != nil {
			return r
		}
		p.pipe = p.valueRef()
	case p.state == broken:
		p.pipe = m.BrokenRef(p.wireError())
	case p.lead != nil:
		p.pipe = p.lead.ref().Retain()
	case p.call != nil:
		p.pipe = p.call.Pipe(0)
	default:
		p.pipe = m.NewPromise()
	}
	p.collect()
	return p.pipe
}

// valueRef returns a new holder of the reference that a fulfilled promise came to:
// the one that it is, or a holder of its data. Machine right.
func (p *promise) valueRef() *captp.Ref {
	if r, ok := p.resultRef(); ok {
		if r == nil {
			return p.core.machine.BrokenRef(toWire(ErrNull))
		}
		return r.Retain()
	}
	// The holder must not know p, which would keep it for ever.
	return p.core.machine.Near(&holder{core: p.core, flat: slices.Clone(p.flat), caps: p.retained()}, nil)
}

// Cancel says that nobody wants the outcome any more. A send that has not been
// delivered yet will not be; the context of one that has been ends. The promise
// breaks with ErrCanceled, unless it has settled.
//
// A method whose caller cancels does not cancel what it has sent, or the promise that it has
// returned: others may wait for that. One that means to takes a context, and says
//
//	context.AfterFunc(ctx, p.Cancel)
func (p *Promise[T]) Cancel() { p.cancel() }

func (p *promise) cancel() {
	c := p.core
	c.lock()
	defer c.leave()
	if c.holds() {
		c.hold(&heldCancel{p})
	} else {
		p.withdraw()
	}
}

// withdraw is cancel, and reports whether p was still pending. Machine right.
func (p *promise) withdraw() bool {
	if p.state != pending {
		return false
	}
	if p.call != nil {
		p.call.Cancel()
		p.core.settle()
	}
	p.smash(ErrCanceled)
	return true
}

// Err returns why the promise is broken; nil if it is not, or not yet. It does not wait.
// A send that was wrong in itself (an argument that cannot be carried, a closed vat)
// has broken its promise when Send returns.
func (p *Promise[T]) Err() error {
	p.core.lock()
	defer p.core.unlock()
	if p.state != broken {
		return nil
	}
	return p.err()
}

// Vat returns the vat that the promise belongs to.
func (p *Promise[T]) Vat() *Vat { return p.core.vat }

// String describes a promise in logs.
func (p *promise) String() string {
	if p.verb != "" {
		return "promise for " + p.verb
	}
	return "promise"
}
