package vat

import (
	"context"
	"slices"

	"github.com/vatnet/vatnet/captp"
)

// Ready waits until sends on r would be on their way rather than pile up here: a
// peer grants so many open calls, and what is beyond waits in this vat, up to
// Config.MaxPending for all peers together. A peer for which nothing waits is ready
// whatever waits for others, until that bound is met. Producers call it before each send:
//
//	for _, line := range lines {
//		if err := log.Ready(ctx); err != nil {
//			return err
//		}
//		log.SendOnly("log", line)
//	}
//
// On a reference of [Vat.Heal] it waits, too, while too much waits for the object to be found.
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
		x := readyWaiter{near: ref.State() == captp.Near, over: ref.Session(), heals: r.heals}
		if c.hasRoom(x) {
			c.unlock()
			return nil
		}
		w := c.waiter()
		x.w = w
		c.ready = append(c.ready, x)
		c.leave()
		err := c.wait(ctx, w)
		c.lock()
		if err != nil {
			c.ready = slices.DeleteFunc(c.ready, func(x readyWaiter) bool { return x.w == w })
			select {
			case <-w.ch: // there was room in the same moment
			default:
			}
		}
		c.free(w)
		c.unlock()
		if err != nil {
			return err
		}
	}
}

// readyWaiter waits in Ready for room.
type readyWaiter struct {
	w     *waiter
	near  bool           // for sends to an object of this vat
	over  *captp.Session // over which they would go; nil: not known yet
	heals *healing       // of the reference; nil, mostly
}

// hasRoom reports whether a send of x's would find less than half of what may be pending before it.
// Where nothing waits for the credit of its session, what waits for others does not matter as
// long as a send is taken at all. Machine right.
func (c *core) hasRoom(x readyWaiter) bool {
	switch {
	case x.heals != nil && x.heals.full():
		return false
	case x.near:
		return c.local <= c.maxPending/2
	}
	pending := c.machine.Pending()
	return pending <= c.maxPending/2 || x.over != nil && x.over.Held() == 0 && pending < c.maxPending
}

// checkReady wakes those who wait in Ready if there may be room again. Machine right.
func (c *core) checkReady() {
	if len(c.ready) > 0 {
		c.wakeReady(c.hasRoom)
	}
}

// wakeReady wakes those who wait in Ready of whom which is true. Machine right.
func (c *core) wakeReady(which func(x readyWaiter) bool) {
	c.ready = slices.DeleteFunc(c.ready, func(x readyWaiter) bool {
		wakes := which(x)
		if wakes {
			signal(x.w.ch)
		}
		return wakes
	})
}
