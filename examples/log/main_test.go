package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// TestMain lets the test binary be the example, in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("VATNET_EXAMPLE_LOG") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns the example as a process.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "VATNET_EXAMPLE_LOG=1",
		"GORACE=atexit_sleep_ms=0") // the race detector would sleep for a second before it ends
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

var match = regexp.MustCompile(`^At \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: foot\n$`)

// TestProcesses runs server and client as processes that meet over TCP.
func TestProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := command(ctx, t, "-listen", "127.0.0.1:0", "-advertise", "localhost")
	var serverErr bytes.Buffer
	server.Stderr = &serverErr
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	uri, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "%s", &serverErr)
	require.Contains(t, uri, "@localhost:")

	file := filepath.Join(t.TempDir(), "log.cap")
	require.NoError(t, os.WriteFile(file, []byte(uri), 0o600))

	for name, c := range map[string]struct {
		arg, stdin string
		warns      bool
	}{
		"URI":   {arg: strings.TrimSpace(uri), warns: true},
		"file":  {arg: file},
		"stdin": {arg: "-", stdin: uri},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(ctx, t, c.arg)
			cmd.Stdin = strings.NewReader(c.stdin)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(t, cmd.Run(), "%s", &stderr)
			first, _, _ := strings.Cut(stdout.String(), "\n")
			require.Regexp(t, match, first+"\n")
			require.Equal(t, c.warns, strings.Contains(stderr.String(), "warning: other users"))
			require.NotContains(t, stderr.String(), strings.TrimSpace(uri))
		})
	}

	if runtime.GOOS == "windows" { // it has no signal that a process can send
		require.NoError(t, server.Process.Kill())
		_ = server.Wait()
		return
	}
	require.NoError(t, server.Process.Signal(os.Interrupt))
	require.NoError(t, server.Wait(), "interrupted, it ends in order: %s", &serverErr)
	secret := strings.TrimSpace(uri[strings.LastIndexByte(uri, '/')+1:])
	require.NotContains(t, serverErr.String(), secret)
}

func TestMisuse(t *testing.T) {
	for name, args := range map[string][]string{
		"two arguments": {"a", "b"},
		"no such file":  {filepath.Join(t.TempDir(), "none.cap")},
		"bad URI":       {"captp://nobody@nowhere/nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), "127.0.0.1:0", "", args))
		})
	}
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

func TestPrintable(t *testing.T) {
	require.Equal(t, "füße", printable("füße"))
	require.Equal(t, "a\uFFFD[31mb\uFFFDc\uFFFDd", printable("a\x1b[31mb\nc\u202ed"))
}
