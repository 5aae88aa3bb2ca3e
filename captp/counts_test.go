package captp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCountsOfBothSidesAgree sends one object three times, and gives two of the
// three back together with the last.
func TestCountsOfBothSidesAgree(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	run := func(lines ...string) {
		for _, line := range lines {
			w.command(line)
		}
	}
	counts := func() (exported, imported map[uint32]uint32) {
		return w.vats["bob"].sessions["alice"].ExportCounts(), w.vats["alice"].sessions["bob"].ImportCounts()
	}
	run("vats alice bob", "alice: bob = boot bob", "bob: o = near thing",
		"alice: a = bob.get()", "alice: b = bob.get()", "alice: c = bob.get()", "run",
		"bob: #1 returns (o)", "bob: #2 returns (o)", "bob: #3 returns (o)")
	exported, imported := counts()
	require.Contains(t, exported, uint32(1))
	require.EqualValues(t, 3, exported[1], "sent")
	require.NotContains(t, imported, uint32(1), "and not arrived")
	run("run")
	exported, imported = counts()
	require.EqualValues(t, 3, exported[1])
	require.Equal(t, exported, imported)
	run("alice: release a:0", "alice: release b:0", "alice: release c:0", "alice: done a", "alice: done b", "alice: done c", "run")
	exported, imported = counts()
	require.NotContains(t, exported, uint32(1))
	require.Equal(t, exported, imported)
}
