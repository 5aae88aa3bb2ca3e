package hostile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While eight hostile sessions keep a vat as busy as they can, no honest call hangs or fails. How long they take is for
// the report to say, on a machine that has nothing else to do.
func TestHonestCallsUnderAttack(t *testing.T) {
	if raced {
		t.Skip("the race detector makes everything slow")
	}
	for _, name := range []string{"bootstraps, their returns never read", "results that are never finished", "exports without end"} {
		for _, f := range Floods {
			if f.Name != name {
				continue
			}
			res, err := MeasureLatency(f, 8, time.Second)
			require.NoError(t, err)
			d := res.During
			t.Logf("%s: %d calls, median %v, p99 %v, worst %v; before: p99 %v; %d sessions poured %d MiB", name,
				d.Calls, d.Median, d.P99, d.Worst, res.Before.P99, res.Sessions, res.Bytes>>20)
			require.Zero(t, d.Hung+d.Failed, d.Why)
			require.Positive(t, res.Bytes)
		}
	}
}
