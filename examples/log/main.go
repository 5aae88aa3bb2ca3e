// Log is E's log service, the program that explains it all.
//
// A server has an object, the log, and prints a URI; whoever holds that URI can
// use the log, and nobody else can. A client takes the URI, logs two lines and
// searches them, without waiting in between.
//
//	go run ./examples/log [-listen ADDR] [-advertise HOST]     # serves, and prints the URI
//	go run ./examples/log URI                                  # the client
//
// The URI is a secret, and everybody on a machine can see its command lines. So
// the client takes a file that holds it, or - for standard input, as well:
//
//	(umask 077; go run ./examples/log > log.cap) &
//	go run ./examples/log log.cap
//
// server.go and client.go are one half each; this file is the command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "serve on this `address`; 0.0.0.0:PORT means every interface")
	advertise := flag.String("advertise", "", "`host` (or host:port) that the URI names; default: that of the listener")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *advertise, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "log:", err)
		os.Exit(1)
	}
}

// run is the server without arguments, the client with one.
func run(ctx context.Context, listen, advertise string, args []string) error {
	switch len(args) {
	case 0:
		cfg := &vat.Config{Listen: []string{listen}}
		if advertise != "" {
			cfg.Advertise = []string{advertise}
		}
		return serve(ctx, cfg, os.Stdout)
	case 1:
		sr, err := read(args[0], os.Stdin)
		if err != nil {
			return err
		}
		return client(ctx, nil, sr, os.Stdout)
	}
	return errors.New("at most one argument: the URI, a file that holds it, or -")
}

// read gets the sturdyref that arg means.
func read(arg string, stdin io.Reader) (sturdyref.Ref, error) {
	switch {
	case arg == "-":
		return sturdyref.Read(stdin)
	case strings.Contains(arg, ":/"):
		fmt.Fprintln(os.Stderr, "log: warning: other users can see this command line, and the URI in it is all that they need;",
			"better give a file that holds it, or - and the URI on standard input")
		return sturdyref.Parse(arg)
	}
	sr, err := sturdyref.ReadFile(arg)
	if errors.Is(err, sturdyref.ErrPermissive) {
		fmt.Fprintln(os.Stderr, "log: warning:", err)
		err = nil
	}
	return sr, err
}
