// Patterns is what only capabilities do: a market where two trade who do not trust
// each other, an auditor who can look and not touch, and a gate that severs all that
// one of the traders has, whatever he got in the meantime.
//
//	(umask 077; go run ./examples/patterns > caps.cap) &     # four lines: alice, bob, auditor, gate
//	for n in alice bob auditor gate; do read cap; (umask 077; echo "$cap" > $n.cap); done < caps.cap
//	go run ./examples/patterns alice.cap trade &
//	go run ./examples/patterns bob.cap trade
//	go run ./examples/patterns auditor.cap audit
//	go run ./examples/patterns gate.cap revoke
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server: two currencies, two traders, and the exchange that both trust.

// Trader is all that a trader has: a purse, and a seat at the exchange.
type Trader struct {
	vat.Object
	purse *pattern.Purse
	seat  *pattern.Seat
}

// Purse gives the trader's purse.
func (t *Trader) Purse() *pattern.Purse { return t.purse }

// Seat gives the trader's seat.
func (t *Trader) Seat() *pattern.Seat { return t.seat }

func serve(ctx context.Context, v *vat.Vat) error {
	apples, err := fill(v, "apples")
	if err != nil {
		return err
	}
	pears, err := fill(v, "pears")
	if err != nil {
		return err
	}
	// Ten apples for twenty pears: the exchange has both payments before it hands over either.
	left, right := pattern.NewExchange(
		pattern.Payment{Issuer: apples.issuer, Amount: 10},
		pattern.Payment{Issuer: pears.issuer, Amount: 20})
	alice := &Trader{purse: apples.purse, seat: left}
	bob, err := v.Ref(&Trader{purse: pears.purse, seat: right})
	if err != nil {
		return err
	}
	// Bob has what is his through a membrane, and so all that he gets for it.
	membrane, gate := pattern.NewMembrane()
	// The auditor can look into Alice's purse, and take nothing out.
	auditor := pattern.NewFacet(apples.ref, "balance", "currency")
	return program.Serve(ctx, v, os.Stdout, alice, membrane.Wrap(bob), auditor, gate)
}

// currency is a new one, with a hundred pieces that are all in one purse.
type currency struct {
	purse       *pattern.Purse
	ref, issuer *vat.Ref // to the purse, and to who gives empty ones
}

func fill(v *vat.Vat, name string) (c currency, err error) {
	mint := pattern.NewMint(name)
	if c.purse, err = mint.Purse(100); err != nil {
		return c, err
	}
	if c.ref, err = v.Ref(c.purse); err != nil {
		return c, err
	}
	c.issuer, err = v.Ref(mint.Issuer())
	return c, err
}

// The client, whoever it is.

func client(ctx context.Context, there *vat.Ref, args []string) error {
	do := map[string]func(context.Context, *vat.Ref) error{"trade": trade, "audit": audit, "revoke": revoke}
	if len(args) != 1 || do[args[0]] == nil {
		return errors.New("what? trade, audit or revoke")
	}
	return do[args[0]](ctx, there)
}

// trade pays at the exchange, and waits until the other one has.
func trade(ctx context.Context, me *vat.Ref) error {
	purse := me.Send("purse") // promises: all of it leaves at once
	bought := me.Send("seat").Send("pay", purse)
	if err := show(ctx, "I got", bought); err != nil {
		return err
	}
	return show(ctx, "I have left", purse)
}

// audit looks, and tries to do more.
func audit(ctx context.Context, purse *vat.Ref) error {
	if err := show(ctx, "I see", purse); err != nil {
		return err
	}
	_, err := vat.Call[any](ctx, purse, "withdraw", 1)
	fmt.Println("I try to take one:", err)
	return nil
}

// revoke shuts the gate.
func revoke(ctx context.Context, gate *vat.Ref) error {
	_, err := vat.Call[any](ctx, gate, "revoke")
	return err
}

// show prints what is in a purse.
func show(ctx context.Context, what string, purse vat.Target) error {
	currency := vat.Send[string](purse, "currency")
	n, err := vat.Call[int](ctx, purse, "balance")
	if err != nil {
		return err
	}
	name, err := currency.Await(ctx)
	if err != nil {
		return err
	}
	fmt.Println(what, n, program.Printable(name))
	return nil
}
