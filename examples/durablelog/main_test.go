package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

// TestProcesses kills the server between calls: it has the same URI and all lines each time.
func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	dir := filepath.Join(t.TempDir(), "log.vat")

	server := p.Start(t, "-dir", dir)
	door := server.Cap(t)
	shows(t, "At T: foot\n", p.Run(t, door, "foot"))
	server.Kill(t)

	again := p.Start(t, "-dir", dir)
	same, err := os.ReadFile(again.Cap(t))
	require.NoError(t, err)
	uri, err := os.ReadFile(door)
	require.NoError(t, err)
	require.True(t, string(uri) == string(same), "another URI")
	require.Contains(t, p.Fail(t, "-dir", dir), "in use by process")
	shows(t, "At T: foot\nAt T: shoe\n", p.Run(t, filepath.Join(dir, "log.cap"), "shoe"))
	again.Interrupt(t)

	last := p.Start(t, "-dir", dir)
	last.Cap(t)
	shows(t, "At T: foot\nAt T: shoe\n", p.Run(t, door))
	last.Interrupt(t)
}

// shows compares what was printed with what should be, and with the README; T is any time.
func shows(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, want, times.ReplaceAllString(got, "T"))
	exampletest.Shown(t, times.ReplaceAllString(got, "2026-11-24 14:10:27"))
}
