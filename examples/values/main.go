// Values is what sockets with pickle are used for, arbitrary data, without the danger:
// what arrives is data of the types that one asked for, or an error.
//
//	(umask 077; go run ./examples/values > mirror.cap) &
//	go run ./examples/values mirror.cap
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Mirror gives back what it gets.
type Mirror struct {
	vat.Object
	card Card
}

// Any takes whatever there is.
func (*Mirror) Any(x any) any { return x }

// Tree takes a tree of any depth, within reason.
func (*Mirror) Tree(t *Tree) *Tree { return t }

// Small takes what fits.
func (*Mirror) Small(n int8) int8 { return n }

// Shout calls back through a reference that came inside of data, and waits for nothing.
func (*Mirror) Shout(p Parcel) (*vat.Promise[string], error) {
	if p.Who == nil {
		return nil, errors.New("there is nobody in the parcel")
	}
	return vat.Send[string](p.Who, "greet", p.Name), nil
}

// Tree is a struct in itself.
type Tree struct {
	Name     string
	Children []*Tree
}

// String writes the tree in a line.
func (t *Tree) String() string {
	if len(t.Children) == 0 {
		return t.Name
	}
	return fmt.Sprint(t.Name, t.Children)
}

// Parcel is data that holds a reference, and a promise.
type Parcel struct {
	Who  *vat.Ref
	Name *vat.Promise[string]
}

// Card gives data that holds a sturdyref: of the mirror.
func (m *Mirror) Card() (Card, error) {
	if !m.card.At.IsZero() {
		return m.card, nil
	}
	at, err := m.Vat().Export(m, nil)
	m.card = Card{Name: "the mirror", At: at}
	return m.card, err
}

// Card is what people give each other. A sturdyref is a secret, and a value like others.
type Card struct {
	Name string
	At   sturdyref.Ref
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Mirror{})
}

// The client.

// Greeter lives here.
type Greeter struct{ vat.Object }

// Greet greets.
func (*Greeter) Greet(name string) string { return "hello, " + name }

func client(ctx context.Context, mirror *vat.Ref, _ []string) error {
	for _, x := range []any{
		nil, true, int8(-5), uint64(math.MaxUint64), 2.5, math.Inf(-1), "füße", []byte{0, 255},
		new(big.Int).Lsh(big.NewInt(1), 100),
		time.Date(2026, 11, 24, 12, 0, 0, 1, time.FixedZone("", 3600)), 90 * time.Second,
		[]int{1, 2, 3}, [2]string{"a", "b"}, map[string]any{"one": 1, "list": []any{"x", nil}},
		Tree{Name: "root", Children: []*Tree{{Name: "leaf"}}}, []Tree{{Name: "a"}, {Name: "b"}},
		errors.New("an error is a value, too"), &Greeter{},
	} {
		got, err := vat.Call[any](ctx, mirror, "any", x)
		if err != nil {
			return err
		}
		fmt.Printf("%-24T comes back as %-24T %s\n", x, got, program.Printable(fmt.Sprint(got)))
	}

	tree := &Tree{Name: "root", Children: []*Tree{{Name: "left"}, {Name: "right", Children: []*Tree{{Name: "leaf"}}}}}
	same, err := vat.Call[*Tree](ctx, mirror, "tree", tree)
	if err != nil {
		return err
	}
	fmt.Println("a tree is the same again:", program.Printable(same.String()))

	v := mirror.Vat()
	greeter, err := v.Ref(&Greeter{})
	if err != nil {
		return err
	}
	name, resolver := vat.NewPromise[string](v)
	greeting := vat.Send[string](mirror, "shout", Parcel{Who: greeter, Name: name}) // the name is not known yet
	if err := resolver.Resolve("you"); err != nil {
		return err
	}
	text, err := greeting.Await(ctx)
	fmt.Println("a reference and a promise inside of data:", program.Printable(text), err)

	card, err := vat.Call[Card](ctx, mirror, "card")
	if err != nil {
		return err
	}
	who, err := vat.Call[string](ctx, v.Enliven(card.At), "any", card.Name) // who has it can use it
	fmt.Println("a sturdyref inside of data leads to", program.Printable(who), err)
	fmt.Println("it prints as", card.At)
	_, err = vat.Call[string](ctx, mirror, "any", card.At)
	fmt.Println("and is no text:", err)

	_, err = vat.Call[any](ctx, mirror, "small", 200)
	fmt.Println("too large a number:", err)
	_, err = vat.Call[any](ctx, mirror, "tree", "no tree")
	fmt.Println("the wrong type:", err)
	deep := &Tree{}
	for range 100 {
		deep = &Tree{Children: []*Tree{deep}}
	}
	_, err = vat.Call[any](ctx, mirror, "tree", deep)
	fmt.Println("too deep, seen before it leaves:", err)
	deep.Children[0] = deep
	_, err = vat.Call[any](ctx, mirror, "tree", deep)
	fmt.Println("a circle:", err)
	_, err = vat.Call[any](ctx, mirror, "any", map[string]any{"channel": make(chan int)})
	fmt.Println("a channel:", err)
	return nil
}
