package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	office := server.Cap(t)
	shown := p.Run(t, office, "300")
	require.Equal(t, "the tax on 300.00 is 15.00\n", shown)
	exampletest.Shown(t, shown)
	told := p.Fail(t, office, "-1")
	require.Equal(t, "tax: there is no tax on debts\n", told)
	exampletest.Shown(t, told)
	require.Contains(t, p.Fail(t, office, "much"), "tax: ")
	require.Contains(t, p.Fail(t, office), "tax: ")
	server.Interrupt(t)
}
