// Tax is what Go's net/rpc, gRPC and Thrift are shown with: one procedure that is called
// from elsewhere. It is the smallest whole program here.
//
//	(umask 077; go run ./examples/tax > tax.cap) &
//	go run ./examples/tax tax.cap 300
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// Office knows the rate.
type Office struct {
	vat.Object
	percent float64
}

// Tax returns the tax on an amount.
func (o *Office) Tax(amount float64) (float64, error) {
	if amount < 0 {
		return 0, errors.New("there is no tax on debts")
	}
	return amount * o.percent / 100, nil
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Office{percent: 5})
}

func client(ctx context.Context, office *vat.Ref, args []string) error {
	var amount float64
	if _, err := fmt.Sscan(strings.Join(args, " "), &amount); err != nil {
		return err
	}
	tax, err := vat.Call[float64](ctx, office, "tax", amount)
	if err == nil {
		fmt.Printf("the tax on %.2f is %.2f\n", amount, tax)
	}
	return err
}
