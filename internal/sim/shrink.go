package sim

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Shrink leaves out steps of a world that breaks a rule as long as the same kind of rule is broken, and describes what
// is left.
func Shrink(seed uint64, features Feature) string {
	r := Run(seed, Options{Features: features})
	if r.Bad == "" {
		return fmt.Sprintf("seed %d breaks no rule", seed)
	}
	first, kind, without := r.Bad, kindOf(r.Bad), map[int]bool{}
	until := time.Now().Add(time.Minute)
	for size := max(r.Steps/2, 1); size > 0; size /= 2 {
		for at := 1; at <= r.Steps && time.Now().Before(until); at += size {
			try := maps.Clone(without)
			for i := at; i < at+size && i <= r.Steps; i++ {
				try[i] = true
			}
			if len(try) > len(without) && kindOf(Run(seed, Options{Features: features, Without: try}).Bad) == kind {
				without = try
			}
		}
	}
	r = Run(seed, Options{Features: features, Verbose: true, Without: without})
	return fmt.Sprintf("seed %d: %s\nreplay it with: go test ./internal/sim -run TestWorlds -seed %d -features %s -v\n%d of %d steps are needed:\n%s",
		seed, first, seed, r.Features, r.Steps-len(without), r.Steps, r.Trace)
}

// kindOf is the rule that was broken, without the numbers.
func kindOf(bad string) string {
	return strings.Join(strings.FieldsFunc(bad, func(r rune) bool { return r >= '0' && r <= '9' }), "#")
}
