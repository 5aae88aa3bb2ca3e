package captp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// That the reduced search sees what one sees that tries everything.

// seen describes a world at rest by what can be told of it without the names that happen to be given in it.
func (w *xWorld) seen() string {
	var b strings.Builder
	for _, v := range w.vats {
		arrived := slices.Clone(v.arrivals)
		slices.Sort(arrived)
		fmt.Fprintf(&b, "%s: %v, %d steps left, kept %v, at gates %v;", v.name, arrived, len(v.steps), sortedNames(v.kept), sortedNames(v.gated))
		for _, m := range sortedNames(v.sent) {
			fmt.Fprintf(&b, " %s %d %q", m, v.sent[m].c.state, v.sent[m].err)
		}
		for _, r := range sortedNames(v.refs) {
			fmt.Fprintf(&b, " %s %d", r, v.refs[r].State())
		}
		for _, name := range sortedNames(v.sessions) {
			st := v.sessions[name].Stats()
			st.Charged = 0 // depends on the capacity of buffers
			fmt.Fprintf(&b, " with %s %+v", name, st)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// compare runs a shape both ways; it returns nil if to try everything takes more than that many states.
func (s *shape) compare(t *testing.T, noEmbargo bool, most int) (full, reduced *search) {
	full = s.search(noEmbargo, true, most)
	full.all = true
	full.run()
	if full.stopped {
		return nil, nil
	}
	reduced = s.search(noEmbargo, true, 0)
	reduced.run()
	require.Equal(t, full.bad == "", reduced.bad == "", "%s, without embargoes: %v: %q, reduced %q", s.name, noEmbargo, full.bad, reduced.bad)
	if full.bad == "" {
		require.Equal(t, sortedNames(full.ends), sortedNames(reduced.ends), "%s, without embargoes: %v", s.name, noEmbargo)
		require.Equal(t, full.stuck > 0, reduced.stuck > 0, s.name)
		require.Equal(t, full.locked > 0, reduced.locked > 0, s.name)
	}
	return full, reduced
}

// TestExploreReduced compares the reduced search with the one that tries everything, with and without embargoes: the same
// goes wrong and the same ends are seen. And in the smaller shapes, for any two messages: if one tries everything,
// does the first always come before the second? The reduced search must say the same.
func TestExploreReduced(t *testing.T) {
	most, mostPairs, least := 8000, 500, 20
	if exploreLimit() > 0 {
		most, mostPairs, least = 300, 30, 2
	}
	compared, pairs, overtaken, states, fewer := 0, 0, 0, 0, 0
	for _, s := range append(shapes(), handedOver()...) {
		for _, noEmbargo := range []bool{false, true} {
			full, reduced := s.compare(t, noEmbargo, most)
			if full == nil {
				continue
			}
			compared++
			states += len(full.nodes)
			fewer += len(reduced.nodes)
			if noEmbargo || len(full.nodes) > mostPairs {
				continue
			}
			for _, a := range s.all {
				for _, b := range s.all {
					if a == b {
						continue
					}
					order := *s
					order.before = [][2]string{{a, b}}
					if full, _ := order.compare(t, noEmbargo, 0); strings.Contains(full.bad, "arrived before") {
						overtaken++
					}
					pairs++
				}
			}
		}
	}
	t.Logf("%d worlds compared, %d states, reduced %d; %d pairs of messages, of which %d can come the other way", compared, states, fewer, pairs, overtaken)
	require.Greater(t, compared, least)
	require.Greater(t, pairs, least)
	require.Greater(t, overtaken, least/2)
}

// TestExploreDifferent checks that what may not change places is found to be different: two calls on one object from two
// vats, and what is sent the same way. A search that found them indifferent would see one order of each.
func TestExploreDifferent(t *testing.T) {
	s, bad := parseProgram("A own C; A tell B r0; B tell a1; A tell r0").shape()
	require.Empty(t, bad)
	for _, order := range [][2]string{{"m2", "m3"}, {"m3", "m2"}} {
		s.before = [][2]string{order}
		x := s.search(false, true, 0)
		x.run()
		require.Contains(t, x.bad, "arrived before")
	}
}
