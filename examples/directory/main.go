// Directory is a name server, as JoCaml, Pyro and GNUstep have one, without the
// server that everybody must trust: a directory is an object like others, and a name
// means what the directory that one holds says.
//
//	umask 077; go run ./examples/directory > directory.cap &
//	head -1 directory.cap > root.cap; tail -1 directory.cap > reader.cap   # to change it; to look only
//	go run ./examples/directory root.cap ls office
//	go run ./examples/directory root.cap print office/printer hello
//	go run ./examples/directory root.cap mkdir office/cellar
//	go run ./examples/directory root.cap offer office/cellar/printer  # one of its own, until interrupted
//	go run ./examples/directory root.cap save office/printer mine.cap # a name of one's own for it
//	go run ./examples/directory mine.cap print . hello
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Directory has names for objects.
type Directory struct {
	vat.Object
	entries map[string]any // a *Directory, or a *vat.Ref to something else
}

func newDirectory() *Directory { return &Directory{entries: map[string]any{}} }

var (
	errNone  = vat.RegisterError("directory.none", errors.New("there is no such name"))
	errTaken = vat.RegisterError("directory.taken", errors.New("the name is taken"))

	errPromise = vat.RegisterError("directory.promise", errors.New("what is to be named is not known yet"))
)

// Names lists the names.
func (d *Directory) Names() []string { return slices.Sorted(maps.Keys(d.entries)) }

// Lookup returns what has the name.
func (d *Directory) Lookup(name string) (any, error) {
	if found, ok := d.entries[name]; ok {
		return found, nil
	}
	return nil, errNone
}

// Bind gives a name to an object, of whatever vat. One of the directories here goes by
// itself, so that readers find no more than a reader.
func (d *Directory) Bind(name string, thing *vat.Ref) error {
	if sub, ok := vat.Near[*Directory](thing); ok {
		return d.bind(name, sub)
	}
	if thing.State() == vat.PromiseRef {
		return errPromise
	}
	return d.bind(name, thing)
}

// Mkdir makes a directory in the directory.
func (d *Directory) Mkdir(name string) (*Directory, error) {
	sub := newDirectory()
	return sub, d.bind(name, sub)
}

func (d *Directory) bind(name string, thing any) error {
	if _, taken := d.entries[name]; taken {
		return errTaken
	}
	d.entries[name] = thing
	return nil
}

// Share makes a sturdyref for what has the name, if it is an object of this vat.
func (d *Directory) Share(name string) (sturdyref.Ref, error) {
	found, err := d.Lookup(name)
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return d.Vat().Export(found, nil)
}

// Reader is the facet of a directory for those who may look, and not touch. It is
// all the way down: a directory of this vat in it is a reader again. What others have
// bound is given as it is.
type Reader struct {
	vat.Object
	d *Directory
}

// Names lists the names.
func (r *Reader) Names() []string { return r.d.Names() }

// Lookup returns what has the name.
func (r *Reader) Lookup(name string) (any, error) {
	found, err := r.d.Lookup(name)
	if sub, ok := found.(*Directory); ok {
		return &Reader{d: sub}, err
	}
	return found, err
}

// Printer is something to find.
type Printer struct {
	vat.Object
	where string
	pages int
}

// Print prints a text, and returns how many there were.
func (p *Printer) Print(text string) int {
	fmt.Printf("the printer in the %s prints: %s\n", p.where, program.Printable(text))
	p.pages++
	return p.pages
}

func serve(ctx context.Context, cfg *vat.Config) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	root, office := newDirectory(), newDirectory()
	printer, err := v.Ref(&Printer{where: "office"})
	err = errors.Join(err, root.bind("office", office), office.bind("printer", printer))
	return errors.Join(err, program.Serve(ctx, v, os.Stdout, root, &Reader{d: root}))
}

// The client.

func client(ctx context.Context, sr sturdyref.Ref, args []string) error {
	if len(args) < 2 {
		return errors.New("what is to be done, and with which path?")
	}
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	defer v.Close()
	root, path := v.Enliven(sr), args[1]
	dir, name := find(root, path)
	switch command := args[0]; {
	case command == "ls" && len(args) == 2:
		names, err := vat.Call[[]string](ctx, walk(root, path), "names")
		for _, name := range names {
			fmt.Println(program.Printable(name))
		}
		return err
	case command == "print" && len(args) == 3:
		pages, err := vat.Call[int](ctx, walk(root, path), "print", args[2])
		if err == nil {
			fmt.Println("pages so far:", pages)
		}
		return err
	case command == "mkdir" && len(args) == 2:
		_, err := vat.Call[*vat.Ref](ctx, dir, "mkdir", name)
		return err
	case command == "offer" && len(args) == 2:
		if _, err := vat.Call[any](ctx, dir, "bind", name, &Printer{where: name}); err != nil {
			return err
		}
		fmt.Println("offered")
		<-ctx.Done()
		return nil
	case command == "save" && len(args) == 3:
		found, err := vat.Call[sturdyref.Ref](ctx, dir, "share", name)
		if err != nil {
			return err
		}
		return sturdyref.WriteFile(args[2], found)
	}
	return errors.New("ls PATH, print PATH TEXT, mkdir PATH, offer PATH or save PATH FILE")
}

// walk follows a path, step by step and without waiting: all lookups, and what is sent
// to the result, take one round trip. A path of . is where it began.
func walk(from vat.Target, path string) vat.Target {
	for _, name := range strings.Split(path, "/") {
		if name != "." {
			from = from.Send("lookup", name)
		}
	}
	return from
}

// find gives the directory that a path leads into, and the name there.
func find(root vat.Target, path string) (vat.Target, string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return walk(root, path[:i]), path[i+1:]
	}
	return root, path
}
