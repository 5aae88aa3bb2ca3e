// Commands is what tiny protocols over sockets are made for: echo, reverse, square,
// add, quit. Nothing is parsed. A command is a verb with typed parameters, and
// quit is an object of its own, which not everybody holds.
//
//	(umask 077; go run ./examples/commands > commands.cap) &
//	head -1 commands.cap | go run ./examples/commands - add 1 2 3
//	tail -1 commands.cap | go run ./examples/commands - quit
package main

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Commands is for everybody who has the first sturdyref.
type Commands struct{ vat.Object }

// Echo returns s.
func (*Commands) Echo(s string) string { return s }

// Reverse returns s from its end to its beginning.
func (*Commands) Reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// Square returns n times n.
func (*Commands) Square(n uint64) (uint64, error) {
	over, square := bits.Mul64(n, n)
	if over != 0 {
		return 0, errors.New("the square is too large")
	}
	return square, nil
}

// Add returns the sum of the terms.
func (*Commands) Add(terms ...float64) (sum float64) {
	for _, term := range terms {
		sum += term
	}
	return sum
}

// Switch is for who has the second sturdyref.
type Switch struct {
	vat.Object
	off func()
}

// Quit ends the server. Its answer still leaves.
func (s *Switch) Quit() { s.off() }

func serve(ctx context.Context, v *vat.Vat) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return program.Serve(ctx, v, os.Stdout, &Commands{}, &Switch{off: cancel})
}

// The client.

func client(ctx context.Context, object *vat.Ref, args []string) error {
	if len(args) == 0 {
		return errors.New("which command?")
	}
	values := make([]any, len(args)-1)
	for i, arg := range args[1:] {
		values[i] = value(args[0], arg)
	}
	result, err := vat.Call[any](ctx, object, args[0], values...)
	if err == nil && result != nil {
		fmt.Println(program.Printable(fmt.Sprint(result)))
	}
	return err
}

// value takes for a number what reads as one, but where texts are wanted.
func value(command, arg string) any {
	if command == "echo" || command == "reverse" {
		return arg
	}
	if n, err := strconv.ParseInt(arg, 10, 64); err == nil {
		return n
	}
	if x, err := strconv.ParseFloat(arg, 64); err == nil {
		return x
	}
	return arg
}
