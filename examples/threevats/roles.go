package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// Counter is Carol's.
type Counter struct {
	vat.Object
	n int
}

// Next counts.
func (c *Counter) Next() int { c.n++; return c.n }

// carol has a counter, and says by what URI it is to be had.
func carol(ctx context.Context, listen string, out io.Writer) error {
	return serve(ctx, listen, out, &Counter{})
}

// Guest is Bob's: whoever has it can introduce him to a counter.
type Guest struct {
	vat.Object
	met chan *vat.Ref
}

// Meet introduces the guest to a counter. There is no room for more than one at a time.
func (g *Guest) Meet(counter *vat.Ref) {
	if counter == nil {
		return
	}
	select {
	case g.met <- counter:
	default:
	}
}

// bob counts with the counter that his guest is introduced to, and says to which vat his calls go.
func bob(ctx context.Context, listen string, out io.Writer) error {
	guest := &Guest{met: make(chan *vat.Ref, 1)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listen, out, guest) }()
	select {
	case counter := <-guest.met:
		err := count(ctx, out, counter)
		cancel()
		return errors.Join(err, <-served)
	case err := <-served:
		return err
	}
}

// count counts until ctx ends.
func count(ctx context.Context, out io.Writer, counter *vat.Ref) error {
	for ctx.Err() == nil {
		via, _ := counter.Via() // for a moment it may go nowhere: what is sent then waits
		n, err := vat.Call[int](ctx, counter, "next")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, n, via); err != nil {
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
	return nil
}

// alice introduces the guest of the first URI to the counter of the second, and stays.
func alice(ctx context.Context, in io.Reader) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	defer v.Close()
	var refs []*vat.Ref
	for lines := bufio.NewScanner(in); len(refs) < 2 && lines.Scan(); {
		sr, err := sturdyref.Parse(lines.Text())
		if err != nil {
			return err
		}
		refs = append(refs, v.Enliven(sr))
	}
	if len(refs) < 2 {
		return io.ErrUnexpectedEOF
	}
	if _, err := vat.Call[any](ctx, refs[0], "meet", refs[1]); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// serve makes an object reachable, says by what URI, and stays.
func serve(ctx context.Context, listen string, out io.Writer, object any) error {
	v, err := vat.New(&vat.Config{Listen: []string{listen}})
	if err != nil {
		return err
	}
	return program.Serve(ctx, v, out, object)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
