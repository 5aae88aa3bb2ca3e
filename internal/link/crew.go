package link

import "sync"

// crew owns goroutines: it starts them until it is dismissed, and then waits for
// every one.
type crew struct {
	mu        sync.Mutex
	dismissed bool
	wg        sync.WaitGroup
}

// start runs f in a goroutine, unless the crew was dismissed.
func (c *crew) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dismissed {
		return false
	}
	c.wg.Go(f)
	return true
}

// dismiss starts nothing any more and waits for what runs.
func (c *crew) dismiss() {
	c.mu.Lock()
	c.dismissed = true
	c.mu.Unlock()
	c.wg.Wait()
}
