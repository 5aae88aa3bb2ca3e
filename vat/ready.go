package vat

import (
	"context"

	"github.com/vatnet/vatnet/captp"
)

// Ready waits until sends on r would be on their way rather than pile up here: a
// peer grants so many open calls, and what is beyond waits in this vat, up to
// Config.MaxPending. Producers call it before each send:
//
//	for _, line := range lines {
//		if err := log.Ready(ctx); err != nil {
//			return err
//		}
//		log.SendOnly("log", line)
//	}
//
// It returns why the reference is broken, or why ctx ended. Inside of a turn it
// returns ErrInTurn.
func (r *Ref) Ready(ctx context.Context) error {
	c := r.core
	if inTurn() {
		return c.refuseInTurn("Ready")
	}
	for {
		c.lock()
		if c.refused != nil {
			defer c.unlock()
			return c.refused
		}
		ref := r.sendTo()
		if ref.State() == captp.Broken {
			err := fromWire(ref.Err())
			c.unlock()
			return err
		}
		near := ref.State() == captp.Near
		if c.hasRoom(near) {
			c.unlock()
			return nil
		}
		w := c.waiter()
		line := &c.ready
		if near {
			line = &c.readyNear
		}
		*line = append(*line, w)
		c.leave()
		if err := c.wait(ctx, w); err != nil {
			return err // w stays in the line, and goes with it
		}
		c.lock()
		c.free(w)
		c.unlock()
	}
}

// hasRoom reports whether a send to an object of this vat (near), or of another
// one, would find less than half of what may be pending before it. Machine right.
func (c *core) hasRoom(near bool) bool {
	if near {
		return c.local <= c.maxPending/2
	}
	return c.machine.Pending() <= c.maxPending/2
}

// checkReady wakes those who wait in Ready if there may be room again. Machine right.
func (c *core) checkReady() {
	if len(c.ready) > 0 && c.hasRoom(false) {
		wakeAll(&c.ready)
	}
	if len(c.readyNear) > 0 && c.hasRoom(true) {
		wakeAll(&c.readyNear)
	}
}
