package vat_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/vatnet/vatnet/vat"
)

type Echo struct{ vat.Object }

func (e *Echo) Echo(s string) string { return s }
func (e *Echo) Take(s string)        {}
func (e *Echo) Self() *Echo          { return e }

func benchPair(b *testing.B) *vat.Ref {
	server, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		b.Fatal(err)
	}
	client, err := vat.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = client.Close(), server.Close() })
	sr, err := server.Export(&Echo{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	ref := client.Enliven(sr)
	if err := ref.Await(context.Background()); err != nil {
		b.Fatal(err)
	}
	return ref
}

const text16 = "0123456789abcdef"

// BenchmarkCall is one call after the other over loopback TCP.
func BenchmarkCall(b *testing.B) {
	ref := benchPair(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vat.Call[string](context.Background(), ref, "echo", text16); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOutstanding keeps 100 calls under way.
func BenchmarkOutstanding(b *testing.B) {
	ref := benchPair(b)
	ctx := context.Background()
	b.ReportAllocs()
	var window [100]*vat.Promise[string]
	i := 0
	for b.Loop() {
		if p := window[i%100]; p != nil {
			if _, err := p.Await(ctx); err != nil {
				b.Fatal(err)
			}
		}
		window[i%100] = vat.Send[string](ref, "echo", text16)
		i++
	}
}

// BenchmarkChain pipelines ten calls, each on the outcome of the one before.
func BenchmarkChain(b *testing.B) {
	ref := benchPair(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		var t vat.Target = ref
		for range 9 {
			t = t.Send("self")
		}
		if _, err := vat.Call[string](ctx, t, "echo", text16); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSendOnly is a stream of sends that nobody waits for, one by one.
func BenchmarkSendOnly(b *testing.B) {
	ref := benchPair(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := ref.Ready(ctx); err != nil {
			b.Fatal(err)
		}
		ref.SendOnly("take", text16)
	}
	if _, err := vat.Call[string](ctx, ref, "echo", ""); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkNear is a call within a vat.
func BenchmarkNear(b *testing.B) {
	v, err := vat.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	ref, err := v.Ref(&Echo{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if s, err := vat.Call[string](context.Background(), ref, "echo", text16); err != nil || !strings.HasPrefix(s, "0") {
			b.Fatal(s, err)
		}
	}
}

// BenchmarkManySessions has eight vats keep 100 calls each under way to one object.
func BenchmarkManySessions(b *testing.B) {
	server, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		b.Fatal(err)
	}
	sr, err := server.Export(&Echo{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var refs []*vat.Ref
	for range 8 {
		client, err := vat.New(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = client.Close() })
		ref := client.Enliven(sr)
		if err := ref.Await(context.Background()); err != nil {
			b.Fatal(err)
		}
		refs = append(refs, ref)
	}
	b.Cleanup(func() { server.Close() })
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, ref := range refs {
		wg.Go(func() {
			var window [100]*vat.Promise[string]
			for i := range b.N / len(refs) {
				if p := window[i%100]; p != nil {
					if _, err := p.Await(ctx); err != nil {
						b.Error(err)
						return
					}
				}
				window[i%100] = vat.Send[string](ref, "echo", text16)
			}
			for _, p := range window {
				if p != nil {
					_, _ = p.Await(ctx)
				}
			}
		})
	}
	wg.Wait()
}
