package link

import (
	"context"
	"net"
)

// Network is how a vat reaches others. Addresses are "host:port".
//
// A connection may offer TryWrite(b) (n int, err error), which writes what is
// taken at once and never waits; without it every write goes through a goroutine.
type Network interface {
	// Listen listens on addr; an empty host means every interface, port 0 a free one.
	Listen(addr string) (net.Listener, error)
	// Dial connects, until ctx ends.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// InterfaceAddrs gives the hosts under which this machine may be reached when it
	// listens on every interface, the best first.
	InterfaceAddrs() ([]string, error)
}

// TCP is the Network of the operating system. Its zero value is ready.
type TCP struct{}

// Listen listens on a TCP address.
func (TCP) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// Dial connects to a TCP address. Names are looked up; of several addresses the
// first that answers is taken (RFC 8305).
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// InterfaceAddrs gives the global unicast addresses of the interfaces, IPv4 first,
// or loopback when there are none.
func (TCP) InterfaceAddrs() ([]string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var four, six, loopback []string
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip := ipnet.IP
		switch {
		case ip.IsLoopback():
			loopback = append(loopback, ip.String())
		case !ip.IsGlobalUnicast(): // link-local ones need a zone, which only means something here
		case ip.To4() != nil:
			four = append(four, ip.String())
		default:
			six = append(six, ip.String())
		}
	}
	if len(four)+len(six) == 0 {
		return loopback, nil
	}
	return append(four, six...), nil
}
