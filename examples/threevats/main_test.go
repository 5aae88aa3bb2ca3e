package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the three, in processes of their own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && slices.Contains([]string{"alice", "bob", "carol"}, os.Args[1]) {
		main()
		return
	}
	os.Exit(m.Run())
}

var counted = regexp.MustCompile(`^Bob counts to (\d+), (by way of Alice|at Carol's)\.$`)

// TestTheyGoOnTalking runs three processes, of which the introducer is killed.
func TestTheyGoOnTalking(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	require.NoError(t, show(ctx, &out), "%s", &out)
	n, killed := 0, false
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if line == "Alice is killed." {
			killed = true
			continue
		}
		m := counted.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		n++
		require.Equal(t, strconv.Itoa(n), m[1], "in order, and each once")
		if killed {
			require.Equal(t, "at Carol's", m[2])
		}
	}
	require.True(t, killed)
}
