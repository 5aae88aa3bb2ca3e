package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

func newDemo() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show E's log service: a server in one process, a client in another",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel, err := deadline(cmd.Context(), timeout)
			if err != nil {
				return err
			}
			defer cancel()
			err = runDemo(ctx, cmd)
			if err != nil && ctx.Err() != nil {
				return failed(exitTimeout, "the demo was not through within %s", timeout)
			}
			return err
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

// newDemoServer is what demo runs as its other process. It serves a log until its
// standard input ends, which is also what happens when the demo is killed.
func newDemoServer() *cobra.Command {
	return &cobra.Command{
		Use:    "demo-server",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			go func() {
				_, _ = io.Copy(io.Discard, cmd.InOrStdin()) // however it ends, it has ended
				cancel()
			}()
			cfg := &vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: logger(cmd)}
			return serveLog(ctx, cfg, cmd.OutOrStdout())
		},
	}
}

// runDemo starts the other process, is the client, and ends the other process.
func runDemo(ctx context.Context, cmd *cobra.Command) error {
	server, err := startServer(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	story := &story{w: cmd.OutOrStdout()}
	err = demo(ctx, cmd, server, story)
	return errors.Join(err, server.stop(), story.err)
}

// server is the demo's other process.
type server struct {
	cmd *exec.Cmd
	in  io.Closer // the write end of its standard input
	ref sturdyref.Ref
}

// startServer starts it and gets the sturdyref over a pipe.
func startServer(ctx context.Context, diag io.Writer) (s *server, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s = &server{cmd: exec.CommandContext(ctx, exe, "demo-server")}
	s.cmd.Stderr = diag
	s.cmd.WaitDelay = drainTime
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		s.in, err = s.cmd.StdinPipe()
	}
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReaderSize(out, sturdyref.MaxURI+2).ReadString('\n')
	if err == nil {
		s.ref, err = sturdyref.Parse(strings.TrimSuffix(line, "\n"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server gave no sturdyref: %w", err), s.stop())
	}
	return s, nil
}

// stop ends the other process and waits for it.
func (s *server) stop() error {
	return errors.Join(s.in.Close(), s.cmd.Wait())
}

// demo is the client, and tells what happens.
func demo(ctx context.Context, cmd *cobra.Command, server *server, tell *story) error {
	network := &meter{}
	v, err := vat.New(&vat.Config{Network: network, Logger: logger(cmd)})
	if err != nil {
		return err
	}
	defer goodbye(v, time.Second)

	tell.line("E's log service: a server in one process, a client in another.")
	tell.part("server", "process %d, vat %s, listens on %s",
		server.cmd.Process.Pid, server.ref.Vat().Short(), strings.Join(server.ref.Locations(), ", "))
	tell.more("exports a log as %s", server.ref)
	tell.more("and hands the URI over through a pipe: whoever holds it holds the log")

	began := time.Now()
	log := v.Enliven(server.ref)
	foot := log.Send("log", "foot")
	shoe := log.Send("log", "shoe")
	search := vat.Send[[]entry](log, "search", "foo")
	sent, before := time.Since(began), network.read()

	tell.part("client", "process %d, vat %s", os.Getpid(), v.ID().Short())
	tell.more("enlivens the URI        a promise, at once")
	tell.more("sends log(\"foot\")       to the promise")
	tell.more("sends log(\"shoe\")")
	tell.more("sends search(\"foo\")     %s for all of it, %s had come back by then", round(sent), bytes(before.received))
	found, err := search.Await(ctx)
	took, after := time.Since(began), network.read()
	for _, p := range []*vat.Promise[any]{foot, shoe} {
		if err == nil {
			_, err = p.Await(ctx)
		}
	}
	if err != nil {
		return explain(ctx, log, "search", err)
	}
	tell.more("search has resolved, %s after the beginning:", round(took))
	for _, e := range found {
		tell.more("    At %s: %s", e.At.Format("2006-01-02 15:04:05.000"), escape(e.Line))
	}

	tell.part("network", "%d round trips on the socket once TCP had connected: 1 for the key exchange, %d for all the rest",
		after.trips, after.trips-1)
	tell.more("%s sent, %s received, padding included", bytes(after.sent), bytes(after.received))
	tell.part("keys", "%s", crypto.Suite)
	tell.more("X25519 and ML-KEM-768 together: both must be broken to read a recording")
	tell.more("the server is the vat that the URI names, or there would be no session")
	return nil
}

// story is what the demo tells, in two columns.
type story struct {
	w   io.Writer
	err error // the first of writing
}

func (s *story) line(text string) {
	if s.err == nil {
		_, s.err = fmt.Fprintln(s.w, text)
	}
}

// part begins a part of the story; more goes on with it.
func (s *story) part(name, format string, args ...any) {
	s.line("")
	s.line(fmt.Sprintf("%-9s", name) + fmt.Sprintf(format, args...))
}

func (s *story) more(format string, args ...any) {
	s.line(fmt.Sprintf("%9s", "") + fmt.Sprintf(format, args...))
}

// round rounds a duration to what a person wants to read.
func round(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}

func bytes(n int) string { return fmt.Sprintf("%d bytes", n) }
