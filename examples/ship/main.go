// Ship takes the computation to where the data is, as Oz does, and evaluates
// expressions there, as PicoLisp does; but what is shipped is confined: it has fuel, a
// little memory, and the references that it was given.
//
//	(umask 077; go run . > site.cap) &        # in this folder, which is a module of its own
//	go run . site.cap
//
// site.go is the server; expr.go evaluates expressions; fuel.go makes WebAssembly pay
// for what it does. modules/ has what the client ships, as text and, by wat2wasm, as
// bytes.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

//go:generate wat2wasm modules/sum.wat -o modules/sum.wasm
//go:generate wat2wasm modules/forever.wat -o modules/forever.wasm
//go:generate wat2wasm modules/greedy.wat -o modules/greedy.wasm
//go:generate wat2wasm modules/thief.wat -o modules/thief.wasm
//go:generate wat2wasm modules/spy.wat -o modules/spy.wasm

var (
	//go:embed modules/sum.wasm
	sum []byte
	//go:embed modules/forever.wasm
	forever []byte
	//go:embed modules/greedy.wasm
	greedy []byte
	//go:embed modules/thief.wasm
	thief []byte
	//go:embed modules/spy.wasm
	spy []byte
)

func client(ctx context.Context, site *vat.Ref, _ []string) error {
	for _, text := range []string{"8/4", "(x + y) * -2", "8/(4-4)", "open(file)"} {
		x, err := vat.Call[float64](ctx, site, "eval", text, map[string]float64{"x": 3, "y": 4})
		fmt.Printf("%s: %s\n", text, outcome(x, err))
	}

	ledger := site.Send("ledger") // a promise: nothing is waited for
	for _, c := range []struct {
		what   string
		module []byte
		n      int64
		refs   []vat.Target
	}{
		{"the sum of 1000 entries, in one round trip", sum, 1000, []vat.Target{ledger}},
		{"one entry more than there are", sum, 1001, []vat.Target{ledger}},
		{"without the ledger", sum, 1, nil},
		{"a loop without end", forever, 0, nil},
		{"64 MiB of memory", greedy, 1000, nil},
		{"somebody else's reference", thief, 1, []vat.Target{ledger}},
		{"files", spy, 0, nil},
	} {
		args := []any{c.module, c.n}
		for _, ref := range c.refs {
			args = append(args, ref)
		}
		result, err := vat.Call[Result](ctx, site, "run", args...)
		if err == nil {
			fmt.Printf("%s: %d, for %d of fuel\n", c.what, result.Value, result.Fuel)
		} else {
			fmt.Printf("%s: %s\n", c.what, outcome(0, err))
		}
	}
	return ctx.Err()
}

func outcome(x float64, err error) string {
	var told *vat.Error
	switch {
	case errors.As(err, &told):
		return program.Printable(told.Text)
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint(x)
}
