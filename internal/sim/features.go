package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Feature is something that only some worlds have.
type Feature uint16

// The features.
const (
	Hostile  Feature = 1 << iota // one vat is an attacker's
	Cycles                       // promises may be resolved to what waits for them
	Gates                        // promises stand where plain data is wanted
	Driven                       // cores are driven as vats drive them, and replies are large
	Tight                        // credit for few calls and bytes
	Grants                       // things are granted for a time, and revoked; clocks leap
	Handoffs                     // references to things of third vats are handed over

	Plain Feature = 1 << 15 // none of them, where 0 means those that the seed says
)

var featureNames = []struct {
	f    Feature
	name string
}{
	{Hostile, "hostile"},
	{Cycles, "cycles"},
	{Gates, "gates"},
	{Driven, "driven"},
	{Tight, "tight"},
	{Grants, "grants"},
	{Handoffs, "handoffs"},
}

// ParseFeatures reads names with commas between them; "plain" is none.
func ParseFeatures(s string) (f Feature, err error) {
	if s == "" {
		return 0, nil
	}
	f = Plain
	for name := range strings.SplitSeq(s, ",") {
		if name == "plain" {
			continue
		}
		known := false
		for _, x := range featureNames {
			if x.name == name {
				f, known = f|x.f, true
			}
		}
		if !known {
			return 0, fmt.Errorf("no feature is called %q", name)
		}
	}
	return f, nil
}

// String gives the names.
func (f Feature) String() string {
	names := []string{}
	for _, x := range featureNames {
		if f&x.f != 0 {
			names = append(names, x.name)
		}
	}
	if len(names) == 0 {
		return "plain"
	}
	return strings.Join(names, ",")
}

// featuresOf draws the features of a seed, each in a quarter of all worlds, but for handoffs, which have a test of their own. The draw is apart from all others, so that a
// world whose features are given goes as it would with these drawn.
func featuresOf(seed uint64) (f Feature) {
	rng := rand.New(rand.NewPCG(seed, ^uint64(0)))
	for _, x := range featureNames {
		if x.f != Handoffs && rng.IntN(4) == 0 {
			f |= x.f
		}
	}
	return f
}

func (w *world) has(f Feature) bool { return w.features&f != 0 }
