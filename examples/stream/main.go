// Stream is a pipe through another machine: it numbers lines, and counts them.
//
//	(umask 077; go run ./examples/stream > pipe.cap) &
//	go run ./examples/stream pipe.cap < file
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
	"github.com/vatnet/vatnet/vat/stream"
)

func main() { program.Main(serve, client) }

// The server.

// Pipe is what the sturdyref designates.
type Pipe struct{ vat.Object }

// Number reads lines from one capability, writes them to another with their
// numbers, and promises how many there are. It reads no faster than it can write.
func (p *Pipe) Number(in, out *vat.Ref) (*vat.Promise[int], error) {
	if in == nil || out == nil {
		return nil, errors.New("both ends are needed")
	}
	return vat.Go(p.Vat(), func(ctx context.Context) (int, error) { // for what waits
		r, w := stream.NewReader(ctx, in), stream.NewWriter(ctx, out)
		defer r.Close()
		n, err := number(r, w)
		return n, errors.Join(err, w.CloseWithError(err))
	}), nil
}

// number is ordinary Go, and knows nothing of vats.
func number(r io.Reader, w io.Writer) (n int, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		n++
		if _, err := fmt.Fprintf(w, "%3d  %s\n", n, lines.Text()); err != nil {
			return n, err
		}
	}
	return n, lines.Err()
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Pipe{})
}

// The client. It gives the server the power to read its standard input and to write
// to its standard output, and no other.

func client(ctx context.Context, pipe *vat.Ref, _ []string) error {
	v := pipe.Vat()
	in, err := stream.FromReader(v, program.Input(os.Stdin))
	if err != nil {
		return err
	}
	out, written, err := stream.ToWriter(v, struct{ io.Writer }{os.Stdout}) // which is not to be closed
	if err != nil {
		return err
	}
	n, err := vat.Call[int](ctx, pipe, "number", in, out)
	if err != nil {
		return err
	}
	if _, err := written.Await(ctx); err != nil {
		return err
	}
	fmt.Println(n, "lines")
	return nil
}
