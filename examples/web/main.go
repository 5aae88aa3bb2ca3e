// Web is a guest book for people with browsers, and for programs that speak HTTP. A
// gateway calls objects on their behalf: each visitor has a link of his own, which
// is the power to sign under his name.
//
//	(umask 077; go run ./examples/web > book.cap) &
//	go run ./examples/web book.cap          # the gateway: a link for each name on standard input
//
// gateway.go is the gateway, which knows nothing of guest books; page/ is what
// browsers show.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

var address = flag.String("http", "127.0.0.1:0", "the gateway's `address`; to others only behind a proxy that speaks TLS")

func main() { program.Main(serve, client) }

// The server.

// Book is a guest book. Who has it can let visitors in.
type Book struct {
	vat.Object
	entries []Entry
}

// Entry is what somebody wrote.
type Entry struct{ Who, Text string }

// Visitor gives what a visitor of that name may have.
func (b *Book) Visitor(name string) *Visitor { return &Visitor{book: b, name: name} }

// Visitor is one visitor's hold on the book: to read, and to sign with one name.
type Visitor struct {
	vat.Object
	book *Book
	name string
}

// Name returns the name.
func (v *Visitor) Name() string { return v.name }

// Entries returns what was written.
func (v *Visitor) Entries() []Entry { return v.book.entries }

// Sign writes something.
func (v *Visitor) Sign(text string) error {
	if text == "" || len(text) > 500 || len(v.book.entries) == 1000 {
		return errors.New("the book takes 1000 entries of 1 to 500 bytes")
	}
	v.book.entries = append(v.book.entries, Entry{v.name, text})
	return nil
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Book{})
}

// The client: a gateway, and links into it.

func client(ctx context.Context, book *vat.Ref, _ []string) error {
	l, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	g := newGateway()
	served := make(chan error, 1)
	go func() {
		served <- g.serve(ctx, l)
		cancel() // if it has failed, there are no more links
	}()
	if err := links(ctx, g, book, l.Addr()); err != nil {
		cancel()
		return errors.Join(err, <-served)
	}
	return <-served
}

// links makes a link for each name on standard input, or takes links back, until there are no more
// names or ctx ends.
func links(ctx context.Context, g *gateway, book *vat.Ref, where net.Addr) error {
	for name, err := range program.Lines(ctx, os.Stdin) {
		switch {
		case ctx.Err() != nil:
			return nil // the gateway says why
		case err != nil:
			return err
		}
		if name, gone := strings.CutPrefix(name, "-"); gone {
			fmt.Println("links taken back:", g.revoke(name))
			continue
		}
		visitor, err := vat.Call[*vat.Ref](ctx, book, "visitor", name)
		if err != nil {
			return err
		}
		fmt.Printf("http://%s/#%s\n", where, g.link(name, visitor))
	}
	return nil
}
