package main

import (
	"testing"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	exampletest.Shown(t, p.Run(t, server.Cap(t)))
	server.Interrupt(t)
}
