package program

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

type Greeter struct {
	vat.Object
	greeting string
}

func (g *Greeter) Greet(name string) string { return g.greeting + " " + name }

func TestServe(t *testing.T) {
	n := vattest.NewNetwork()
	v := n.Vat(t, "there", nil)
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, v, w, &Greeter{greeting: "hello"}, &Greeter{greeting: "good bye"}) }()
	lines := bufio.NewScanner(r)
	here := n.Vat(t, "here", nil)
	for _, want := range []string{"hello you", "good bye you"} {
		require.True(t, lines.Scan())
		sr, err := sturdyref.Parse(lines.Text())
		require.NoError(t, err)
		got, err := vat.Call[string](t.Context(), here.Enliven(sr), "greet", "you")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	stop()
	require.NoError(t, <-served)
	_, err := v.Ref(&Greeter{})
	require.ErrorIs(t, err, vat.ErrClosed)
}

// Who waits until there is a line takes the last one for the least of the rights: none may come later.
func TestServeAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var writes writes
	writes.then = stop
	require.NoError(t, Serve(ctx, vattest.NewNetwork().Vat(t, "there", nil), &writes, &Greeter{}, &Greeter{}))
	require.Len(t, writes.all, 1)
	require.Equal(t, 2, strings.Count(writes.all[0], "\n"))
}

type writes struct {
	all  []string
	then func()
}

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	w.then()
	return len(p), nil
}

// What cannot be exported or told ends the server, and its vat.
func TestServeFails(t *testing.T) {
	for name, c := range map[string]struct {
		listen bool
		object any
		want   error
	}{
		"no location": {object: &Greeter{}, want: vat.ErrNoLocation},
		"no object":   {listen: true, object: 7, want: vat.ErrNotSendable},
		"no reader":   {listen: true, object: &Greeter{}, want: io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &vat.Config{Network: vattest.NewNetwork().Host("there")}
			if c.listen {
				cfg.Listen = []string{"there:0"}
			}
			v, err := vat.New(cfg)
			require.NoError(t, err)
			r, w := io.Pipe()
			require.NoError(t, r.Close())
			require.ErrorIs(t, Serve(t.Context(), v, w, c.object), c.want)
			_, err = v.Ref(&Greeter{})
			require.ErrorIs(t, err, vat.ErrClosed)
		})
	}
}

func TestRun(t *testing.T) {
	v := vattest.NewNetwork().Vat(t, "there", nil)
	sr, err := v.Export(&Greeter{}, nil)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "greeter.cap")
	require.NoError(t, sturdyref.WriteFile(file, sr))

	served, used := errors.New("served"), errors.New("used")
	var vats []*vat.Vat
	serve := func(_ context.Context, v *vat.Vat) error {
		require.Len(t, v.Locations(), 1)
		require.Contains(t, v.Locations()[0], "name:")
		vats = append(vats, v)
		return served
	}
	use := func(_ context.Context, there *vat.Ref, args []string) error {
		require.Equal(t, vat.PromiseRef, there.State())
		require.Empty(t, there.Vat().Locations())
		require.Equal(t, []string{"x", "-y"}, args)
		vats = append(vats, there.Vat())
		return used
	}
	opens := func(cfg *vat.Config) func() (*vat.Vat, error) {
		return func() (*vat.Vat, error) { return vat.New(cfg) }
	}
	server := opens(config("127.0.0.1:0", "name"))
	require.Equal(t, []string{"h:1"}, config("h:1", "").Listen)
	require.Empty(t, config("h:1", "").Advertise)
	require.ErrorIs(t, run(t.Context(), server, nil, serve, use), served)
	require.ErrorIs(t, run(t.Context(), server, []string{file, "x", "-y"}, serve, use), used)
	require.ErrorIs(t, run(t.Context(), server, []string{sr.URI(), "x", "-y"}, serve, use), used, "though with a warning")
	err = run(t.Context(), server, []string{strings.TrimPrefix(sr.URI(), "captp://")}, serve, use)
	require.ErrorContains(t, err, "file: ")
	err = run(t.Context(), opens(config("nowhere", "")), nil, serve, use)
	require.Error(t, err)
	require.Len(t, vats, 3)
	for _, v := range vats {
		_, err := v.Ref(&Greeter{})
		require.ErrorIs(t, err, vat.ErrClosed)
	}
}

// Slow takes a second.
type Slow struct{ vat.Object }

func (s *Slow) Work() *vat.Promise[string] {
	return vat.Go(s.Vat(), func(ctx context.Context) (string, error) {
		select {
		case <-time.After(time.Second):
			return "done", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
}

// A program that has done its work waits for what it has sent; one that has failed does not.
func TestEnds(t *testing.T) {
	for _, failed := range []error{nil, errors.New("failed")} {
		synctest.Test(t, func(t *testing.T) {
			n := vattest.NewNetwork()
			sr, err := n.Vat(t, "there", nil).Export(&Slow{}, nil)
			require.NoError(t, err)
			var work *vat.Promise[string]
			require.ErrorIs(t, with(func() (*vat.Vat, error) { return vat.New(&vat.Config{Network: n.Host("here")}) }, func(v *vat.Vat) error {
				work = vat.Send[string](v.Enliven(sr), "work")
				return failed
			}), failed)
			if failed == nil {
				require.NoError(t, work.Err())
			} else {
				require.ErrorIs(t, work.Err(), vat.ErrClosed)
			}
		})
	}
}

func TestLines(t *testing.T) {
	collect := func(ctx context.Context, r io.Reader) (all []string, failed error) {
		for line, err := range Lines(ctx, r) {
			if failed = err; err == nil {
				all = append(all, line)
			}
		}
		return all, failed
	}
	all, err := collect(t.Context(), strings.NewReader("a\r\n\nb"))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "", "b"}, all)

	_, err = collect(t.Context(), strings.NewReader(strings.Repeat("x", bufio.MaxScanTokenSize)))
	require.ErrorIs(t, err, bufio.ErrTooLong)

	// Interrupted, it does not wait for the next line.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, "one\n") }()
	var seen []any
	for line, err := range Lines(ctx, r) {
		seen = append(seen, line, err)
		cancel()
	}
	require.Equal(t, []any{"one", nil, "", context.Canceled}, seen)
	require.NoError(t, w.Close())

	for line := range Lines(t.Context(), strings.NewReader("1\n2\n3\n")) {
		require.Equal(t, "1", line)
		break
	}
}

func TestPrintable(t *testing.T) {
	require.Equal(t, "füße", Printable("füße"))
	require.Equal(t, "a\uFFFD[31mb\uFFFDc\uFFFDd", Printable("a\x1b[31mb\nc\u202ed"))
}
