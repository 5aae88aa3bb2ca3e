package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	all, quit := server.Cap(t), server.Cap(t)

	for _, c := range []struct{ command, out string }{
		{"echo hello", "hello\n"},
		{"reverse füße", "eßüf\n"},
		{"reverse 012", "210\n"},
		{"square 12", "144\n"},
		{"add 1 2 3.5", "6.5\n"},
		{"add", "0\n"},
	} {
		require.Equal(t, c.out, p.Run(t, append([]string{all}, strings.Fields(c.command)...)...), c.command)
	}
	for _, c := range []struct{ cap, command, err string }{
		{all, "square twelve", "commands: vat: the arguments do not fit: square: args[0]: text where uint64 is wanted\n"},
		{all, "square -1", "commands: vat: the arguments do not fit: square: args[0]: int64 that uint64 cannot hold exactly\n"},
		{all, "square", "commands: vat: the arguments do not fit: square takes 1, not 0\n"},
		{all, "square 5000000000", "commands: the square is too large\n"},
		{all, "quit", "commands: vat: no such verb: Commands has no verb \"quit\"\n"},
		{quit, "square 12", "commands: vat: no such verb: Switch has no verb \"square\"\n"},
	} {
		told := p.Fail(t, append([]string{c.cap}, strings.Fields(c.command)...)...)
		require.Equal(t, c.err, told, c.command)
		exampletest.Shown(t, told)
	}
	require.Empty(t, p.Run(t, quit, "quit"))
	require.Empty(t, server.Wait(t)) // by itself
}
