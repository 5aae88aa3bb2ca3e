package vat

import "context"

// caller is what a Call waits with: a promise that nobody else knows, and its only
// waiter. Being used again it costs a call no allocation, and no use of the machine
// right but the one that sends. They are kept per vat, for a channel of one
// testing/synctest bubble is of no use in another.
type caller struct {
	promise
	waiter waiter
}

// maxCaller is the size of the largest results whose memory is used again.
const maxCaller = 32 << 10

// caller returns one that counts as waiting, for a send of verb.
func (c *core) caller(verb string) *caller {
	x, _ := c.callers.Get().(*caller)
	if x == nil {
		x = &caller{waiter: waiter{ch: make(chan struct{}, 1)}}
	}
	x.core, x.verb, x.solo, x.waited = c, verb, true, true
	x.first = &x.waiter
	c.awaiting.Add(1)
	return x
}

// wait waits until the call has an outcome, or cancels it when ctx ends or the vat is
// closed. After an error x must not be used again.
func (x *caller) wait(ctx context.Context) error {
	c := x.core
	err := c.wait(ctx, &x.waiter)
	c.awaiting.Add(-1)
	if err == nil {
		return nil
	}
	c.lock()
	canceled := x.withdraw()
	c.leave()
	if canceled {
		return err
	}
	<-x.waiter.ch // it settled in the same moment
	return nil
}

// free releases what the outcome holds, and keeps x for another Call.
func (x *caller) free() {
	c := x.core
	if len(x.caps) > 0 {
		c.lock()
		release(x.caps)
		c.leave()
	}
	flat := x.flat[:0]
	if cap(flat) > maxCaller {
		flat = nil
	}
	x.promise = promise{flat: flat}
	c.callers.Put(x)
}
