package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

var (
	match  = regexp.MustCompile(`^At \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: foot\n$`)
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
)

// TestProcesses runs server and client as processes that meet over TCP.
func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t, "-listen", "127.0.0.1:0", "-advertise", "localhost")
	file := server.Cap(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	uri := strings.TrimSpace(string(text))
	require.Contains(t, uri, "@localhost:")

	said := p.Run(t, file)
	require.Regexp(t, match, said)
	exampletest.Shown(t, said, moment)

	piped := p.Start(t, "-")
	piped.Say(t, uri)
	piped.Hush(t)
	require.Equal(t, 2, strings.Count(piped.Wait(t), ": foot\n"))
	require.Empty(t, piped.Stderr())

	exposed := p.Start(t, uri)
	require.Equal(t, 3, strings.Count(exposed.Wait(t), ": foot\n"))
	require.Contains(t, exposed.Stderr(), "warning: a sturdyref in the command line")

	require.Contains(t, p.Fail(t, filepath.Join(t.TempDir(), "none.cap")), "none.cap")
	require.Contains(t, p.Fail(t, "captp://nobody@nowhere/nothing"), "the URI: ")
	server.Interrupt(t)
}

// TestNobodyWaits: to connect takes one round trip of the handshake, and one more
// takes the reference, both lines, the search and what it found. So the sends left
// together, before anything had come back; and the search saw both lines, for
// sends keep their order.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const oneWay = 100 * time.Millisecond
		n := vattest.NewNetwork()
		n.Latency("here", "there", oneWay)
		sr, err := n.Vat(t, "there", nil).Export(&Log{}, nil)
		require.NoError(t, err)
		log := n.Vat(t, "here", nil).Enliven(sr)

		began := time.Now()
		require.NoError(t, client(t.Context(), log, nil))
		dial := 2 * oneWay
		require.LessOrEqual(t, time.Since(began), dial+4*oneWay)
		require.Equal(t, 2, n.Stats().RoundTrips)

		all, err := vat.Call[[]Entry](t.Context(), log, "search", "")
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, "foot", all[0].Line)
		require.Equal(t, "shoe", all[1].Line)
	})
}
