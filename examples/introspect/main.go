// Introspect is what XML-RPC is liked for: an object says what its methods are, an
// error arrives as the error that it was, and functions can be passed about.
//
//	(umask 077; go run ./examples/introspect > calculator.cap) &
//	go run ./examples/introspect calculator.cap
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// ErrDivision is known on both sides by its code.
var ErrDivision = vat.RegisterError("calculator.division", errors.New("division by zero"))

// The server.

// Calculator is the object. Nothing is registered: its methods are its verbs.
type Calculator struct {
	vat.Object
}

// Divide divides.
func (*Calculator) Divide(a, b int) (int, error) {
	if b == 0 {
		return 0, fmt.Errorf("%d by %d: %w", a, b, ErrDivision)
	}
	return a / b, nil
}

// Remainder divides, too, and forgets to look.
func (*Calculator) Remainder(a, b int) int { return a % b }

// Sum adds any number of numbers.
func (*Calculator) Sum(xs ...float64) (sum float64) {
	for _, x := range xs {
		sum += x
	}
	return sum
}

// Square returns a function, an object that can be called.
func (*Calculator) Square() *Function { return &Function{f: func(x float64) float64 { return x * x }} }

// Map calls a function, of whatever vat, for each of the numbers.
func (c *Calculator) Map(f *vat.Ref, xs []float64) (*vat.Promise[[]float64], error) {
	if f == nil || len(xs) > 1000 {
		return nil, errors.New("a function and up to 1000 numbers")
	}
	ys := make([]*vat.Promise[float64], len(xs))
	for i, x := range xs {
		ys[i] = vat.Send[float64](f, "call", x)
	}
	return vat.All(c.Vat(), ys...), nil
}

// Function is a function as an object.
type Function struct {
	vat.Object
	f func(float64) float64
}

// Call calls the function.
func (f *Function) Call(x float64) float64 { return f.f(x) }

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Calculator{})
}

// The client.

func client(ctx context.Context, calculator *vat.Ref, _ []string) error {
	d, err := vat.Describe(ctx, calculator)
	if err != nil {
		return err
	}
	fmt.Println("It understands:")
	for _, verb := range d.Verbs {
		fmt.Println("   ", program.Printable(verb.String()))
	}

	quotient, err := vat.Call[int](ctx, calculator, "divide", 7, 2)
	fmt.Println("divide(7, 2):", quotient, err)
	_, err = vat.Call[int](ctx, calculator, "divide", 7, 0)
	fmt.Println("divide(7, 0):", err, errors.Is(err, ErrDivision))
	_, err = vat.Call[int](ctx, calculator, "remainder", 7, 0) // a panic there: what it says stays there
	fmt.Println("remainder(7, 0) is an internal error:", errors.Is(err, vat.ErrInternal))
	_, err = vat.Call[int](ctx, calculator, "sqrt", 7)
	fmt.Println("sqrt(7):", err)

	theirs, err := vat.Call[[]float64](ctx, calculator, "map", calculator.Send("square"), []float64{1, 2, 3})
	fmt.Println("map(square, [1 2 3]):", theirs, err)
	half := &Function{f: func(x float64) float64 { return x / 2 }} // it stays here and is called from there
	ours, err := vat.Call[[]float64](ctx, calculator, "map", half, []float64{1, 2, 3})
	fmt.Println("map(half, [1 2 3]):", ours, err)
	return err
}
