package docs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// The code of tutorial.md: docs_test.go sees to it that the page shows nothing else.

var ctx = context.Background()

// must keeps the page readable: it ends an example that went wrong.
func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

type Counter struct {
	vat.Object
	n int
}

func (c *Counter) Add(k int) int { c.n += k; return c.n }

func Example_objects() {
	v := must(vat.New(nil))
	defer v.Close()
	counter := must(v.Ref(&Counter{}))

	sum := vat.Send[int](counter, "add", 5) // a *vat.Promise[int], at once
	fmt.Println(sum.Await(ctx))
	// Output: 5 <nil>
}

func Example_promises() {
	v := must(vat.New(nil))
	defer v.Close()
	counter := must(v.Ref(&Counter{}))

	sum := vat.Send[int](counter, "add", 5)
	text := vat.When(sum, func(n int) (string, error) { // runs in a turn of its own, later
		return fmt.Sprintf("it is %d", n), nil
	})
	more := vat.Send[int](counter, "add", sum) // a promise can be an argument
	fmt.Println(text.Await(ctx))
	fmt.Println(more.Await(ctx))
	// Output:
	// it is 5 <nil>
	// 10 <nil>
}

func Example_sturdyrefs() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	file := filepath.Join(must(os.MkdirTemp("", "")), "counter.cap")
	defer os.RemoveAll(filepath.Dir(file))

	sr := must(server.Export(&Counter{}, nil))
	if err := sturdyref.WriteFile(file, sr); err != nil { // readable by its owner only
		panic(err)
	}

	client := must(vat.New(nil))
	defer client.Close()
	counter := client.Enliven(must(sturdyref.ReadFile(file)))
	fmt.Println(vat.Call[int](ctx, counter, "add", 5))
	// Output: 5 <nil>
}

type Directory struct {
	vat.Object
	counters map[string]*Counter
}

func (d *Directory) Lookup(name string) *Counter { return d.counters[name] }

func TestPipelining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := vattest.NewNetwork()
		network.Latency("a", "b", 50*time.Millisecond) // each way
		server := network.Vat(t, "a", nil)
		client := network.Vat(t, "b", nil)
		sr := must(server.Export(&Directory{counters: map[string]*Counter{"sheep": {}}}, nil))
		dir := client.Enliven(sr)
		require.NoError(t, dir.Await(ctx))

		began := time.Now()
		sheep := dir.Send("lookup", "sheep") // a promise for a counter
		sheep.SendOnly("add", 1)             // sent to what it will be
		sheep.SendOnly("add", 1)
		n, err := vat.Call[int](ctx, sheep, "add", 1)
		took := time.Since(began) // the time of one round trip

		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 100*time.Millisecond, took)
	})
}

// Guest is introduced to others.
type Guest struct {
	vat.Object
	met chan *vat.Ref
}

func (g *Guest) Meet(other *vat.Ref) { g.met <- other }

func TestIntroductions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := vattest.NewNetwork()
		alice, bob, carol := network.Vat(t, "a", nil), network.Vat(t, "b", nil), network.Vat(t, "c", nil)
		guest := &Guest{met: make(chan *vat.Ref, 1)}
		bobs, carols := must(bob.Export(guest, nil)), must(carol.Export(&Counter{}, nil))

		alice.Enliven(bobs).SendOnly("meet", alice.Enliven(carols))
		counter := <-guest.met                                // Bob's
		first, err := vat.Call[int](ctx, counter, "add", 1)   // maybe by way of Alice
		time.Sleep(time.Second)                               // his vat has found Carol's meanwhile
		through, ok := counter.Via()                          // so this is carol.ID()
		alice.Close()                                         // who is not needed any more
		second, err2 := vat.Call[int](ctx, counter, "add", 1) // it goes on

		require.NoError(t, err)
		require.NoError(t, err2)
		require.Equal(t, []int{1, 2}, []int{first, second})
		require.True(t, ok)
		require.Equal(t, carol.ID(), through)
	})
}

// Reader is a facet of a log: who has it can search, and cannot log.
type Reader struct {
	vat.Object
	log *Log
}

func (r *Reader) Search(sub string) []Entry { return r.log.Search(sub) }

func Example_attenuation() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()

	log := &Log{}
	writers := must(server.Export(log, nil))
	readers := must(server.Export(&Reader{log: log}, nil))

	w, r := client.Enliven(writers), client.Enliven(readers)
	fmt.Println(vat.Call[any](ctx, w, "log", "foot"))
	found, err := vat.Call[[]Entry](ctx, r, "search", "foo")
	fmt.Println(len(found), err)
	_, err = vat.Call[any](ctx, r, "log", "shoe")
	fmt.Println(errors.Is(err, vat.ErrNoSuchVerb))
	// Output:
	// <nil> <nil>
	// 1 <nil>
	// true
}

// Ticker tells whoever subscribes.
type Ticker struct {
	vat.Object
	subscribers []*vat.Ref
}

func (t *Ticker) Subscribe(who *vat.Ref) { t.subscribers = append(t.subscribers, who) }

func (t *Ticker) Tick(price int) {
	for _, who := range t.subscribers {
		who.SendOnly("ticked", price)
	}
}

// Watcher lives with the client. The ticker has a reference to it.
type Watcher struct {
	vat.Object
	seen chan int
}

func (w *Watcher) Ticked(price int) { w.seen <- price }

func Example_callbacks() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()
	ticker := client.Enliven(must(server.Export(&Ticker{}, nil)))

	w := &Watcher{seen: make(chan int, 2)}
	ticker.SendOnly("subscribe", w) // by reference, because it embeds vat.Object
	ticker.SendOnly("tick", 41)
	ticker.SendOnly("tick", 42)
	fmt.Println(<-w.seen, <-w.seen)
	// Output: 41 42
}

func Example_revocation() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()

	grant := must(server.Grant(&Counter{}, nil))
	counter := client.Enliven(grant.Sturdyref())
	fmt.Println(vat.Call[int](ctx, counter, "add", 1))

	grant.Revoke()
	_, err := vat.Call[int](ctx, counter, "add", 1)
	fmt.Println(errors.Is(err, vat.ErrRevoked))
	// Output:
	// 1 <nil>
	// true
}

var ErrEmpty = vat.RegisterError("example.empty", errors.New("there is nothing in it"))

type Box struct {
	vat.Object
}

func (b *Box) Take() (string, error) { return "", fmt.Errorf("the box: %w", ErrEmpty) }

func Example_errors() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()
	box := client.Enliven(must(server.Export(&Box{}, nil)))

	_, err := vat.Call[string](ctx, box, "take")
	fmt.Println(err, errors.Is(err, ErrEmpty))

	broken := make(chan error, 1)
	box.WhenBroken(func(err error) { broken <- err }) // runs in a turn, when the session has ended
	server.Close()
	<-broken

	_, err = vat.Call[string](ctx, box, "take")
	switch {
	case errors.Is(err, vat.ErrNotDelivered): // it may be sent again
		fmt.Println("not delivered")
	case errors.Is(err, vat.ErrOutcomeUnknown): // delivered once, or not at all
		fmt.Println("outcome unknown")
	}
	// Output:
	// the box: there is nothing in it true
	// not delivered
}
