// Package floors keeps the building standing. The packages of this module live on floors, and an import may only go
// down; what shares a floor does not know of each other, except that the packages under internal may be imported by the
// others of their own floor. The tests of this package hold the source to that, and to a few more rules of the house
// that a compiler does not check:
//
//   - the protocol machine (captp) is pure: it knows no network, no clock, no randomness, no goroutine;
//   - no test sleeps by the real clock;
//   - no source file outgrows a reader.
//
// No program imports it.
package floors

import "strings"

// Module is the path of the main module.
const Module = "github.com/vatnet/vatnet"

// table gives each package its floor by its path within the module. A name that ends in /... stands for everything
// below it; the longest name that fits wins.
var table = map[string]int{
	"spec":     0, // the protocol in prose
	"spec/...": 0, // Go generated from the schemas
	"crypto":   0,

	"vat/store": 0, // what durable vats keep their memory in

	"internal/capn":    0, // messages by hand
	"internal/durably": 0, // names in folders that survive
	"internal/giveway": 0, // stepping aside for whom the network has something
	"internal/memnet":  0, // a network in memory
	"internal/noise":   0, // the handshake engine
	"internal/simdisk": 0, // a disk that loses what was not waited for
	"internal/outcome": 0, // how things ended, in the log

	"sturdyref":        1,
	"captp":            1,
	"vat/boltstore":    1, // a store in a file
	"internal/rpctext": 1, // messages as text, for traces
	"internal/value":   1, // Go values on the wire

	"vat":               2,
	"internal/heap":     2, // the store as turns see it
	"internal/link":     2, // sealed sessions between pairs of vats
	"internal/bare":     2, // a vat's core without goroutines, for internal/sim
	"internal/twoparty": 2, // a plain stream, for other implementations

	"vat/...":              3,
	"internal/hostile":     3, // peers that misbehave
	"internal/hostile/...": 4,
	"internal/sim":         3, // whole vats on one schedule
	"internal/sim/...":     4,

	"cmd/...":              4,
	"docs":                 4, // code of the pages, as tests
	"examples/...":         4,
	"internal/exampletest": 4, // examples as processes
	"internal/floors":      4,
	"internal/kill9":       4, // vats that are killed
	"internal/speccheck":   4,
}

// Floor returns the floor of the package at a path within the module ("captp", "vat/vattest"), or false if it has none
// yet.
func Floor(path string) (int, bool) {
	if f, ok := table[path]; ok {
		return f, true
	}
	for {
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return 0, false
		}
		path = path[:i]
		if f, ok := table[path+"/..."]; ok {
			return f, true
		}
	}
}

// Allowed reports whether the package at from may import the one at to, both paths within the module that have floors:
// a lower floor always, the same floor if to is internal or both belong to spec.
func Allowed(from, to string) bool {
	f, _ := Floor(from)
	t, _ := Floor(to)
	if f != t {
		return t < f
	}
	return strings.HasPrefix(to, "internal/") || strings.HasPrefix(from, "spec/") && strings.HasPrefix(to, "spec/")
}
