package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/hostile"
	"github.com/vatnet/vatnet/internal/hostile/cpp"
)

func TestReport(t *testing.T) {
	bad, err := report(io.Discard, false, false, "locator | verb", "finishes of what is finished")
	require.NoError(t, err)
	require.Zero(t, bad)
}

// What a peer that never finishes its questions makes Cap'n Proto's own implementation hold, and ours not.
func TestAtCPP(t *testing.T) {
	server, err := cpp.Build()
	if err != nil && os.Getenv("CI") != "true" {
		require.ErrorIs(t, err, cpp.ErrMissing)
		t.Skip("Cap'n Proto in C++ was ", err)
	}
	require.NoError(t, err)
	f := hostile.Floods[0]
	require.Equal(t, "bootstraps that are never finished", f.Name)
	row := strings.Split(atCPP(server, f, f.Small), "\t")
	require.Len(t, row, 3, row)
	resident, err := strconv.Atoi(row[0])
	require.NoError(t, err, row)
	require.Greater(t, resident, f.Small/10, "100 bytes each at the least")
	require.NotContains(t, row[2], "none", "an honest call")
}

func TestFloodsForVatsOnly(t *testing.T) {
	for _, f := range hostile.Floods {
		if f.Plain() {
			continue
		}
		_, err := (&hostile.Stock{}).Flood(f, 1)
		require.ErrorContains(t, err, "a flood for vats only")
	}
}
