package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)

	alone := p.Start(t)
	client := p.Start(t, alone.Cap(t))
	for _, n := range []string{"1", "2", "3"} {
		client.Say(t, n)
	}
	client.Hush(t)
	exampletest.Shown(t, client.Wait(t))
	require.Equal(t, "a client came, now there are 1\na client let go, now there are 0\n", alone.Wait(t))

	server := p.Start(t)
	door := server.Cap(t)

	alice := p.Start(t, door)
	alice.Say(t, "5")
	shown := alice.Line(t)
	bob := p.Start(t, door)
	bob.Say(t, "2")
	seen := bob.Line(t)
	require.Equal(t, "the count is 5", shown)
	require.Equal(t, "the count is 7", seen)
	alice.Say(t, "1")
	require.Equal(t, "the count is 8", alice.Line(t))

	told := server.Lines(t, 2)
	alice.Kill(t) // how it ends does not matter
	told += server.Lines(t, 1)
	bob.Say(t, "2")
	require.Equal(t, "the count is 10", bob.Line(t))
	bob.Hush(t)
	require.Empty(t, bob.Wait(t))
	told += server.Wait(t) // by itself
	exampletest.Shown(t, told)
}
