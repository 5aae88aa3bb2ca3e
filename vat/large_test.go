package vat_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// largest is about the largest result that a message can carry.
const largest = 8<<20 - 1<<10

// onNetworks runs a test body over TCP and in memory.
func onNetworks(t *testing.T, body func(t *testing.T, a, b, c *vat.Vat)) {
	t.Run("tcp", func(t *testing.T) { body(t, tcpVat(t), tcpVat(t), tcpVat(t)) })
	t.Run("memory", func(t *testing.T) {
		net := vattest.NewNetwork()
		body(t, net.Vat(t, "a", quiet()), net.Vat(t, "b", quiet()), net.Vat(t, "c", quiet()))
	})
}

// Two vats that ask each other for a lot at once both get all of it.
func TestLargeRepliesBothWays(t *testing.T) {
	for _, x := range []struct{ calls, pages int }{{1000, 64 << 10}, {16, largest}} {
		t.Run(fmt.Sprint(x.calls, "x", x.pages), func(t *testing.T) {
			onNetworks(t, func(t *testing.T, a, b, _ *vat.Vat) {
				spec.Covers(t, "CREDIT-5")
				grown := peak(func() {
					var wg sync.WaitGroup
					for _, r := range []*vat.Ref{lend(t, b, a, x.pages), lend(t, a, b, x.pages)} {
						wg.Go(func() { borrow(t, r, x.calls, x.pages) })
					}
					wg.Wait()
				})
				t.Logf("heap grew by %d MiB", grown>>20)
			})
		})
	}
}

// Nothing is known of a reply's size before it is there.
func TestLargeFirstReplies(t *testing.T) {
	onNetworks(t, func(t *testing.T, a, b, _ *vat.Vat) {
		spec.Covers(t, "CREDIT-5")
		borrow(t, lend(t, b, a, largest), 16, largest)
	})
	borrow(t, lend(t, tcpVat(t), tcpVat(t), largest), 40, largest)
}

// Shelf answers with as much as it is asked for, and later.
type Shelf struct {
	vat.Object
	v       *vat.Vat
	later   *vat.Promise[[]byte]
	resolve *vat.Resolver[[]byte]
	each    []*vat.Resolver[[]byte]
	library *vat.Ref
}

func (s *Shelf) Read(n int) []byte           { return make([]byte, n) }
func (s *Shelf) Later() *vat.Promise[[]byte] { return s.later }
func (s *Shelf) Settle(n int)                { _ = s.resolve.Resolve(make([]byte, n)) }
func (s *Shelf) Lend(n int) *vat.Promise[[]byte] {
	return vat.Send[[]byte](s.library, "lend", n)
}
func (s *Shelf) Each() *vat.Promise[[]byte] {
	p, r := vat.NewPromise[[]byte](s.v)
	s.each = append(s.each, r)
	return p
}
func (s *Shelf) SettleEach(n int) {
	for _, r := range s.each {
		_ = r.Resolve(make([]byte, n))
	}
}

// Many small replies say nothing of the next ones.
func TestSuddenlyLargeReplies(t *testing.T) {
	onNetworks(t, func(t *testing.T, a, b, _ *vat.Vat) {
		spec.Covers(t, "CREDIT-5")
		sr, err := b.Export(&Shelf{v: b}, nil)
		require.NoError(t, err)
		r := a.Enliven(sr)
		ps := make([]*vat.Promise[[]byte], 300)
		for i := range ps {
			n := 10
			if i >= 200 && i < 216 {
				n = largest
			}
			ps[i] = vat.Send[[]byte](r, "read", n)
		}
		came, refused := outcomes(t, ps)
		require.Equal(t, len(ps), came)
		require.Zero(t, refused)
	})
}

// outcomes awaits all and counts those that came, and those that were too much. Any
// other outcome fails the test.
func outcomes(t *testing.T, ps []*vat.Promise[[]byte]) (came, refused int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, p := range ps {
		switch _, err := p.Await(ctx); {
		case err == nil:
			came++
		case errors.Is(err, vat.ErrAnswerLost):
			require.ErrorIs(t, err, vat.ErrOverloaded)
			refused++
		default:
			require.NoError(t, err, "call %d", i)
		}
	}
	return came, refused
}

// Answers that are all there at once, long after their calls, cannot be held back:
// what is too much is refused, and nothing else happens.
func TestLargeLateReplies(t *testing.T) {
	for _, how := range []string{"later", "each", "lend"} {
		t.Run(how, func(t *testing.T) {
			onNetworks(t, func(t *testing.T, a, b, c *vat.Vat) {
				spec.Covers(t, "CREDIT-7")
				s := &Shelf{v: b}
				s.later, s.resolve = vat.NewPromise[[]byte](b)
				if how == "lend" {
					s.library = lend(t, c, b, 1<<20)
				}
				sr, err := b.Export(s, nil)
				require.NoError(t, err)
				r := a.Enliven(sr)
				ps := make([]*vat.Promise[[]byte], 64)
				for i := range ps {
					if how == "lend" {
						ps[i] = vat.Send[[]byte](r, how, i)
					} else {
						ps[i] = vat.Send[[]byte](r, how)
					}
				}
				switch how {
				case "later":
					r.SendOnly("settle", 1<<20)
				case "each":
					r.SendOnly("settleEach", 1<<20)
				}
				came, refused := outcomes(t, ps)
				t.Logf("%d came, %d were refused", came, refused)
				require.GreaterOrEqual(t, came, 16)
				got, err := vat.Call[[]byte](t.Context(), r, "read", 10)
				require.NoError(t, err)
				require.Len(t, got, 10)
			})
		})
	}
}
