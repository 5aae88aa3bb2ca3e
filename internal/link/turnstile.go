package link

import "sync"

// turnstile lets the calls of one link's Receiver through one at a time, and its
// Closed last. Who enters must leave, unless it was relieved meanwhile.
type turnstile struct {
	mu      sync.Mutex
	busy    bool
	reading bool   // busy with a Receive
	relief  uint64 // how often a reader was relieved
	ended   bool
	told    bool // Closed was called, or is about to be
}

// enter begins a call and gives the number to leave with, or false when the link
// has ended.
func (t *turnstile) enter(reading bool) (relief uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return 0, false
	}
	t.busy, t.reading = true, reading
	return t.relief, true
}

// leave ends a call. When it gives relieved, somebody else goes on; when it gives
// closed, the caller must call Closed now.
func (t *turnstile) leave(relief uint64) (relieved, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.relief != relief {
		return true, false
	}
	t.busy, t.reading = false, false
	closed = t.ended && !t.told
	t.told = t.told || closed
	return false, closed
}

// end lets no call begin any more. When it gives true no call is under way, and
// Closed must be called.
func (t *turnstile) end() (closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	closed = !t.busy && !t.ended
	t.ended = true
	t.told = t.told || closed
	return closed
}

// relieve takes the place of a Receive under way, if next could be started, which
// gets whether it is to call Closed.
func (t *turnstile) relieve(next func(closed bool) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reading || !next(t.ended) {
		return false
	}
	t.relief++
	t.busy, t.reading = false, false
	t.told = t.told || t.ended
	return true
}
