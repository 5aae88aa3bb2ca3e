package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	node := server.Cap(t)
	exampletest.Shown(t, p.Run(t, node))
	exampletest.Shown(t, server.Lines(t, 3))
	for range 4 {
		require.Contains(t, p.Run(t, node), "the adder, started again: 4\n")
	}
	require.Contains(t, p.Fail(t, node), errGivenUp.Error())
	require.Contains(t, p.Run(t, node, "spare"), "the spare, started again: 4\n", "they are supervised one by one")
	require.Contains(t, p.Fail(t, node, "nobody"), errNoName.Error())
	server.Interrupt(t)
}

// A mailbox keeps what its process does not want yet, and not without end.
func TestMailbox(t *testing.T) {
	v, err := vat.New(nil)
	require.NoError(t, err)
	defer v.Close()
	box, inbox, err := newMailbox(v)
	require.NoError(t, err)

	waits := vat.Send[Message](inbox.slot, "receive", []string{"b"})
	for i, tag := range []string{"a", "b", "a", "b"} {
		box.SendOnly("tell", Message{Tag: tag, Number: i})
	}
	first, err := waits.Await(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, first.Number)
	for _, want := range []int{3, 0, 2} {
		tags := []string{}
		if want == 3 {
			tags = append(tags, "b")
		}
		msg, err := inbox.Receive(t.Context(), tags...)
		require.NoError(t, err)
		require.Equal(t, want, msg.Number)
	}

	gone := vat.Send[Message](inbox.slot, "receive", []string{})
	gone.Cancel()
	for range full {
		_, err := vat.Call[any](t.Context(), box, "tell", Message{Tag: "c"})
		require.NoError(t, err)
	}
	_, err = vat.Call[any](t.Context(), box, "tell", Message{Tag: "c"})
	require.ErrorContains(t, err, "full")
}
