package hostile

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	full      = flag.Bool("full", false, "run floods with their full counts")
	onlyFlood = flag.String("flood", "", "run the floods whose name contains this")
)

func TestFloods(t *testing.T) {
	require.GreaterOrEqual(t, len(Floods), 20)
	r := &Runner{Patience: patience}
	defer r.Close()
	for _, f := range Floods {
		if !strings.Contains(f.Name, *onlyFlood) {
			continue
		}
		n := f.Small
		if *full {
			n = f.Full
		}
		res, err := r.Flood(f, n)
		t.Logf("%-70s %8d %-14s heap %4d KiB, %4d left, took %v, an honest call %v", f.Name, n, res.Outcome, res.Heap>>10, res.Left>>10, res.Took, res.Honest)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
