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

	"github.com/vatnet/vatnet/sturdyref"
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

func serve(ctx context.Context, cfg *vat.Config) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	return program.Serve(ctx, v, os.Stdout, &Book{})
}

// The client: a gateway, and links into it.

func client(ctx context.Context, sr sturdyref.Ref, _ []string) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	defer v.Close()
	book := v.Enliven(sr)
	l, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	g := newGateway()
	served := make(chan error, 1)
	go func() { served <- g.serve(ctx, l) }()

	for name, err := range program.Lines(ctx, os.Stdin) {
		if err != nil {
			break // interrupted: so is the gateway
		}
		if name, gone := strings.CutPrefix(name, "-"); gone {
			fmt.Println("links taken back:", g.revoke(name))
			continue
		}
		visitor, err := vat.Call[*vat.Ref](ctx, book, "visitor", name)
		if err != nil {
			return errors.Join(err, l.Close(), <-served)
		}
		fmt.Printf("http://%s/#%s\n", l.Addr(), g.link(name, visitor))
	}
	return <-served
}
