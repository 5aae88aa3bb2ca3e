// Mailbox is Erlang's way: processes that only tell each other things, receive what
// they choose to, watch each other, and are started again when they crash.
//
//	(umask 077; go run ./examples/mailbox > node-says.cap) &
//	(umask 077; head -1 node-says.cap > node.cap)
//	go run ./examples/mailbox node.cap
//
// mailbox.go has the mailboxes; node.go the node, that is the supervisor, and the
// worker.
package main

import (
	"context"
	"fmt"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, use) }

// use is the worker if told so, else the client.
func use(ctx context.Context, there *vat.Ref, args []string) error {
	me, inbox, err := newMailbox(there.Vat())
	if err != nil {
		return err
	}
	name := "adder"
	if len(args) > 0 {
		name = args[0]
	}
	if name == "work" {
		return work(ctx, there, me, inbox)
	}
	return client(ctx, there, name, me, inbox)
}

func client(ctx context.Context, node *vat.Ref, name string, me *vat.Ref, inbox *Inbox) error {
	worker := node.Send("whereis", name)
	total, err := add(ctx, worker, me, inbox, 2, 3)
	if err != nil {
		return err
	}
	remark, err := inbox.Receive(ctx) // it came before the total, and has waited
	if err != nil {
		return err
	}
	fmt.Printf("the %s: %d; before that it had said: %s\n", name, total, program.Printable(remark.Text))

	down := node.Send("monitor", name)
	worker.SendOnly("tell", Message{Tag: "crash"})
	if _, err := down.Await(ctx); err != nil {
		return err
	}
	fmt.Printf("the %s is down\n", name)

	total, err = add(ctx, node.Send("whereis", name), me, inbox, 4) // to one that is not up yet
	if err == nil {
		fmt.Printf("the %s, started again: %d\n", name, total)
	}
	return err
}

// add has the worker add numbers, and tell the total. It may be a promise: a worker that
// is not up yet.
func add(ctx context.Context, worker vat.Target, me *vat.Ref, inbox *Inbox, numbers ...int) (int, error) {
	for _, n := range numbers {
		worker.SendOnly("tell", Message{Tag: "add", Number: n})
	}
	if _, err := vat.Call[any](ctx, worker, "tell", Message{Tag: "total", Reply: me}); err != nil {
		return 0, err // there will be no total
	}
	total, err := inbox.Receive(ctx, "total") // selective: what else has come stays where it is
	return total.Number, err
}
