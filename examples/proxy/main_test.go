package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

var clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d{3})?`)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	clock := server.Cap(t)
	for range 2 {
		require.Equal(t, "it is T\nthe call has returned\ncalled back at T\ncalled back at T\ncalled back at T\n",
			clockTime.ReplaceAllString(p.Run(t, clock), "T"))
	}
	server.Interrupt(t)
}
