package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vatnet/vatnet/crypto"
)

var errLocation = errors.New("link: malformed location")

// checkLocation checks that s is "host:port" as a dial needs it.
func checkLocation(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || len(s) > crypto.MaxHintLen || !printable(s) {
		return fmt.Errorf("%w %q, want host:port", errLocation, s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%w %q: the port is not a number from 1 to 65535", errLocation, s)
	}
	return nil
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// advertised gives the locations for listeners at the given addresses: advertise,
// where it says something, or what the addresses give. hosts are the interfaces'.
func advertised(advertise, listening []string, hosts func() ([]string, error)) ([]string, error) {
	var out []string
	add := func(location string) {
		if !slices.Contains(out, location) && len(out) < crypto.MaxHints {
			out = append(out, location)
		}
	}
	for _, a := range advertise {
		if checkLocation(a) == nil {
			add(a)
			continue
		}
		for _, l := range listening {
			_, port, _ := net.SplitHostPort(l)
			add(net.JoinHostPort(strings.Trim(a, "[]"), port))
		}
	}
	if len(advertise) > 0 {
		return out, nil
	}
	for _, l := range listening {
		host, port, err := net.SplitHostPort(l)
		if err != nil {
			return nil, fmt.Errorf("%w %q", errLocation, l)
		}
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.IsUnspecified() {
			add(l)
			continue
		}
		all, err := hosts()
		if err != nil {
			return nil, err
		}
		for _, h := range all {
			if other, err := netip.ParseAddr(h); err == nil && ip.Is4() && other.Is6() {
				continue // 0.0.0.0 does not listen there
			}
			add(net.JoinHostPort(h, port))
		}
	}
	return out, nil
}

// checkAdvertise checks Config.Advertise: "host:port" or "host".
func checkAdvertise(list []string) error {
	for _, a := range list {
		if checkLocation(a) == nil {
			continue
		}
		if err := checkLocation(net.JoinHostPort(strings.Trim(a, "[]"), "1")); err != nil || strings.Contains(strings.Trim(a, "[]"), ":") && !isIP(a) {
			return fmt.Errorf("%w %q, want host or host:port", errLocation, a)
		}
	}
	return nil
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

// isLoopback tells whether a location is on this machine.
func isLoopback(location string) bool {
	host, _, err := net.SplitHostPort(location)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}

// remember adds new locations in front of those known, at most n in all. What is
// malformed is left out.
func remember(known, hints []string, n int) []string {
	var out []string
	for _, h := range slices.Concat(hints, known) {
		if len(out) < n && checkLocation(h) == nil && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}
