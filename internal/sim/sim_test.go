package sim

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seeds    = flag.Int("seeds", 0, "how many worlds TestWorlds runs; 0: 10000, or 1000 under the race detector")
	from     = flag.Uint64("from", 1, "the first of their seeds")
	onlySeed = flag.Uint64("seed", 0, "run the world of this seed alone; with -v its trace is printed")
	noShrink = flag.Bool("noshrink", false, "only name a world that breaks a rule")
	only     = flag.String("features", "", "features that every world has, with commas between them, or plain; empty: as each seed says")
)

// Whatever the schedule and the faults, every world keeps the rules.
func TestWorlds(t *testing.T) {
	features, err := ParseFeatures(*only)
	require.NoError(t, err)
	if *onlySeed != 0 {
		r := Run(*onlySeed, Options{Verbose: true, Features: features})
		t.Logf("%s%d steps, hash %x, %v", r.Trace, r.Steps, r.Hash, r.Seen)
		if r.Bad != "" {
			t.Fatal(Shrink(*onlySeed, features))
		}
		return
	}
	n := *seeds
	if n == 0 {
		n = 10000
		if race {
			n = 1000
		}
	}
	seen := map[string]int{}
	for i := range uint64(n) {
		r := Run(*from+i, Options{Features: features})
		if r.Bad != "" {
			failed(t, *from+i, features, r)
		}
		for k, v := range r.Seen {
			seen[k] += v
		}
	}
	t.Logf("%d worlds: %v", n, seen)
	if n >= 1000 && features == 0 {
		for _, kind := range []string{
			"send", "deliver", "settle", "release", "resolve", "break", "cancel",
			"reset", "stall", "partition", "slow", "half-close", "crash", "delay",
			"tamper", "forge", "replay", "alter", "late", "flood", "garbage", "forged",
			"cycle", "give up a cycle",
			"known", "resolve data",
			"hold", "work", "tick", "meanwhile", "grant", "enliven", "revoke", "clock", "same",
		} {
			require.NotZero(t, seen[kind], "no world had a %s", kind)
		}
	}
}

// failed names a world that breaks a rule, and the steps that it needs.
func failed(t *testing.T, seed uint64, features Feature, r Result) {
	t.Helper()
	t.Logf("seed %d, %s: %s", seed, r.Features, r.Bad)
	if !*noShrink {
		t.Log(Shrink(seed, features))
	}
	t.FailNow()
}

// Nor does it matter that references are handed over.
func TestHandoffWorlds(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = 10000
		if race {
			n = 1000
		}
	}
	combined := []Feature{Handoffs, Handoffs | Hostile, Handoffs | Gates | Grants, Handoffs | Hostile | Gates | Grants, Handoffs | Tight, Handoffs | Tight | Gates}
	meetings, seconds, interrupts := 0, 0, 0
	for i := range uint64(n) {
		features := combined[i%uint64(len(combined))]
		r := Run(*from+i, Options{Features: features})
		if r.Bad != "" {
			failed(t, *from+i, features, r)
		}
		meetings += r.Seen["meet"]
		seconds += r.Seen["second"]
		interrupts += r.Seen["interrupt"]
	}
	t.Logf("%d worlds, %d meetings, %d of them interrupted, %d seconds", n, meetings, interrupts, seconds)
	require.Greater(t, meetings, n/10)
	require.Greater(t, seconds, n)
	require.Greater(t, interrupts, n/10)
}

// found are worlds that once failed, by what was wrong.
var found = map[string][]foundWorld{
	"a call was canceled after what its method returned had been": {{114009, Plain}},
	"calls that went round stayed when they had been canceled":    {{27135, Cycles | Tight}},
	"only the collector let go of what data had as a promise":     {{202337, Hostile | Gates | Grants | Handoffs}},
}

type foundWorld struct {
	seed     uint64
	features Feature
}

func TestFoundWorlds(t *testing.T) {
	for wrong, worlds := range found {
		t.Run(wrong, func(t *testing.T) {
			for _, x := range worlds {
				if r := Run(x.seed, Options{Features: x.features}); r.Bad != "" {
					t.Error(Shrink(x.seed, x.features))
				}
			}
		})
	}
}

// The same seed gives the same world, to the byte.
func TestSameSeedSameTrace(t *testing.T) {
	first := Run(1, Options{})
	for range 1000 {
		require.Equal(t, first.Hash, Run(1, Options{}).Hash)
	}
	hashes := map[uint64]bool{}
	for seed := range uint64(200) {
		r := Run(seed, Options{})
		require.Equal(t, r.Hash, Run(seed, Options{Verbose: true}).Hash, "seed %d", seed)
		hashes[r.Hash] = true
	}
	require.Len(t, hashes, 200, "different seeds, different worlds")
}
