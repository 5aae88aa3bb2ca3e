package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

// programs are what the test binary can be, beside the tests, by its last argument.
var programs = map[string]func(){"alice": main, "bob": main, "carol": main}

func TestMain(m *testing.M) {
	if program := programs[os.Args[len(os.Args)-1]]; program != nil {
		program()
		return
	}
	os.Exit(m.Run())
}

var number = regexp.MustCompile(`\d+`)

var counted = regexp.MustCompile(`^Bob counts to (\d+), (by way of Alice|at Carol's)\.$`)

// TestTheyGoOnTalking runs three processes, of which the introducer is killed.
func TestTheyGoOnTalking(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	require.NoError(t, show(ctx, &out, here), "%s", &out)
	requireTheyWentOn(t, out.String())
}

// requireTheyWentOn checks what show has said.
func requireTheyWentOn(t *testing.T, said string) {
	t.Helper()
	n, killed := 0, false
	for line := range strings.Lines(said) {
		exampletest.Shown(t, line, number) // how often he counts by way of Alice is no matter
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
