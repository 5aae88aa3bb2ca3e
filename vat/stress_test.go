package vat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Bouncer calls back and forth between two vats.
type Bouncer struct {
	vat.Object
	count int
}

// Bounce answers what the others make of it.
func (b *Bouncer) Bounce(to *vat.Ref, back *vat.Ref, n int) *vat.Promise[int] {
	b.count++
	if n == 0 {
		p, res := vat.NewPromise[int](b.Vat())
		_ = res.Resolve(0)
		return p
	}
	return vat.When(vat.Send[int](to, "bounce", back, to, n-1), func(i int) (int, error) { return i + 1, nil })
}

func (b *Bouncer) Echo(s string) string { return s }
func (b *Bouncer) Me() *Bouncer         { return b }

// Many goroutines, both directions, over real sockets: nothing is lost, nothing
// waits for ever.
func TestManyAtOnceOverTCP(t *testing.T) {
	cfg := quiet()
	cfg.Listen = []string{"127.0.0.1:0"}
	a, err := vat.New(cfg)
	require.NoError(t, err)
	b, err := vat.New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	srA, err := a.Export(&Bouncer{}, nil)
	require.NoError(t, err)
	srB, err := b.Export(&Bouncer{}, nil)
	require.NoError(t, err)
	refB, refA := a.Enliven(srB), b.Enliven(srA)
	homeA := a.Enliven(srA)
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			ref := []*vat.Ref{refA, refB}[g%2]
			for i := range 100 {
				want := fmt.Sprint(g, i)
				got, err := vat.Call[string](ctx, ref, "echo", want)
				if err != nil || got != want {
					t.Errorf("%q: %q, %v", want, got, err)
					return
				}
				got, err = vat.Call[string](ctx, ref.Send("me").Send("me"), "echo", want)
				if err != nil || got != want {
					t.Errorf("pipelined %q: %q, %v", want, got, err)
					return
				}
				if g%4 == 1 && i%10 == 0 {
					n, err := vat.Call[int](ctx, refB, "bounce", homeA, refB, 6)
					if err != nil || n != 6 {
						t.Errorf("bounce: %d, %v", n, err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	var both sync.WaitGroup
	for _, v := range []*vat.Vat{a, b} {
		both.Go(func() {
			if err := v.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}
