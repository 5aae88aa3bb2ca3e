package main

import (
	"io"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server takes strangers, so that its memory has a limit; whoever starts it may set another.
func TestServersLimitTheirMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	serve := func() int64 {
		debug.SetMemoryLimit(math.MaxInt64)
		args := []string{"serve", "log", "--listen", "nowhere.invalid:x"} // it ends at once
		require.NotEqual(t, exitOK, run(args, strings.NewReader(""), io.Discard, io.Discard))
		return debug.SetMemoryLimit(-1)
	}
	t.Setenv("GOMEMLIMIT", "")
	require.EqualValues(t, memoryLimit, serve())
	t.Setenv("GOMEMLIMIT", "off")
	require.EqualValues(t, math.MaxInt64, serve())
}
