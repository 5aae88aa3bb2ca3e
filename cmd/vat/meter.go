package main

import (
	"context"
	"net"
	"sync"

	"github.com/vatnet/vatnet/internal/link"
)

// meter is TCP that counts what its connections carry.
type meter struct {
	link.TCP

	mu     sync.Mutex
	counts counts
	asked  bool // something went out since something came in
}

// counts are the readings of a meter.
type counts struct {
	sent, received int // bytes
	trips          int // how often bytes went out and then bytes came in
}

func (m *meter) read() counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Dial implements vat.Network.
func (m *meter) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := m.TCP.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &meteredConn{conn, m}, nil
}

// meteredConn is one connection.
type meteredConn struct {
	net.Conn
	meter *meter
}

// Read implements net.Conn.
func (c *meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.meter.mu.Lock()
		defer c.meter.mu.Unlock()
		c.meter.counts.received += n
		if c.meter.asked {
			c.meter.counts.trips++
			c.meter.asked = false
		}
	}
	return n, err
}

// Write implements net.Conn. It counts before it writes: the answer may be read
// before the write has returned.
func (c *meteredConn) Write(b []byte) (int, error) {
	c.meter.mu.Lock()
	c.meter.counts.sent += len(b)
	c.meter.asked = true
	c.meter.mu.Unlock()
	return c.Conn.Write(b)
}
