package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	pipe := server.Cap(t)

	c := p.Start(t, pipe)
	c.Say(t, "foot")
	shown := c.Lines(t, 1) // before there is more: it is a pipe
	c.Say(t, "shoe")
	c.Hush(t)
	shown += c.Wait(t)
	require.Equal(t, "  1  foot\n  2  shoe\n2 lines\n", shown)
	exampletest.Shown(t, shown)

	c = p.Start(t, pipe)
	const many = 20_000
	text := strings.Repeat("x", 100)
	c.Say(t, strings.Repeat(text+"\n", many-1)+text)
	c.Hush(t)
	got := c.Wait(t)
	require.True(t, strings.HasSuffix(got, fmt.Sprintf("%d  %s\n%d lines\n", many, text, many)))
	server.Interrupt(t)
}

// A client whose server is gone hears so, though nobody ends its standard input.
func TestServerGone(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	c := p.Start(t, server.Cap(t))
	c.Say(t, "foot")
	c.Lines(t, 1)
	server.Kill(t)
	require.Contains(t, c.Fails(t), "connection")
}
