package docs_test

import (
	"fmt"
	"os"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
	"github.com/vatnet/vatnet/vat/stream"
)

func Example_streams() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()

	numbers := must(stream.New[int](server, nil))
	end := client.Enliven(must(server.Export(numbers.SendEnd(), nil)))

	to := stream.SenderTo[int](end) // anywhere, of a reference to the end
	for n := range 3 {
		if err := to.Send(ctx, n); err != nil { // waits only for a receiver that lags far behind
			panic(err)
		}
	}
	to.Close()

	for n, err := range numbers.Receiver(0).All(ctx) {
		fmt.Println(n, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 2 <nil>
}

func Example_patterns() {
	server := must(vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}}))
	defer server.Close()
	client := must(vat.New(nil))
	defer client.Close()
	log := must(server.Ref(&Log{}))
	log.SendOnly("log", "foot")

	reader := pattern.NewFacet(log, "search")
	membrane, gate := pattern.NewMembrane()
	guests := must(server.Export(membrane.Wrap(must(server.Ref(reader))), nil))

	guest := client.Enliven(guests)
	found, err := vat.Call[[]Entry](ctx, guest, "search", "foo")
	fmt.Println(len(found), err)
	_, err = vat.Call[any](ctx, guest, "log", "shoe")
	fmt.Println(err)
	gate.Revoke()
	_, err = vat.Call[[]Entry](ctx, guest, "search", "foo")
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// vat: no such verb: Facet has no verb "log"
	// pattern: revoked
}

type Diary struct {
	vat.Durable
	Days vat.List[string]
}

func init() { vat.Register[Diary]("diary") } // the name by which the next process knows the type

func (d *Diary) Add(day string) int { d.Days.Append(day); return d.Days.Len() }

func Example_durable() {
	dir := must(os.MkdirTemp("", "diary"))
	defer os.RemoveAll(dir)

	v := must(vat.Open(dir, &vat.Config{Listen: []string{"127.0.0.1:0"}}))
	diary := must(vat.Root(v, "diary", func() *Diary { return &Diary{} }))
	if err := v.Publish("diary", diary); err != nil {
		panic(err)
	}
	door := must(v.Mint("diary", &vat.ExportConfig{Label: "for Bob"})).Sturdyref()
	fmt.Println(must(vat.Call[int](ctx, diary, "add", "Monday")))
	v.Close()

	v = must(vat.Open(dir, &vat.Config{Listen: []string{"127.0.0.1:0"}})) // another day, another process
	defer v.Close()
	diary = must(vat.Root(v, "diary", func() *Diary { return &Diary{} }))
	if err := v.Publish("diary", diary); err != nil {
		panic(err)
	}
	bob := must(vat.New(nil))
	defer bob.Close()
	fmt.Println(must(vat.Call[int](ctx, bob.Enliven(door), "add", "Tuesday")))
	// Output:
	// 1
	// 2
}
