package vat

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
)

// Await waits for the outcome. It stops waiting when ctx ends, without canceling
// anything; use [Call] or Cancel for that. If the vat is closed meanwhile, it
// returns ErrClosed.
//
// Inside of a turn it does not wait but returns ErrInTurn at once, and says so in
// the vat's log: a turn that waits keeps everything it could wait for from
// happening. Use [When] there.
func (p *Promise[T]) Await(ctx context.Context) (T, error) {
	var v T
	if err := p.await(ctx); err != nil {
		return v, err
	}
	err := p.decode(reflect.ValueOf(&v).Elem())
	return v, err
}

// await waits until p settles, ctx ends or the vat is closed.
func (p *promise) await(ctx context.Context) error {
	c := p.core
	if inTurn() {
		return c.refuseInTurn("Await")
	}
	c.lock()
	p.start()
	if p.state != pending {
		c.leave()
		return nil
	}
	w := c.waiter()
	p.enlist(w)
	c.awaiting.Add(1)
	c.leaveWaiting(w, p.call)
	err := c.wait(ctx, w)
	c.awaiting.Add(-1)
	c.lock()
	if err == nil {
		c.free(w)
		c.unlock()
		return nil
	}
	defer c.unlock()
	if p.state != pending {
		return nil
	}
	p.delist(w)
	return err
}

// enlist has w woken when p settles. Machine right.
func (p *promise) enlist(w *waiter) {
	if p.first == nil {
		p.first = w
	} else {
		w.next, p.first.next = p.first.next, w
	}
}

// delist takes that back. Machine right.
func (p *promise) delist(w *waiter) {
	at := &p.first
	for *at != w {
		at = &(*at).next
	}
	*at, w.next = w.next, nil
}

// wakeOthers wakes and forgets those behind first, which may be nil. Machine right.
func (first *waiter) wakeOthers() {
	if first == nil {
		return
	}
	w := first.next
	first.next = nil
	for w != nil {
		next := w.next
		w.next = nil
		w.wakeUp() // w may be used again at once
		w = next
	}
}

// wait waits for w to be woken.
func (c *core) wait(ctx context.Context, w *waiter) error {
	if w.leads != nil {
		w.read(ctx)
	}
	select {
	case <-w.ch:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	case <-c.done:
		select {
		case <-w.ch:
			return nil
		default:
			return ErrClosed
		}
	}
}

// contextError is the error for a context that ended: it matches ErrCanceled and
// the context's own.
func contextError(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w: %w", ErrCanceled, ctx.Err(), cause)
	}
	return fmt.Errorf("%w: %w", ErrCanceled, ctx.Err())
}

// refuseInTurn says loudly that something that waits was called inside of a turn.
func (c *core) refuseInTurn(what string) error {
	c.log.Error("vat: "+what+" was called inside of a turn, where it would wait for itself; use When",
		"stack", stack())
	return fmt.Errorf("%s: %w", what, ErrInTurn)
}

func stack() string {
	buf := make([]byte, 8<<10)
	return string(buf[:runtime.Stack(buf, false)])
}
