package captp

import (
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

var handedFlag = flag.Int("handed", 100000, "states after which a world of TestExploreHandedOver that is not one of Tribble's is given up; 0: never")

// handedOver returns the shapes of three and four vats with handoff, all vats being linked: at once, and with meetings
// half-way.
func handedOver() (all []*shape) {
	for _, s := range shapes() {
		if s.program == "" || s.handoff || len(s.vats) < 3 {
			continue
		}
		for _, late := range []bool{false, true} {
			p := parseProgram(s.program)
			p.option("handoff")
			for a := range p.vats {
				for b := range a {
					p.option(fmt.Sprintf("link %c%c", 'A'+b, 'A'+a))
				}
			}
			name := s.name + ", handed over"
			if late {
				name += " late"
				p.option("late")
				for at := range p.vats {
					p = p.with((len(p.ops)-at)/2+1, gop{at: at, verb: "meet"})
				}
			}
			h, bad := p.shape()
			if bad != "" {
				panic(name + ": " + bad)
			}
			h.name, h.mayStick, h.bare = name, false, true
			h.calm, h.fails = handedCalm[s.name], handedCalm[s.name] == ""
			all = append(all, h)
		}
	}
	return all
}

// handedCalm says why nothing goes wrong without embargoes, by shape; where it says nothing, something does: in all of
// Tribble's.
var handedCalm = map[string]string{
	"lost resolution":                 onceEach,
	"diamond, x of Dave's":            onceEach,
	"diamond, x of Carol's":           onceEach,
	"diamond, x of Alice's":           onceEach,
	"diamond, x a promise of Carol's": onceEach,
}

const onceEach = "nobody sends twice on what he was passed, and its Provide follows what the donor sent"

// handoffsFound are programs that went wrong once.
var handoffsFound = []string{
	// What went strictly down a vine was overtaken on the direct way.
	"handoff; link AD; A kept B; B kept A; A kept B; B ret 2 r1; A ret 1 r0; A tell r2; A tell r2; B ret 0 D",
}

// TestExploreHandedOver runs them, each of Tribble's to its end.
func TestExploreHandedOver(t *testing.T) {
	spec.Covers(t, "HAND-3", "HAND-9", "HAND-10", "HAND-12", "HAND-16", "ORDER-1", "ORDER-2", "ORDER-3")
	var states, whole, worlds atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for _, s := range handedOver() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				limit := *handedFlag
				switch tribble := strings.HasPrefix(s.name, "Tribble"); {
				case exploreLimit() > 0:
					limit = exploreLimit()
				case tribble:
					limit = 0
				}
				x := s.explore(t, limit)
				worlds.Add(1)
				states.Add(int64(len(x.nodes)))
				if !x.stopped {
					whole.Add(1)
				}
				if exploreLimit() == 0 {
					s.without(t)
				}
			})
		}
	})
	for _, p := range handoffsFound {
		x, sense := tryProgram(parseProgram(p), exploreLimit())
		require.True(t, sense, p)
		require.Empty(t, x.bad, "-program '%s'", p)
	}
	t.Logf("%d worlds, %d of them whole, %d states", worlds.Load(), whole.Load(), states.Load())
}
