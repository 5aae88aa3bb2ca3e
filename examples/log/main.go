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
// server.go and client.go are one half each.
package main

import (
	"context"
	"os"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() {
	program.Main(
		func(ctx context.Context, cfg *vat.Config) error { return serve(ctx, cfg, os.Stdout) },
		func(ctx context.Context, sr sturdyref.Ref, _ []string) error { return client(ctx, nil, sr, os.Stdout) },
	)
}
