package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// client logs lines, and prints all that the log has.
func client(ctx context.Context, sr sturdyref.Ref, lines []string, out io.Writer) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	log := v.Enliven(sr)
	for _, line := range lines {
		log.SendOnly("log", line)
	}
	all, err := vat.Call[[]Entry](ctx, log, "all") // the answer comes behind the commit of what it has seen
	for _, e := range all {
		if _, perr := fmt.Fprintf(out, "At %s: %s\n", e.At.Format(time.DateTime), program.Printable(e.Line)); perr != nil {
			err = perr
		}
	}
	return errors.Join(err, v.Shutdown(ctx))
}
