package vat

import (
	"container/heap"
	"time"
)

// timers are what the vat has to do at certain times. The worker keeps them.
type timers struct {
	heap  timerHeap
	count uint64
}

// timer is one of them. Guarded by the machine right.
type timer struct {
	at    time.Time
	order uint64 // of two at the same time, the first made goes first
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

// at has fire called, with the machine right, at time t. Machine right.
func (c *core) at(t time.Time, fire func()) *timer {
	c.timers.count++
	x := &timer{at: t, order: c.timers.count, fire: fire}
	heap.Push(&c.timers.heap, x)
	if x.index == 0 {
		signal(c.wake)
	}
	return x
}

// stop takes t back; t may be nil, fired or stopped. Machine right.
func (c *core) stopTimer(t *timer) {
	if t != nil && t.index >= 0 {
		heap.Remove(&c.timers.heap, t.index)
	}
}

// clear stops all of them. Machine right.
func (ts *timers) clear() {
	for _, t := range ts.heap {
		t.index = -1
	}
	ts.heap = nil
}

// fireTimers calls what is due, and reports whether anything was. Machine right.
func (c *core) fireTimers() (fired bool) {
	if len(c.timers.heap) == 0 {
		return false
	}
	now := c.now()
	for len(c.timers.heap) > 0 && !c.timers.heap[0].at.After(now) {
		heap.Pop(&c.timers.heap).(*timer).fire()
		c.settle()
		fired = true
	}
	return fired
}

// nextTimer returns how long it is until the next is due. Machine right.
func (c *core) nextTimer() (wait time.Duration, ok bool) {
	if len(c.timers.heap) == 0 {
		return 0, false
	}
	return max(c.timers.heap[0].at.Sub(c.now()), 0), true
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].order < h[j].order
	}
	return h[i].at.Before(h[j].at)
}
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
