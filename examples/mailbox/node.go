package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// Node supervises a worker, a process of the operating system. Where Erlang has a
// cookie that opens everything, here are two objects: clients have the node, and the
// worker has a registrar.
type Node struct {
	vat.Object
	ctx   context.Context
	lives [6]life // of the worker: the first, and after each crash another
	now   int     // which of them it is in, from 1; 0 before the first
}

// life is one run of the worker: two promises, and the power to settle them.
type life struct {
	up     *vat.Promise[*vat.Ref] // where to tell it something
	isUp   *vat.Resolver[*vat.Ref]
	down   *vat.Promise[string] // how it ended
	isDown *vat.Resolver[string]
}

func newNode(ctx context.Context, v *vat.Vat) *Node {
	n := &Node{ctx: ctx}
	for i := range n.lives {
		l := &n.lives[i]
		l.up, l.isUp = vat.NewPromise[*vat.Ref](v)
		l.down, l.isDown = vat.NewPromise[string](v)
	}
	return n
}

// Life says which life the worker is in. It begins the first if nobody has asked before.
func (n *Node) Life() int {
	if n.now == 0 {
		n.start(0)
	}
	return n.now
}

// Whereis gives the mailbox of the worker in its nth life: a promise, if that has
// not begun.
func (n *Node) Whereis(nth int) (*vat.Promise[*vat.Ref], error) {
	if nth < 1 || nth > len(n.lives) {
		return nil, errNoLife
	}
	return n.lives[nth-1].up, nil
}

// Down is a monitor: it promises to say how that life ended.
func (n *Node) Down(nth int) (*vat.Promise[string], error) {
	if nth < 1 || nth > len(n.lives) {
		return nil, errNoLife
	}
	return n.lives[nth-1].down, nil
}

var errNoLife = errors.New("the worker has no such life")

// registrar is what a worker has of its node.
type registrar struct {
	vat.Object
	nth int
	up  *vat.Resolver[*vat.Ref]
}

// Register says that the worker is up, and where to tell it something.
func (r *registrar) Register(box *vat.Ref) error {
	fmt.Printf("worker %d: up\n", r.nth)
	return r.up.Resolve(box)
}

// start starts the worker, and when it has ended starts it again, unless it has lived often enough.
func (n *Node) start(i int) {
	if i == len(n.lives) || n.ctx.Err() != nil {
		return
	}
	n.now = i + 1
	l := &n.lives[i]
	grant, err := n.Vat().Grant(&registrar{nth: i + 1, up: l.isUp}, nil)
	if err != nil {
		l.isUp.Break(err)
		return
	}
	ended := vat.Go(n.Vat(), func(ctx context.Context) (string, error) { // ctx ends with the vat
		cmd := exec.CommandContext(ctx, os.Args[0], "-", "work")
		cmd.Stdin = strings.NewReader(grant.Sturdyref().URI())
		cmd.Stderr = os.Stderr
		return fmt.Sprint(cmd.Run()), nil
	})
	l.isDown.Follow(ended)
	vat.When(ended, func(how string) (any, error) { // in a turn
		_ = grant.Revoke() // it is temporary, so it never fails
		l.isUp.Break(errNoLife) // if it has never been up
		fmt.Printf("worker %d: down, %s\n", i+1, how)
		n.start(i + 1)
		return nil, nil
	})
}

func serve(ctx context.Context, cfg *vat.Config) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	return program.Serve(ctx, v, os.Stdout, newNode(ctx, v))
}

// work is the worker: a process that adds.
func work(ctx context.Context, registrar *vat.Ref, me *vat.Ref, inbox *Inbox) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	registrar.WhenBroken(func(err error) { cancel(err) }) // a link: it ends with its node
	registrar.SendOnly("register", me)
	total := 0
	for {
		msg, err := inbox.Receive(ctx)
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
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
