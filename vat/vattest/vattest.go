// Package vattest is a network in memory for tests of programs that use vats.
//
// A [Network] has hosts, made by naming them; each is a vat.Config.Network:
//
//	net := vattest.NewNetwork()
//	server, err := vat.New(&vat.Config{Network: net.Host("a"), Listen: []string{"a:7000"}})
//	client, err := vat.New(&vat.Config{Network: net.Host("b")})
//
// Everything above the sockets is the real thing: handshake, sealed records,
// protocol. Between two hosts a test can set latency, cut connections, stall one
// direction, or keep them apart; and it can count round trips, which is how one
// shows that something was pipelined.
//
// All of it waits on channels and timers only, so it works in a bubble of
// testing/synctest, where latency costs no time and timeouts are exact.
package vattest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/vat"
)

// Network is a network in memory. Make one with NewNetwork. It is safe for
// concurrent use.
type Network struct{ net *memnet.Net }

// NewNetwork makes a network without hosts, latency or faults.
func NewNetwork() *Network { return &Network{memnet.New()} }

// Host returns the host with that name, making it if it is new. A name is like a
// DNS name or an IP address, and stands for it in addresses.
func (n *Network) Host(name string) *Host { return &Host{n.net.Host(name)} }

// Host is one machine of a network: a vat.Network.
type Host struct{ host *memnet.Host }

var _ vat.Network = (*Host)(nil)

// Name returns the host's name.
func (h *Host) Name() string { return h.host.Name() }

// Listen implements vat.Network: addr is "host:port", where host is the host's own
// name, or means every interface; port 0 is a free one.
func (h *Host) Listen(addr string) (net.Listener, error) { return h.host.Listen(addr) }

// Dial implements vat.Network.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return h.host.Dial(ctx, addr)
}

// InterfaceAddrs implements vat.Network: the host has one interface, its name.
func (h *Host) InterfaceAddrs() ([]string, error) { return h.host.InterfaceAddrs() }

// Vat makes a vat on a host of that name, which listens on a free port. It is
// closed when the test ends. cfg may be nil; its Network and Listen are filled in.
func (n *Network) Vat(t testing.TB, host string, cfg *vat.Config) *vat.Vat {
	t.Helper()
	var c vat.Config
	if cfg != nil {
		c = *cfg
	}
	if c.Network == nil {
		c.Network = n.Host(host)
	}
	if c.Listen == nil {
		c.Listen = []string{host + ":0"}
	}
	v, err := vat.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// Latency sets how long bytes take between two hosts, each way.
func (n *Network) Latency(a, b string, d time.Duration) { n.net.Latency(a, b, d) }

// Cut resets every connection between two hosts; bytes on their way are lost. New
// connections can be made.
func (n *Network) Cut(a, b string) {
	n.net.Cut(a, b)
	n.net.Cut(b, a)
}

// Stall stops what flows from one host to another, or lets it go again. Nothing is
// lost.
func (n *Network) Stall(from, to string, stalled bool) { n.net.Stall(from, to, stalled) }

// Partition keeps two hosts apart, or lets them meet again. Connections between
// them stand still meanwhile; new ones wait.
func (n *Network) Partition(a, b string, apart bool) { n.net.Partition(a, b, apart) }

// Stats are counters over all connections so far.
type Stats struct {
	Dials int // connections made
	Bytes int // written, both directions
	// RoundTrips is how often bytes went one way and then bytes came back: what was
	// sent together, or pipelined, counts once. The handshake is one of them.
	RoundTrips int
}

// Stats returns the counters. The difference of two readings tells what happened in
// between.
func (n *Network) Stats() Stats {
	s := n.net.Stats()
	return Stats{Dials: s.Dials, Bytes: s.Bytes, RoundTrips: (s.Turns + 1) / 2}
}
