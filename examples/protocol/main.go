// Protocol is an object behind an ordinary Go interface: code that never heard of
// vats uses it, and whether it fits is known before the first call.
//
//	(umask 077; go run ./examples/protocol > thermostat.cap) &
//	go run ./examples/protocol thermostat.cap
//	(umask 077; go run ./examples/protocol -old > old.cap) &     # a thermostat of before
//	go run ./examples/protocol old.cap
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

var old = flag.Bool("old", false, "serve a thermostat of before, which others understand otherwise")

func main() { program.Main(serve, client) }

// Thermostat is the protocol: a Go interface like others.
type Thermostat interface {
	Temperature(ctx context.Context) (celsius float64, err error)
	Set(ctx context.Context, celsius float64) error
}

// warmUp is code that knows the interface, and nothing of vats.
func warmUp(ctx context.Context, t Thermostat, by float64) error {
	before, err := t.Temperature(ctx)
	if err != nil {
		return err
	}
	if err := t.Set(ctx, before+by); err != nil {
		return err
	}
	after, err := t.Temperature(ctx)
	fmt.Printf("from %.1f °C to %.1f °C\n", before, after)
	return err
}

// The server.

// Device is a thermostat. A method needs no context, and no error, to fit.
type Device struct {
	vat.Object
	celsius float64
}

// Temperature returns the temperature.
func (d *Device) Temperature() float64 { return d.celsius }

// Set sets the temperature.
func (d *Device) Set(celsius float64) error {
	if celsius > 30 {
		return errors.New("it does not get that warm")
	}
	d.celsius = celsius
	return nil
}

// OldDevice is what it was before: temperatures are texts, and there is no Set.
type OldDevice struct{ vat.Object }

// Temperature returns the temperature.
func (*OldDevice) Temperature() string { return "65 °F" }

func serve(ctx context.Context, v *vat.Vat) error {
	if *old {
		return program.Serve(ctx, v, os.Stdout, &OldDevice{})
	}
	return program.Serve(ctx, v, os.Stdout, &Device{celsius: 18})
}

// The client.

// verbs are those of a Thermostat; vat.Bind fills in what sends them.
type verbs struct {
	Temperature func(ctx context.Context) (float64, error)
	Set         func(ctx context.Context, celsius float64) error
}

// remote is a Thermostat somewhere else.
type remote struct{ verbs verbs }

func (r remote) Temperature(ctx context.Context) (float64, error) { return r.verbs.Temperature(ctx) }
func (r remote) Set(ctx context.Context, celsius float64) error   { return r.verbs.Set(ctx, celsius) }

// connect makes a Thermostat of a reference, if it fits.
func connect(ctx context.Context, ref *vat.Ref) (Thermostat, error) {
	if err := vat.Check[verbs](ctx, ref); err != nil {
		return nil, err
	}
	return remote{vat.Bind[verbs](ref)}, nil
}

func client(ctx context.Context, device *vat.Ref, _ []string) error {
	thermostat, err := connect(ctx, device)
	if err != nil {
		return fmt.Errorf("nothing was called: %w", err)
	}
	if err := warmUp(ctx, thermostat, 2.5); err != nil {
		return err
	}
	return warmUp(ctx, thermostat, 20)
}
