package pattern_test

import (
	"context"
	"fmt"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
)

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// Safe is an object that others are to have less of.
type Safe struct {
	vat.Object
	key int
}

func (s *Safe) Open(key int) string {
	return map[bool]string{true: "open", false: "shut"}[key == s.key]
}
func (s *Safe) SetKey(key int) { s.key = key }
func (s *Safe) Drawer() *Safe  { return &Safe{key: s.key} }

// What is given can be taken back.
func ExampleNewCaretaker() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	safe := must(v.Ref(&Safe{key: 1234}))

	caretaker, gate := pattern.NewCaretaker(safe)
	given := must(v.Ref(caretaker))
	fmt.Println(vat.Call[string](ctx, given, "open", 1234))
	gate.Revoke()
	fmt.Println(vat.Call[string](ctx, given, "open", 1234))
	// Output:
	// open <nil>
	//  pattern: revoked
}

// To open it is one thing, to change the key another.
func ExampleNewFacet() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	safe := must(v.Ref(&Safe{key: 1234}))

	given := must(v.Ref(pattern.NewFacet(safe, "open")))
	fmt.Println(vat.Call[string](ctx, given, "open", 1234))
	fmt.Println(vat.Call[any](ctx, given, "setKey", 1))
	fmt.Print(must(vat.Describe(ctx, given)))
	// Output:
	// open <nil>
	// <nil> vat: no such verb: Facet has no verb "setKey"
	// open(int) text
}

// What was got from what is taken back is taken back, too.
func ExampleNewMembrane() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	safe := must(v.Ref(&Safe{key: 1234}))

	membrane, gate := pattern.NewMembrane()
	given := must(v.Ref(membrane.Wrap(safe)))
	drawer := must(vat.Call[*vat.Ref](ctx, given, "drawer"))
	fmt.Println(vat.Call[string](ctx, drawer, "open", 1234))
	gate.Revoke()
	fmt.Println(vat.Call[string](ctx, drawer, "open", 1234))
	// Output:
	// open <nil>
	//  pattern: revoked
}

// A box can be in anybody's hands.
func ExampleNewSealer() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	s, u := pattern.NewSealer()
	sealer, unsealer := must(v.Ref(s)), must(v.Ref(u))

	box := sealer.Send("seal", "the combination is 1234")
	fmt.Println(vat.Call[string](ctx, unsealer, "unseal", box))
	fmt.Println(vat.Call[any](ctx, unsealer, "unseal", sealer))
	// Output:
	// the combination is 1234 <nil>
	// <nil> pattern: not a box of this sealer
}

// A payment is a purse; to deposit it into one's own is to make sure of it.
func ExampleNewMint() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	mint := must(v.Ref(pattern.NewMint("quatloos")))
	alice, bob := mint.Send("purse", 100), mint.Send("purse", 0)

	payment := alice.Send("withdraw", 30) // alice sends this to bob
	bob.SendOnly("deposit", 30, payment)
	fmt.Println(vat.Call[int](ctx, alice, "balance"))
	fmt.Println(vat.Call[int](ctx, bob, "balance"))
	fmt.Println(vat.Call[any](ctx, bob, "deposit", 30, payment))
	// Output:
	// 70 <nil>
	// 30 <nil>
	// <nil> pattern: insufficient funds
}

// Alice has apples and wants pears, Bob has pears and wants apples, and neither wants to pay first.
func ExampleNewExchange() {
	ctx := context.Background()
	v := must(vat.New(nil))
	defer v.Close()
	apples, pears := must(v.Ref(pattern.NewMint("apples"))), must(v.Ref(pattern.NewMint("pears")))
	a, b := pattern.NewExchange(
		pattern.Payment{Issuer: apples.Send("issuer"), Amount: 10},
		pattern.Payment{Issuer: pears.Send("issuer"), Amount: 20})

	alice := must(v.Ref(a)).Send("pay", apples.Send("purse", 100)) // a promise for pears
	bob := must(v.Ref(b)).Send("pay", pears.Send("purse", 100))    // a promise for apples
	fmt.Println(vat.Call[int](ctx, alice, "balance"))
	fmt.Println(vat.Call[string](ctx, alice, "currency"))
	fmt.Println(vat.Call[int](ctx, bob, "balance"))
	// Output:
	// 20 <nil>
	// pears <nil>
	// 10 <nil>
}
