package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// TestDemoServerEndsWithItsInput: that is how the demo's other process learns that
// the demo is gone.
func TestDemoServerEndsWithItsInput(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	status := make(chan int, 1)
	go func() { status <- run([]string{"demo-server"}, inR, outW, io.Discard) }()
	line, err := bufio.NewReader(outR).ReadString('\n')
	require.NoError(t, err)
	_, err = sturdyref.Parse(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, inW.Close())
	require.Equal(t, exitOK, <-status)
}

// TestKilledDemoLeavesNothing kills the demo outright. Both its processes hold the
// pipe that is their standard error, so it ends only when both have.
func TestKilledDemoLeavesNothing(t *testing.T) {
	exe, err := exec.LookPath("vat") // testscript.Main has put it there
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(exe, "demo")
	cmd.Stderr = w
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_ = cmd.Process.Kill() // it may be through
	_, err = io.Copy(io.Discard, r)
	require.NoError(t, err)
	_ = cmd.Wait()
}
