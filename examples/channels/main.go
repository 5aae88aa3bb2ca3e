// Channels is the service of Go's netchan: numbers are sent to it over a channel,
// their squares come back over another, and many do so at a time.
//
//	(umask 077; go run ./examples/channels > squares.cap) &
//	go run ./examples/channels squares.cap [N]      # the squares of 1 to N
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
	"github.com/vatnet/vatnet/vat/stream"
)

func main() { program.Main(serve, client) }

// The server.

// Squares is what the sturdyref designates.
type Squares struct {
	vat.Object
	busy int
}

// Lane is what a client gets: where to send numbers, and where to receive squares.
type Lane struct {
	Numbers *stream.SendEnd[int]
	Squares *stream.RecvEnd[int]
}

// maxBusy is how many clients are served at a time: each costs a goroutine.
const maxBusy = 100

// Open makes the two channels of a client. It gives away one end of each.
func (s *Squares) Open() (*Lane, error) {
	numbers, err := stream.New[int](s.Vat(), nil)
	if err != nil {
		return nil, err
	}
	squares, err := stream.New[int](s.Vat(), nil)
	if err != nil {
		return nil, err
	}
	if s.busy == maxBusy {
		return nil, errors.New("come again later")
	}
	s.busy++
	served := vat.Go(s.Vat(), func(ctx context.Context) (any, error) { // for what waits
		return nil, square(ctx, numbers.Receiver(0), squares.Sender())
	})
	vat.WhenSettled(served, func(any, error) (any, error) { // in a turn again
		s.busy--
		return nil, nil
	})
	return &Lane{numbers.SendEnd(), squares.RecvEnd()}, nil
}

// square serves one client, until it has closed its end or is gone.
func square(ctx context.Context, numbers *stream.Receiver[int], squares *stream.Sender[int]) error {
	defer numbers.Close()
	for n, err := range numbers.All(ctx) {
		if err == nil {
			err = squares.Send(ctx, n*n) // waits while the client does not keep up
		}
		if err != nil {
			return squares.CloseWithError(err)
		}
	}
	return squares.Close()
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Squares{})
}

// The client.

func client(ctx context.Context, service *vat.Ref, args []string) error {
	last := 5
	if len(args) > 0 {
		var err error
		if last, err = strconv.Atoi(args[0]); err != nil {
			return err
		}
	}
	lane, err := vat.Call[struct{ Numbers, Squares *vat.Ref }](ctx, service, "open")
	if err != nil {
		return err
	}
	numbers, squares := stream.SenderTo[int](lane.Numbers), stream.ReceiverFrom[int](lane.Squares, 0)
	sent := vat.Go(service.Vat(), func(ctx context.Context) (any, error) {
		for n := 1; n <= last; n++ {
			if err := numbers.Send(ctx, n); err != nil {
				return nil, err
			}
		}
		return nil, numbers.Close()
	})
	for s, err := range squares.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Println(s)
	}
	_, err = sent.Await(ctx)
	return err
}
