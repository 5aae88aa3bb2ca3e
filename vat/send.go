package vat

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/spec/object"
)

// Send sends verb with args to t, and at once gives a promise for the outcome as
// a T. It never waits. The arguments are copied before it returns; sends on one
// reference arrive in the order in which they were made.
//
// What is wrong with the send itself (an argument that cannot be carried, a
// closed vat, too much pending) breaks the promise: ErrNotSendable, ErrClosed,
// ErrOverloaded, ErrOtherVat.
func Send[T any](t Target, verb string, args ...any) *Promise[T] {
	p := new(Promise[T])
	p.core, p.verb = t.owner(), verb
	p.core.send(t, verb, args, &p.promise)
	return p
}

// Call sends verb with args to t, waits for the outcome, and returns it as a T.
// When ctx ends it cancels the call and returns. It is Send and Await in one, and
// like Await returns ErrInTurn inside of a turn, without having sent anything.
func Call[T any](ctx context.Context, t Target, verb string, args ...any) (T, error) {
	var v T
	err := call(ctx, t, verb, args, reflect.ValueOf(&v).Elem())
	return v, err
}

// call is Call without its type.
func call(ctx context.Context, t Target, verb string, args []any, into reflect.Value) error {
	c := t.owner()
	if inTurn() {
		return c.refuseInTurn("Call")
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	x := c.caller(verb)
	c.send(t, verb, args, &x.promise)
	if err := x.wait(ctx); err != nil {
		return err
	}
	defer x.free()
	return x.decode(into)
}

// send sends verb to t; p gets the outcome.
func (c *core) send(t Target, verb string, args []any, p *promise) {
	e := newEncoder(c)
	defer e.done()
	err := e.args(verb, args)
	c.lock()
	defer func() {
		if p.waited {
			c.leaveWaiting(p.first, p.call)
		} else {
			c.leaveSoon(p.call)
		}
	}()
	if ref := c.admit(t, p, err); ref != nil {
		e.out.Params, e.out.Caps = e.take()
		c.post(ref, p, &e.out)
	}
}

// admit returns what to send to; nil if the send fails, with err or because of what it finds.
// Machine right.
func (c *core) admit(t Target, p *promise, err error) *captp.Ref {
	if err == nil {
		err = c.refused
	}
	if err == nil && c.drain != nil && !inTurn() {
		err = ErrClosed
	}
	if err != nil {
		p.smash(err)
		return nil
	}
	ref := t.sendTo()
	r, _ := t.(*Ref)
	if c.local >= c.maxPending && ref.State() == captp.Near || r != nil && r.heals != nil && !r.heals.admit(ref) {
		p.smash(ErrOverloaded)
		return nil
	}
	return ref
}

// post makes the call of a send, or holds it back until its turn is committed. Machine right.
func (c *core) post(ref *captp.Ref, p *promise, o *captp.Outgoing) {
	if c.holds() {
		c.hold(&heldSend{p: p, to: ref.Retain(), params: bytes.Clone(o.Params), caps: slices.Clone(o.Caps)})
		return
	}
	c.postNow(ref, p, o)
}

// postNow is post outside of turns. Machine right.
func (c *core) postNow(ref *captp.Ref, p *promise, o *captp.Outgoing) {
	o.Interface, o.Method, o.NoPipelining, o.Brief, o.Sink = object.Object_TypeID, methodSend, p.solo, true, (*sink)(p)
	call := c.machine.Send(ref, o)
	if p.state == pending {
		p.call = call
	}
}

// sendOnly is SendOnly for every target.
func sendOnly(t Target, verb string, args []any) {
	c := t.owner()
	p := &promise{core: c, verb: verb, solo: true}
	p.watch = append(p.watch, complaint{})
	c.send(t, verb, args, p)
}

// complaint tells the log when a SendOnly fails.
type complaint struct{}

func (complaint) settled(p *promise) {
	if p.state == broken {
		c, err := p.core, p.err()
		c.outside = append(c.outside, func() { c.complain(p.verb, err) })
	}
}

// complain logs a failed SendOnly, but not more than a few each second: a session
// that ends takes many with it.
func (c *core) complain(verb string, err error) {
	more, tell := c.complaints.add(c.now())
	if more > 0 {
		c.log.Warn("vat: more SendOnly failed", "count", more)
	}
	if tell {
		c.log.Warn("vat: SendOnly failed", "verb", verb, "error", err)
	}
}

const complaintsPerSecond = 10

// complaints counts the failures logged in the current second.
type complaints struct {
	sync.Mutex
	since time.Time
	count int
}

// add counts one more: whether it is to be told, and how many of the second before
// were not.
func (x *complaints) add(now time.Time) (more int, tell bool) {
	x.Lock()
	defer x.Unlock()
	if now.Sub(x.since) >= time.Second {
		more = max(0, x.count-complaintsPerSecond)
		x.since, x.count = now, 0
	}
	x.count++
	return more, x.count <= complaintsPerSecond
}

// sendSettle asks what r settles to; sink gets it. Machine right.
func (c *core) sendSettle(r *captp.Ref, sink captp.Sink) *captp.Call {
	return c.machine.Send(r, &captp.Outgoing{
		Interface: object.Object_TypeID, Method: methodSettle, Params: emptyParams,
		NoPipelining: true, Brief: true, Sink: sink,
	})
}

// Send implements [Target]: it sends to what p will be.
func (p *Promise[T]) Send(verb string, args ...any) *Promise[any] {
	return Send[any](p, verb, args...)
}

// SendOnly implements [Target].
func (p *Promise[T]) SendOnly(verb string, args ...any) { sendOnly(p, verb, args) }

func (p *promise) sendTo() *captp.Ref { return p.ref() }
func (p *promise) owner() *core       { return p.core }

// typeName is how a type is called in errors that may cross the wire.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return fmt.Sprint(t.Name())
}
