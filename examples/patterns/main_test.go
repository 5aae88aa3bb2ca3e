package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	alice, bob, auditor, gate := server.Cap(t), server.Cap(t), server.Cap(t), server.Cap(t)

	waits := p.Start(t, alice, "trade")
	got := p.Run(t, bob, "trade")
	require.Equal(t, "I got 10 apples\nI have left 80 pears\n", got)
	exampletest.Shown(t, got)
	got = waits.Wait(t)
	require.Equal(t, "I got 20 pears\nI have left 90 apples\n", got)
	exampletest.Shown(t, got)
	got = p.Run(t, auditor, "audit")
	require.Equal(t, "I see 90 apples\nI try to take one: vat: no such verb: Facet has no verb \"withdraw\"\n", got)
	exampletest.Shown(t, got)

	require.Contains(t, p.Fail(t, alice, "trade"), "paid already")
	require.Contains(t, p.Fail(t, alice, "steal"), "trade, audit or revoke")
	require.Empty(t, p.Run(t, gate, "revoke"))
	require.Contains(t, p.Fail(t, bob, "trade"), "pattern: revoked")
	require.Empty(t, server.Interrupt(t))
}
