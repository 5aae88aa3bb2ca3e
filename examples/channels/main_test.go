package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	squares := server.Cap(t)

	long := p.Start(t, squares, "5000")
	require.Equal(t, "1", long.Line(t))
	shown := p.Run(t, squares) // meanwhile
	require.Equal(t, "1\n4\n9\n16\n25\n", shown)
	exampletest.Shown(t, shown)
	all := strings.Fields(long.Wait(t))
	require.Len(t, all, 4999)
	require.Equal(t, strconv.Itoa(5000*5000), all[4998])

	gone := p.Start(t, squares, "100000000")
	require.Equal(t, "1", gone.Line(t))
	gone.Kill(t)
	require.Contains(t, p.Fail(t, squares, "many"), "invalid syntax")
	require.Empty(t, p.Run(t, squares, "0"))
	require.Empty(t, server.Interrupt(t))
}
