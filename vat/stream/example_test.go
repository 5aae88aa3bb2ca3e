package stream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Numbers go to one vat, which sends their squares to another.
func Example() {
	ctx := context.Background()
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	numbers, squares := must(stream.New[int](server, nil)), must(stream.New[int](server, nil))
	in := must(server.Export(numbers.SendEnd(), nil))
	out := must(server.Export(squares.RecvEnd(), nil))

	vat.Go(server, func(ctx context.Context) (any, error) {
		s := squares.Sender()
		for n, err := range numbers.Receiver(0).All(ctx) {
			if err == nil {
				err = s.Send(ctx, n*n)
			}
			if err != nil {
				return nil, s.CloseWithError(err)
			}
		}
		return nil, s.Close()
	})

	client := must(vat.New(nil))
	defer client.Close()
	s := stream.SenderTo[int](client.Enliven(in))
	for n := range 4 {
		if err := s.Send(ctx, n); err != nil {
			panic(err)
		}
	}
	if err := s.Close(); err != nil {
		panic(err)
	}
	for n, err := range stream.ReceiverFrom[int](client.Enliven(out), 0).All(ctx) {
		fmt.Println(n, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
}

// A reader in one vat, read in another.
func ExampleFromReader() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	poem := must(stream.FromReader(server, strings.NewReader("foot\nshoe\n")))
	sr := must(server.Export(poem, nil))

	client := must(vat.New(nil))
	defer client.Close()
	r := stream.NewReader(context.Background(), client.Enliven(sr))
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	// Output:
	// foot
	// shoe
}

// A writer in one vat, written to in another.
func ExampleToWriter() {
	ctx := context.Background()
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	var text strings.Builder
	end, done, err := stream.ToWriter(server, &text)
	if err != nil {
		panic(err)
	}
	sr := must(server.Export(end, nil))

	client := must(vat.New(nil))
	defer client.Close()
	w := stream.NewWriter(ctx, client.Enliven(sr))
	must(io.WriteString(w, "foot"))
	if err := w.Close(); err != nil {
		panic(err)
	}
	fmt.Println(done.Await(ctx))
	fmt.Println(text.String())
	// Output:
	// 4 <nil>
	// foot
}
