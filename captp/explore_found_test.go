package captp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// programsFound are programs that went wrong once, by how.
var programsFound = map[string][]string{
	"sends on one reference changed places": {
		"A kept B; A kept B; B kept A; B ret 0 A; B ret 1 r2; A ret 2 r0; A tell r1; A tell r1",
		"A prom B o; A prom r0; B tell a0 p0; B res p0 A; A res p1 a2; A tell r1; A tell r1",
		"B kept A; B prom A; A ret 0 B; B prom r0; A res p1 B; B tell r3; B res p3 r1; B tell r3",
		"B prom A; A kept B; B prom r0; A res p0 B; B ret 1 A; B res p2 r0; B tell r2; B tell r2",
		"A prom B; B new; A prom r0 r0; B res p1 A; B res p0 A; A res p2 a2; A tell r2; A tell r2",
		"B kept A; A kept B; A prom B; B ret 1 r0; A ret 0 r2; A tell r1; B res p2 A; A tell r1",
		"B prom A; B kept A; B new; A prom B; B res p2 A; A res p0 B; B res p3 r0; B tell r1; A ret 1 r3; B tell r1",
		"B prom A; A prom B p0; B prom A; A prom B; B res p1 a1; A res p2 r1; B tell r2; A res p0 B; B res p3 A; B tell r2",
		"B prom A; A prom B p0; B prom A; A prom B; B res p1 a1; A res p2 r1; B tell r2; A res p0 r3; B tell r2; B res p3 A",
		"B kept A; A prom B; A prom r1; A tell r2; A new; B res p1 A; A res p2 r1; A res p4 B; A tell r2; A ret 0 B",
	},
	"a reference was passed on in front of calls on it that were held": {
		"B>A 1 calls; A echo B o; B tell a0; B echo a0 a0; B tell r2; B tell a0 r2; A tell a4",
	},
	"a promise that leads to itself was not broken while calls on it were held": {
		"circle; A>B 1 calls; A prom B; B prom A; A tell r0; B res p0 r1; A res p1 r0",
		"A>B 2 calls; circle; A prom B; B prom A; A tell r0; A tell B; B res p0 r1; A res p1 r0",
		"circle; B>A 1 calls; A prom B; B prom A; A tell r0; A tell B r0; B res p0 r1; A res p1 r0; B tell a3",
	},
	"calls waited for the credit of a question that was returned, and that only they kept open": {
		"A>B 1 calls; A echo B o; B kept A; A ret 1 r0; B tell r1",
		"A>B 1 calls; B kept A A; B own r0; A echo a0 B; A kept a2; A ret 0 r3; B ret 3 A",
		"B>A 1 calls; A kept B o; A tell r0; B kept a0; B ret 0 r2; A ret 2 B",
		"B>A 2 calls; tail; A kept B; A tell r0; B prom A; B tell r2; A res p2 r0; B ret 0 A; B tell r2",
		"B>A 1 calls; tail; A echo B o; A prom r0; A own r1; B prom a0; A res p1 o; A res p3 r2; B tell r3",
	},
	"what came back to an honest sender was refused": {
		"B>A 1 calls; A prom B; A tell r0; B kept A; A kept B; A ret 2 B; B res p0 A; A tell r0; A tell r0; B ret 3 o; A tell r0; A tell r3; A tell r0",
	},
	"canceled calls were left that had been passed on, and on whose results others had": {
		"A>B 600 bytes; A kept B C; B echo a0 C; A echo r0 B; B ret 0 r1; A tell r2",
	},
	"a canceled call that was on its way back once more was left": {
		"A>B 600 bytes; A kept B o; A echo r0 B; B echo a0 o; B ret 0 r2; A tell r1",
	},
}

// TestExploreFound explores them.
func TestExploreFound(t *testing.T) {
	spec.Covers(t, "ORDER-1", "ORDER-2", "CREDIT-2", "PROM-3", "PROM-4")
	for why, all := range programsFound {
		for _, p := range all {
			x, sense := tryProgram(parseProgram(p), exploreLimit())
			require.True(t, sense, p)
			require.Empty(t, x.bad, "%s: go test ./captp -run ExploreGenerated -v -program '%s'", why, p)
		}
	}
}
