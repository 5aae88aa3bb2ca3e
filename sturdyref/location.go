package sturdyref

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// CheckLocation returns nil if s is a location in canonical form, else an error that says what is wrong with it and
// quotes it: a location alone is no secret.
//
// A location is host:port. The host is a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets,
// addresses in the form that [netip.Addr.String] prints. An address that nobody can dial (unspecified, multicast) or
// that means something on one machine only (with a zone) is none. The port is 1 to 65535 without leading zeros.
func CheckLocation(s string) error {
	if _, problem := locationProblem(s); problem != "" {
		return fmt.Errorf("sturdyref: location %q: %s", s, problem)
	}
	return nil
}

// locationProblem returns where in s it is wrong and a fixed text that says how, or "" if it is right.
func locationProblem(s string) (offset int, problem string) {
	if s == "" {
		return 0, "it is empty; write host:port"
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return len(s), "the port is missing; write host:port"
	}
	if offset, problem = hostProblem(s[:colon]); problem != "" {
		return offset, problem
	}
	if problem = portProblem(s[colon+1:]); problem != "" {
		return colon + 1, problem
	}
	return 0, ""
}

func portProblem(s string) string {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s != strconv.FormatUint(n, 10) {
		return "the port must be a number from 1 to 65535 without leading zeros"
	}
	return ""
}

func hostProblem(s string) (offset int, problem string) {
	switch {
	case s == "":
		return 0, "the host is missing; write host:port"
	case s[0] == '[':
		if s[len(s)-1] != ']' {
			return len(s), "the ] of the IPv6 address is missing"
		}
		return 1, ipv6Problem(s[1 : len(s)-1])
	case strings.IndexByte(s, ':') >= 0:
		return 0, "an IPv6 address must stand in brackets"
	case endsInNumber(s):
		return 0, ipv4Problem(s)
	}
	return dnsProblem(s)
}

func ipv6Problem(s string) string {
	addr, err := netip.ParseAddr(s)
	switch {
	case err != nil || !addr.Is6():
		return "what stands in brackets is not an IPv6 address"
	case addr.Zone() != "":
		return "an address with a zone means something on one machine only; use another"
	case addr.Is4In6():
		return "write the IPv4 address itself, not its form within IPv6"
	case addr.String() != s:
		return "the IPv6 address is not in its canonical form: lower case, shortest, the longest run of zeros as ::"
	}
	return addrProblem(addr)
}

func ipv4Problem(s string) string {
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is4() {
		return "a host that ends in a number must be an IPv4 address: four numbers from 0 to 255 without leading zeros"
	}
	return addrProblem(addr)
}

func addrProblem(addr netip.Addr) string {
	switch {
	case addr.IsUnspecified():
		return "nobody can dial the unspecified address; use one of the machine's own"
	case addr.IsMulticast():
		return "nobody can dial a multicast address"
	}
	return ""
}

// endsInNumber reports whether the last label of a host is one that resolvers may take for a number (decimal, octal, or
// hexadecimal): 127.1, 0x7f000001 and 2130706433 are all 127.0.0.1 to somebody.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits, hex := strings.CutPrefix(last, "0x")
	if hex && digits == "" {
		return true
	}
	for i := range len(digits) {
		c := digits[i]
		if !(c >= '0' && c <= '9') && !(hex && c >= 'a' && c <= 'f') {
			return false
		}
	}
	return digits != ""
}

// dnsProblem checks a host name: labels of letters, digits and inner hyphens, as RFC 1123, section 2.1, has them.
func dnsProblem(s string) (offset int, problem string) {
	if len(s) > 253 {
		return 253, "the host name is longer than 253 characters"
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if problem = dnsCharProblem(s[i]); problem != "" {
				return i, problem
			}
			continue
		}
		switch label := s[start:i]; {
		case label == "":
			return start, "the host name has an empty part between dots, or a dot at its end"
		case len(label) > 63:
			return start, "a part of the host name is longer than 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return start, "a part of the host name begins or ends with a hyphen"
		}
		start = i + 1
	}
	return 0, ""
}

func dnsCharProblem(c byte) string {
	switch {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
		return ""
	case c >= 'A' && c <= 'Z':
		return "the host name must be in lower case"
	case c == '%':
		return "percent-encoding is not allowed"
	}
	return "a host name consists of letters, digits, hyphens and dots (an international name: its xn-- form)"
}
