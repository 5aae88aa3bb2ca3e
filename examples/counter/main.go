// Counter is state that all clients share, on a server that ends when the last of
// them has let go.
//
//	(umask 077; go run ./examples/counter > counter-says.cap) &
//	(umask 077; head -1 counter-says.cap > counter.cap)
//	go run ./examples/counter counter.cap      # adds the numbers of standard input
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Door is what the sturdyref designates. Who enters gets a handle.
type Door struct {
	vat.Object
	count   int // shared by all; turns run one at a time, so it needs no mutex
	handles int
	empty   func()
}

// Enter gives a handle on the count.
func (d *Door) Enter() *Handle {
	d.handles++
	fmt.Println("a client came, now there are", d.handles)
	return &Handle{door: d}
}

// Handle is one client's hold on the count.
type Handle struct {
	vat.Object
	door *Door
}

// Add adds n, and returns the count.
func (h *Handle) Add(n int) int {
	h.door.count += n
	return h.door.count
}

// Unreferenced runs when nobody holds the handle any more: its client has released
// it, or ended, or crashed.
func (h *Handle) Unreferenced() {
	d := h.door
	d.handles--
	fmt.Println("a client let go, now there are", d.handles)
	if d.handles == 0 {
		d.empty()
	}
}

func serve(ctx context.Context, v *vat.Vat) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return program.Serve(ctx, v, os.Stdout, &Door{empty: cancel})
}

// The client.

func client(ctx context.Context, door *vat.Ref, _ []string) error {
	handle := door.Send("enter") // a promise for the handle
	for line, err := range program.Lines(ctx, os.Stdin) {
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			return err
		}
		count, err := vat.Call[int](ctx, handle, "add", n)
		if err != nil {
			return err
		}
		fmt.Println("the count is", count)
	}
	return nil
}
