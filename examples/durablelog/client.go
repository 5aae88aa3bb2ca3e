package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// client logs lines, and prints all that the log has.
func client(ctx context.Context, log *vat.Ref, lines []string) error {
	for _, line := range lines {
		log.SendOnly("log", line)
	}
	all, err := vat.Call[[]Entry](ctx, log, "all") // the answer comes behind the commit of what it has seen
	for _, e := range all {
		fmt.Printf("At %s: %s\n", e.At.Format(time.DateTime), program.Printable(e.Line))
	}
	return err
}
