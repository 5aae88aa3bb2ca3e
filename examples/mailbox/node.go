package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// Node knows processes by name, and supervises them. Where Erlang has a cookie that
// opens everything, here are two kinds of objects: clients have the node, which finds and
// watches, and each process has a registrar, which is the power over one name.
type Node struct {
	vat.Object
	ctx    context.Context
	names  map[string]*entry
	starts map[string]int // of the process of that name
}

// children are the names of the processes that the node starts when somebody asks for them.
var children = []string{"adder", "spare"}

// maxStarts is how often: once, and after a crash again.
const maxStarts = 6

var (
	errNoName  = vat.RegisterError("mailbox.noname", errors.New("no process has that name"))
	errGivenUp = vat.RegisterError("mailbox.givenup", errors.New("it has crashed too often"))
)

// entry is what a name stands for: from when it is free, until who then got it has gone.
type entry struct {
	taken  bool
	up     *vat.Promise[*vat.Ref] // where to tell it something
	isUp   *vat.Resolver[*vat.Ref]
	down   *vat.Promise[any] // that it has gone
	isDown *vat.Resolver[any]
}

func newNode(ctx context.Context) *Node {
	return &Node{ctx: ctx, names: map[string]*entry{}, starts: map[string]int{}}
}

// Whereis gives the mailbox of the process of that name: a promise, until there is one.
func (n *Node) Whereis(name string) (*vat.Promise[*vat.Ref], error) {
	e, err := n.find(name)
	if err != nil {
		return nil, err
	}
	return e.up, nil
}

// Monitor promises to say when the process of that name has gone, however it went.
func (n *Node) Monitor(name string) (*vat.Promise[any], error) {
	e, err := n.find(name)
	if err != nil {
		return nil, err
	}
	return e.down, nil
}

func (n *Node) find(name string) (*entry, error) {
	if !slices.Contains(children, name) {
		return nil, errNoName
	}
	if n.names[name] == nil {
		n.free(name)
		n.start(name)
	}
	return n.names[name], nil
}

// free makes a name one that nobody has.
func (n *Node) free(name string) {
	if old := n.names[name]; old != nil {
		_ = old.isDown.Resolve(nil) // null can be carried
	}
	e := &entry{}
	e.up, e.isUp = vat.NewPromise[*vat.Ref](n.Vat())
	e.down, e.isDown = vat.NewPromise[any](n.Vat())
	n.names[name] = e
	if n.starts[name] > maxStarts {
		e.isUp.Break(errGivenUp)
	}
}

// registrar is what a process has of its node.
type registrar struct {
	vat.Object
	node *Node
	name string
	done bool
}

// Register gives the name to the process whose mailbox that is, until it is gone.
func (r *registrar) Register(box *vat.Ref) error {
	if box == nil || r.done {
		return errors.New("one mailbox, once")
	}
	r.done = true
	n := r.node
	if n.names[r.name].taken { // by its predecessor, which has gone, if not noticed yet
		n.free(r.name)
	}
	mine := n.names[r.name]
	mine.taken = true
	fmt.Printf("%s: up\n", r.name)
	box.WhenBroken(func(error) { // a monitor
		if n.names[r.name] == mine {
			n.free(r.name)
		}
	})
	return mine.isUp.Resolve(box)
}

// start starts a process, and when it has ended starts it again, unless that was often enough.
func (n *Node) start(name string) {
	if n.ctx.Err() != nil {
		return
	}
	if n.starts[name]++; n.starts[name] > maxStarts {
		n.names[name].isUp.Break(errGivenUp) // if it is free already
		return
	}
	grant, err := n.Vat().Grant(&registrar{node: n, name: name}, nil)
	if err != nil {
		n.names[name].isUp.Break(err)
		return
	}
	ended := vat.Go(n.Vat(), func(ctx context.Context) (string, error) { // ctx ends with the vat
		cmd := exec.CommandContext(ctx, os.Args[0], "-", "work")
		cmd.Stdin = strings.NewReader(grant.Sturdyref().URI())
		cmd.Stderr = os.Stderr
		return fmt.Sprint(cmd.Run()), nil
	})
	vat.When(ended, func(how string) (any, error) { // in a turn
		_ = grant.Revoke() // it is temporary, so it never fails
		fmt.Printf("%s: down, %s\n", name, how)
		n.start(name)
		return nil, nil
	})
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, newNode(ctx))
}

// work is the worker: a process that adds.
func work(ctx context.Context, registrar *vat.Ref, me *vat.Ref, inbox *Inbox) error {
	linked, end := context.WithCancelCause(ctx)
	defer end(nil)
	registrar.WhenBroken(end) // a link: it ends with its node
	registrar.SendOnly("register", me)
	total := 0
	for {
		msg, err := inbox.Receive(linked)
		switch {
		case ctx.Err() != nil: // interrupted
			return nil
		case err != nil:
			return err
		}
		switch msg.Tag {
		case "add":
			total += msg.Number
		case "total":
			if msg.Reply != nil {
				msg.Reply.SendOnly("tell", Message{Tag: "remark", Text: "I have a total"})
				msg.Reply.SendOnly("tell", Message{Tag: "total", Number: total})
			}
		case "crash":
			os.Exit(3)
		}
	}
}
