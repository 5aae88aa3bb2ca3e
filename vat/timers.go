package vat

import (
	"container/heap"
	"time"
)

// timers are what the vat has to do at certain times. The worker keeps them. Those of the clock on the wall, which is set
// right now and then and goes on while the machine sleeps, are apart: they keep no order with the others.
type timers struct {
	heap  timerHeap // of times with a monotonic reading
	wall  timerHeap // of those without
	count uint64
}

// wallLook is how often the clock on the wall is looked at while something is to happen by it.
const wallLook = time.Minute

// timer is one of them. Guarded by the machine right.
type timer struct {
	at    time.Time
	order uint64 // of two at the same time, the first made goes first
	of    *timerHeap
	index int    // in the heap; -1: fired or stopped
	fire  func() // called with the machine right
}

// now is the time, by the vat's clock.
func (c *core) now() time.Time {
	if c.clock != nil {
		return c.clock()
	}
	return time.Now()
}

// at has fire called, with the machine right, at time t: by the clock on the wall if t has no monotonic reading. Machine right.
func (c *core) at(t time.Time, fire func()) *timer {
	c.timers.count++
	x := &timer{at: t, order: c.timers.count, fire: fire, of: &c.timers.heap}
	if t == t.Round(0) {
		x.of = &c.timers.wall
	}
	heap.Push(x.of, x)
	if x.index == 0 {
		signal(c.wake)
	}
	return x
}

// stop takes t back; t may be nil, fired or stopped. Machine right.
func (c *core) stopTimer(t *timer) {
	if t != nil && t.index >= 0 {
		heap.Remove(t.of, t.index)
	}
}

// clear stops all of them. Machine right.
func (ts *timers) clear() {
	for _, h := range []*timerHeap{&ts.heap, &ts.wall} {
		for _, t := range *h {
			t.index = -1
		}
		*h = nil
	}
}

// fireTimers calls what is due, and reports whether anything was. Machine right.
func (c *core) fireTimers() (fired bool) {
	if len(c.timers.heap) == 0 && len(c.timers.wall) == 0 {
		return false
	}
	now := c.now()
	for {
		h := c.timers.due(now)
		if h == nil {
			return fired
		}
		heap.Pop(h).(*timer).fire()
		c.settle()
		fired = true
	}
}

// due returns where the first timer stands that is due; nil if none is.
func (ts *timers) due(now time.Time) (first *timerHeap) {
	for _, h := range []*timerHeap{&ts.heap, &ts.wall} {
		if len(*h) > 0 && !(*h)[0].at.After(now) && (first == nil || (*h)[0].before((*first)[0])) {
			first = h
		}
	}
	return first
}

// nextTimer returns how long it is until the next is due, or the clock is to be looked at. Machine right.
func (c *core) nextTimer() (wait time.Duration, ok bool) {
	now := c.now()
	if h := c.timers.heap; len(h) > 0 {
		wait, ok = h[0].at.Sub(now), true
	}
	if h := c.timers.wall; len(h) > 0 {
		if w := min(h[0].at.Sub(now), wallLook); !ok || w < wait {
			wait, ok = w, true
		}
	}
	return max(wait, 0), ok
}

// before reports whether t is to fire before o.
func (t *timer) before(o *timer) bool {
	if t.at.Equal(o.at) {
		return t.order < o.order
	}
	return t.at.Before(o.at)
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
