package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// A location that another vat told may be there to have this one knock on doors that
// are shut to that vat: on this machine, in this network, at services that are no
// vats. So it is dialled only where strangers' vats may be.

// errTold is all that is said when a told location comes to nothing: more would let
// a stranger see with our eyes. The log has the rest.
var errTold = errors.New("link: the location that another vat told leads nowhere")

var errForbidden = errors.New("link: another vat may not send us there")

// closedRanges are where a told location may lead only if this vat is in the same
// range itself.
var closedRanges = prefixes(
	"127.0.0.0/8", "::1/128", // this machine
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", // private (RFC 1918, RFC 4193)
	"100.64.0.0/10",               // of carriers (RFC 6598)
	"169.254.0.0/16", "fe80::/10", // link-local
)

// noRanges are where no vat is: unspecified, multicast, reserved; and IPv6 in which
// an IPv4 address hides.
var noRanges = prefixes(
	"0.0.0.0/8", "::/96", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "fec0::/10",
	"192.0.0.0/24", "198.18.0.0/15", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32",
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// rangeOf gives the first of the ranges that holds ip.
func rangeOf(ranges []netip.Prefix, ip netip.Addr) (netip.Prefix, bool) {
	for _, r := range ranges {
		if r.Contains(ip) {
			return r, true
		}
	}
	return netip.Prefix{}, false
}

// guard decides where told locations may lead.
type guard struct {
	all bool           // Limits.DialPrivate
	own []netip.Prefix // the closed ranges that this vat is in
	low bool           // this vat has a port below 1024
}

// guard gives the guard for the locations that this vat has now.
func (ls *Links) guard() *guard {
	g := &guard{all: ls.limits.DialPrivate}
	for _, location := range ls.Locations() {
		at, err := netip.ParseAddrPort(location)
		if err != nil {
			continue // a name: it may lead anywhere
		}
		if r, ok := rangeOf(closedRanges, at.Addr().Unmap().WithZone("")); ok {
			g.own = append(g.own, r)
		}
		g.low = g.low || at.Port() < 1024
	}
	return g
}

// check refuses an address of the network, "ip:port".
func (g *guard) check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	ip := at.Addr().Unmap().WithZone("")
	r, private := rangeOf(closedRanges, ip)
	if private {
		if _, own := rangeOf(g.own, r.Addr()); !own && !g.all {
			return errForbidden
		}
	} else if _, never := rangeOf(noRanges, ip); never {
		return errForbidden
	}
	if at.Port() < 1024 && !g.low && !g.all {
		return errForbidden
	}
	return nil
}

// A guardedNetwork checks each address before it connects to it. Other networks are
// asked where a connection led, before anything is written to it.
type guardedNetwork interface {
	dialGuarded(ctx context.Context, addr string, check func(address string) error) (net.Conn, error)
}

// dialGuarded implements guardedNetwork: what a name stands for is judged when it is
// connected to, so that a second answer of its server comes too late.
func (TCP) dialGuarded(ctx context.Context, addr string, check func(address string) error) (net.Conn, error) {
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error { return check(address) }}
	return d.DialContext(ctx, "tcp", addr)
}

// dial connects to at, with care if another vat told it.
func (ls *Links) dial(ctx context.Context, at hint) (net.Conn, error) {
	network := ls.config.Network
	if !at.told {
		return network.Dial(ctx, at.location)
	}
	g := ls.guard()
	if n, ok := network.(guardedNetwork); ok {
		return n.dialGuarded(ctx, at.location, g.check)
	}
	if _, err := netip.ParseAddrPort(at.location); err == nil {
		if err := g.check(at.location); err != nil {
			return nil, err
		}
	}
	conn, err := network.Dial(ctx, at.location)
	if err != nil {
		return nil, err
	}
	// A network without IP addresses has no ranges either.
	if remote := conn.RemoteAddr(); remote != nil {
		if _, err := netip.ParseAddrPort(remote.String()); err == nil {
			if err := g.check(remote.String()); err != nil {
				abort(conn)
				return nil, err
			}
		}
	}
	return conn, nil
}

// hint is a location to dial.
type hint struct {
	location string
	told     bool // by another vat
}

// toDial gives the locations, those that the program knows first.
func (p *peer) toDial() (out []hint) {
	for _, h := range p.hints {
		out = append(out, hint{h, false})
	}
	for _, h := range p.told {
		if !slices.Contains(p.hints, h) {
			out = append(out, hint{h, true})
		}
	}
	return out
}

// Dials that one donor may cause.
const (
	donorDials  = 10 // a minute, and at once
	maxDonors   = 1024
	donorPerSec = donorDials / 60.0
)

// donors count the dials that each donor has caused.
type donors map[crypto.VatID]*bucket

// take takes a dial of donor's, if it has one left.
func (ds *donors) take(donor crypto.VatID, now time.Time) bool {
	b := (*ds)[donor]
	if b == nil {
		if len(*ds) >= maxDonors {
			for id, old := range *ds {
				if old.full(now, donorPerSec) {
					delete(*ds, id)
				}
			}
			if len(*ds) >= maxDonors {
				return false
			}
		}
		if *ds == nil {
			*ds = donors{}
		}
		b = &bucket{}
		(*ds)[donor] = b
	}
	return b.take(now, donorPerSec, donorDials)
}
