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

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, use) }

// use is the worker if told so, else the client.
func use(ctx context.Context, sr sturdyref.Ref, args []string) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	defer v.Close()
	me, inbox, err := newMailbox(v)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "work" {
		return work(ctx, v.Enliven(sr), me, inbox)
	}
	return client(ctx, v.Enliven(sr), me, inbox)
}

func client(ctx context.Context, node *vat.Ref, me *vat.Ref, inbox *Inbox) error {
	life, err := vat.Call[int](ctx, node, "life")
	if err != nil {
		return err
	}
	total, err := add(ctx, node.Send("whereis", life), me, inbox, 2, 3)
	if err != nil {
		return err
	}
	remark, err := inbox.Receive(ctx) // it came before the total, and has waited
	if err != nil {
		return err
	}
	fmt.Printf("the worker: %d; before that it had said: %s\n", total, program.Printable(remark.Text))

	down := vat.Send[string](node, "down", life) // a monitor
	node.Send("whereis", life).SendOnly("tell", Message{Tag: "crash"})
	how, err := down.Await(ctx)
	if err != nil {
		return err
	}
	fmt.Println("the worker: down,", program.Printable(how))

	total, err = add(ctx, node.Send("whereis", life+1), me, inbox, 4)
	if err == nil {
		fmt.Println("the worker, started again:", total)
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
