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
		line := c.roomFor(ref)
		if line == nil {
			c.unlock()
			return nil
		}
		w := c.waiter()
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

// roomFor returns nil if there is room for a send on ref, else the line to wait
// in. Machine right.
func (c *core) roomFor(ref *captp.Ref) *[]*waiter {
	if cs := ref.Session(); cs != nil {
		if s := cs.Tag().(*session); !s.hasRoom() {
			return &s.ready
		}
		return nil
	}
	if ref.State() == captp.Near && c.local >= c.maxPending/2+1 {
		return &c.localReady
	}
	return nil
}
