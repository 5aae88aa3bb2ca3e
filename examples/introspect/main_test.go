package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	calculator := server.Cap(t)
	for range 2 { // the first has not harmed the server
		exampletest.Shown(t, p.Run(t, calculator))
	}
	server.Interrupt(t)
	require.Contains(t, server.Stderr(), "integer divide by zero", "the detail is in the server's log")
}
