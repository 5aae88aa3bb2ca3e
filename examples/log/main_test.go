package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

var match = regexp.MustCompile(`^At \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: foot\n$`)

// TestProcesses runs server and client as processes that meet over TCP.
func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t, "-listen", "127.0.0.1:0", "-advertise", "localhost")
	file := server.Cap(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	uri := strings.TrimSpace(string(text))
	require.Contains(t, uri, "@localhost:")

	require.Regexp(t, match, p.Run(t, file))

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

		ctx, stop := context.WithCancel(t.Context())
		r, w := io.Pipe()
		served := make(chan error, 1)
		go func() {
			served <- serve(ctx, &vat.Config{Network: n.Host("there"), Listen: []string{"there:0"}}, w)
		}()
		uri, err := bufio.NewReader(r).ReadString('\n')
		require.NoError(t, err)
		sr, err := sturdyref.Parse(strings.TrimSpace(uri))
		require.NoError(t, err)

		began := time.Now()
		out := &observer{}
		require.NoError(t, client(ctx, &vat.Config{Network: n.Host("here")}, sr, out))
		require.Regexp(t, match, out.String())
		dial := 2 * oneWay
		require.LessOrEqual(t, out.at.Sub(began), dial+4*oneWay)

		// Another client finds what both left.
		v, err := vat.New(&vat.Config{Network: n.Host("here")})
		require.NoError(t, err)
		all, err := vat.Call[[]Entry](ctx, v.Enliven(sr), "search", "")
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, "foot", all[0].Line)
		require.Equal(t, "shoe", all[1].Line)
		require.NoError(t, v.Shutdown(ctx))

		stop()
		require.NoError(t, <-served)
	})
}

// observer notes when something was printed.
type observer struct {
	bytes.Buffer
	at time.Time
}

// Write implements io.Writer.
func (o *observer) Write(b []byte) (int, error) {
	o.at = time.Now()
	return o.Buffer.Write(b)
}
