package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat/group"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	hall, lectern := server.Cap(t), server.Cap(t)

	alice := p.Start(t, hall, "alice")
	shown := alice.Lines(t, 1)
	require.Empty(t, p.Run(t, "-speak", lectern, "hello", "world"))
	exampletest.Shown(t, shown+alice.Lines(t, 2))
	bob := p.Start(t, hall, "bob")
	require.Equal(t, "4: bob has joined", bob.Line(t))
	bob.Interrupt(t)
	exampletest.Shown(t, alice.Lines(t, 2))

	require.Contains(t, p.Fail(t, "-speak", hall, "hello"), "no such verb", "to listen is not to speak")
	require.Contains(t, p.Fail(t, lectern, "mallory"), "no such verb", "nor the other way round")
	require.Contains(t, p.Fail(t, hall, "buy now,"), "a name is a word", "nor to say something as a name")
	alice.Kill(t)
	server.Interrupt(t)
}

// Two speakers at a time, a member that does not answer, one that crashes: all others
// see one order.
func TestOneOrder(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	hall, lectern := server.Cap(t), server.Cap(t)

	// The sloth is far behind when the others come, and they get few events, not as many as one may be behind: so
	// nobody but the sloth can be too slow, however busy the machine is.
	sloth := p.Start(t, "-stuck", hall, "sloth")
	require.Equal(t, "joined", sloth.Line(t))
	const each = 5
	words := group.DefaultMaxBehind - 2 - each // and it is behind by three more when all have joined
	require.Empty(t, p.Run(t, append([]string{"-speak", lectern}, strings.Fields(strings.Repeat("word ", words))...)...))
	alice := p.Start(t, hall, "alice")
	require.Equal(t, fmt.Sprintf("%d: alice has joined", words+2), alice.Line(t))
	bob := p.Start(t, hall, "bob")
	joined := fmt.Sprintf("%d: bob has joined", words+3)
	require.Equal(t, joined, alice.Line(t))
	require.Equal(t, joined, bob.Line(t))

	var speakers []*exampletest.Process
	for _, name := range []string{"a", "b"} {
		args := []string{"-speak", lectern}
		for i := range each {
			args = append(args, fmt.Sprint(name, i))
		}
		speakers = append(speakers, p.Start(t, args...))
	}
	all := 2*each + 1 // and the news of the sloth
	want := alice.Lines(t, all)
	require.Equal(t, want, bob.Lines(t, all))
	require.Equal(t, 1, strings.Count(want, "sloth was too slow"))
	require.Contains(t, sloth.Fails(t), group.ErrSlow.Error(), "it is told, too")
	for _, name := range []string{"a", "b"} {
		said := want
		for i := range each { // each speaker's own order, too
			before, after, found := strings.Cut(said, fmt.Sprintf("“%s%d”\n", name, i))
			require.True(t, found, "%s%d is not among %s", name, i, before)
			said = after
		}
	}
	for _, s := range speakers {
		require.Empty(t, s.Wait(t))
	}
	bob.Kill(t)
	require.Equal(t, fmt.Sprintf("%d: bob is gone", words+3+all+1), alice.Line(t))
	alice.Interrupt(t)
	server.Interrupt(t)
}
