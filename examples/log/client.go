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

// client logs two lines, searches, and prints what was found.
func client(ctx context.Context, cfg *vat.Config, sr sturdyref.Ref, out io.Writer) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	log := v.Enliven(sr) // a promise: nothing is waited for, here or in the next lines
	log.SendOnly("log", "foot")
	log.SendOnly("log", "shoe")
	found, err := vat.Call[[]Entry](ctx, log, "search", "foo")
	for _, e := range found {
		if _, perr := fmt.Fprintf(out, "At %s: %s\n", e.At.Format(time.DateTime), program.Printable(e.Line)); perr != nil {
			err = perr
		}
	}
	return errors.Join(err, v.Shutdown(ctx))
}
