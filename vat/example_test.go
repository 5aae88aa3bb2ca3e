package vat_test

import (
	"context"
	"fmt"
	"os"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// The log service: see the types Log and Entry in log_test.go.
func Example() {
	ctx := context.Background()

	// server
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		panic(err)
	}
	defer v.Close()
	sr, err := v.Export(&Log{}, nil)
	if err != nil {
		panic(err)
	}
	// fmt.Println(sr.URI()) would show it to those who are to have it.

	// client
	w, err := vat.New(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	log := w.Enliven(sr) // a promise, nothing waited for
	log.SendOnly("log", "foot")
	log.SendOnly("log", "shoe")
	found, err := vat.Call[[]Entry](ctx, log, "search", "foo")
	if err != nil {
		panic(err)
	}
	for _, e := range found {
		fmt.Println(e.Line)
	}
	// Output: foot
}

// Directory hands out objects by name.
type Directory struct {
	vat.Object
	printers map[string]*Printer
}

func (d *Directory) Lookup(name string) (*Printer, error) {
	if p := d.printers[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no printer is called %q", name)
}

// Printer has a name.
type Printer struct {
	vat.Object
	name string
}

func (p *Printer) Name() string { return p.name }

// Two calls in one round trip: the second goes to the promise of the first.
func ExampleSend_pipelining() {
	v, err := vat.New(nil)
	if err != nil {
		panic(err)
	}
	defer v.Close()
	dir, err := v.Ref(&Directory{printers: map[string]*Printer{"printer": {name: "Gutenberg"}}})
	if err != nil {
		panic(err)
	}
	name := vat.Send[string](dir.Send("lookup", "printer"), "name")
	s, err := name.Await(context.Background())
	fmt.Println(s, err)
	// Output: Gutenberg <nil>
}

// Two references that came by different ways, and a map that has an entry for each object.
func ExampleSame() {
	ctx := context.Background()
	v, err := vat.New(nil)
	if err != nil {
		panic(err)
	}
	defer v.Close()
	printer := &Printer{name: "Gutenberg"}
	dir, err := v.Ref(&Directory{printers: map[string]*Printer{"printer": printer, "press": printer}})
	if err != nil {
		panic(err)
	}
	a, b := dir.Send("lookup", "printer"), dir.Send("lookup", "press")
	fmt.Println(vat.Same(ctx, a, b))
	fmt.Println(vat.Same(ctx, a, dir))

	jobs := map[vat.Key]int{}
	for _, ref := range []vat.Target{a, b} {
		key, err := vat.Identify(ctx, ref)
		if err != nil {
			panic(err)
		}
		jobs[key]++
	}
	fmt.Println(len(jobs), "printer")
	// Output:
	// true <nil>
	// false <nil>
	// 1 printer
}

// A vat that is opened from a directory is the same each time, and so is a sturdyref that it has
// minted, until that is revoked.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "vat-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	var sr sturdyref.Ref
	for start := 1; start <= 3; start++ {
		v, err := vat.Open(dir, &vat.Config{Listen: []string{"127.0.0.1:0"}})
		if err != nil {
			panic(err)
		}
		if err := v.Publish("printer", &Printer{name: "Gutenberg"}); err != nil {
			panic(err)
		}
		if start == 1 {
			g, err := v.Mint("printer", &vat.ExportConfig{Label: "alice"})
			if err != nil {
				panic(err)
			}
			sr = g.Sturdyref()
		}
		for _, g := range v.Grants() {
			uses, _ := g.Uses()
			fmt.Printf("start %d: %s, used %d times\n", start, g.Label(), uses)
		}
		name, err := vat.Call[string](context.Background(), v.Enliven(sr), "name")
		fmt.Println(name, err)
		if start == 2 {
			if err := v.Revoke(sr); err != nil {
				panic(err)
			}
		}
		if err := v.Close(); err != nil {
			panic(err)
		}
	}
	// Output:
	// start 1: alice, used 0 times
	// Gutenberg <nil>
	// start 2: alice, used 1 times
	// Gutenberg <nil>
	//  vat: no such object: unknown, expired or revoked
}
