package memnet

import "time"

// Latency sets how long bytes take from one host to the other, each way.
func (n *Net) Latency(a, b string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(a, b).latency = d
	n.path(b, a).latency = d
}

// Cut resets every connection between two hosts. Bytes on the way are lost.
func (n *Net) Cut(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.from == a && c.to == b {
			n.reset(c)
		}
	}
}

// Stall stops, or lets go again, what flows from one host to the other; nothing
// is lost. While it is stopped no connection between the two can be made.
func (n *Net) Stall(from, to string, stalled bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(from, to).stalled = stalled
	for c := range n.conns {
		if c.from == from && c.to == to {
			c.out.setStalled(stalled)
		}
	}
}

// Partition stalls both directions, or lets them go again.
func (n *Net) Partition(a, b string, apart bool) {
	n.Stall(a, b, apart)
	n.Stall(b, a, apart)
}

// ResetAfter has the next connection that is dialled by one of the two hosts to
// the other reset when exactly so many bytes went in the direction named; those
// bytes still arrive. A negative number takes that back.
func (n *Net) ResetAfter(from, to string, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(from, to).resetAfter = bytes
}

// Conns gives the number of connections that neither side has closed.
func (n *Net) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	open := 0
	for c := range n.conns {
		if !c.isClosed() && !c.peer.isClosed() {
			open++
		}
	}
	return open / 2
}

// reset breaks a connection both ways. The caller holds n.mu.
func (n *Net) reset(c *Conn) {
	c.out.fail(ErrReset, true)
	c.in.fail(ErrReset, true)
	n.drop(c)
}

// drop forgets a connection. The caller holds n.mu.
func (n *Net) drop(c *Conn) {
	delete(n.conns, c)
	delete(n.conns, c.peer)
}

// Blackhole has every present connection between two hosts carry nothing any
// more, not even its end, as when a middlebox forgets it; new ones are fine.
func (n *Net) Blackhole(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.from == a && c.to == b {
			c.out.setStalled(true)
			c.in.setStalled(true)
		}
	}
}
