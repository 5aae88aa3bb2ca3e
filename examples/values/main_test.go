package main

import (
	"regexp"
	"testing"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	where := regexp.MustCompile(`captp://\w+…@[\d.:]+`)
	exampletest.Shown(t, p.Run(t, server.Cap(t)), where)
	server.Interrupt(t)
}
