// Directory is a name server, as JoCaml, Pyro and GNUstep have one, without the
// server that everybody must trust: a directory is an object like others, and a name
// means what the directory that one holds says. Each client has one of its own, in its
// own vat; its names are petnames, and one of them, there, is the server's directory.
//
//	umask 077; go run ./examples/directory > directory.cap &
//	head -1 directory.cap > root.cap; tail -1 directory.cap > reader.cap   # to change it; to look only
//	go run ./examples/directory root.cap       # commands on standard input, or one as arguments:
//	  ls there/office
//	  print there/office/printer hello
//	  bind mine there/office/printer           # a petname
//	  print mine hello
//	  mkdir there/cellar
//	  bind there/cellar/printer mine           # a name for all who look there
//	  unbind there/cellar/printer
//	  offer there/cellar/xerox                 # a printer of one's own, until this process ends
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// Directory has names for objects: of the server, in the server's vat, and of the
// client, in the client's.
type Directory struct {
	vat.Object
	entries map[string]any // a *Directory, or a *vat.Ref to something else
}

func newDirectory() *Directory { return &Directory{entries: map[string]any{}} }

var (
	errNone  = vat.RegisterError("directory.none", errors.New("there is no such name"))
	errTaken = vat.RegisterError("directory.taken", errors.New("the name is taken"))
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

// Bind gives a name to an object, of whatever vat, once it is known. One of the directories
// here goes by itself, so that readers find no more than a reader.
func (d *Directory) Bind(name string, thing *vat.Promise[*vat.Ref]) (*vat.Promise[any], error) {
	if thing == nil {
		return nil, errNone
	}
	return vat.When(thing, func(ref *vat.Ref) (any, error) {
		sub, ok := vat.Near[*Directory](ref)
		switch {
		case ref == nil:
			return nil, errNone
		case ok:
			return nil, d.bind(name, sub)
		}
		return nil, d.bind(name, ref)
	}), nil
}

// Unbind takes a name away. What had it is still there for all who have it otherwise.
func (d *Directory) Unbind(name string) error {
	if _, ok := d.entries[name]; !ok {
		return errNone
	}
	delete(d.entries, name)
	return nil
}

// Mkdir makes a directory in the directory.
func (d *Directory) Mkdir(name string) (*Directory, error) {
	sub := newDirectory()
	return sub, d.bind(name, sub)
}

func (d *Directory) bind(name string, thing any) error {
	switch _, taken := d.entries[name]; {
	case taken:
		return errTaken
	case name == "" || strings.Contains(name, "/"):
		return errors.New("a name has no slashes, and is not empty")
	case len(d.entries) == 1000 || len(name) > 100:
		return errors.New("a directory takes 1000 names of up to 100 bytes")
	}
	d.entries[name] = thing
	return nil
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

func serve(ctx context.Context, v *vat.Vat) error {
	root, office := newDirectory(), newDirectory()
	printer, err := v.Ref(&Printer{where: "office"})
	err = errors.Join(err, root.bind("office", office), office.bind("printer", printer))
	return errors.Join(err, program.Serve(ctx, v, os.Stdout, root, &Reader{d: root}))
}

// The client.

func client(ctx context.Context, there *vat.Ref, args []string) error {
	mine := newDirectory()
	if err := mine.bind("there", there); err != nil {
		return err
	}
	root, err := there.Vat().Ref(mine)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return do(ctx, root, args)
	}
	for line, err := range program.Lines(ctx, os.Stdin) {
		if err != nil {
			return err
		}
		if err := do(ctx, root, strings.Fields(line)); err != nil {
			fmt.Println(program.Printable(err.Error()))
		}
	}
	return nil
}

// do does what one command says, with paths that begin in a directory.
func do(ctx context.Context, root *vat.Ref, words []string) error {
	if len(words) < 2 {
		return errUsage
	}
	path, rest := words[1], words[2:]
	dir, name := find(root, path)
	switch command := words[0]; {
	case command == "ls" && len(rest) == 0:
		names, err := vat.Call[[]string](ctx, walk(root, path), "names")
		for _, name := range names {
			fmt.Println(program.Printable(name))
		}
		return err
	case command == "print" && len(rest) == 1:
		pages, err := vat.Call[int](ctx, walk(root, path), "print", rest[0])
		if err == nil {
			fmt.Println("pages so far:", pages)
		}
		return err
	case command == "mkdir" && len(rest) == 0:
		return call(ctx, dir, "mkdir", name)
	case command == "bind" && len(rest) == 1:
		return call(ctx, dir, "bind", name, walk(root, rest[0]))
	case command == "unbind" && len(rest) == 0:
		return call(ctx, dir, "unbind", name)
	case command == "offer" && len(rest) == 0:
		return call(ctx, dir, "bind", name, &Printer{where: name})
	}
	return errUsage
}

var errUsage = errors.New("ls PATH, print PATH WORD, mkdir PATH, bind NEW-PATH PATH, unbind PATH or offer PATH")

// call calls what has no result.
func call(ctx context.Context, to vat.Target, verb string, args ...any) error {
	_, err := vat.Call[any](ctx, to, verb, args...)
	return err
}

// walk follows a path, step by step and without waiting: all lookups, and what is sent
// to the result, take one round trip. A path of . is where it began.
func walk(from vat.Target, path string) vat.Target {
	for name := range strings.SplitSeq(path, "/") {
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
