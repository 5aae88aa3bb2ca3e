package vat_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Crowd takes many of something.
type Crowd struct{ vat.Object }

func (*Crowd) Sum(xs []int) (sum int) {
	for _, x := range xs {
		sum += x
	}
	return sum
}

func (*Crowd) Count(ps []*vat.Promise[any]) int { return len(ps) }

// A peer cannot have a vat wait for any number of promises: each is a send of its
// own, which counts with those of its program.
func TestAPeerHasSoManyPromisesWaitedFor(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Crowd{})
		promises := func(n int) (ps []*vat.Promise[int], rs []*vat.Resolver[int]) {
			for range n {
				q, r := vat.NewPromise[int](p.here)
				ps, rs = append(ps, q), append(rs, r)
			}
			return ps, rs
		}
		many, _ := promises(4097)
		_, err := vat.Call[int](t.Context(), r, "sum", many)
		require.ErrorIs(t, err, vat.ErrOverloaded)

		some, rs := promises(4096) // what was refused does not count
		sum := vat.Send[int](r, "sum", some)
		synctest.Wait()
		time.Sleep(time.Second)
		_, err = vat.Call[int](t.Context(), p.give(&Crowd{}), "sum", many[:1])
		require.ErrorIs(t, err, vat.ErrOverloaded)
		for _, r := range rs {
			require.NoError(t, r.Resolve(2))
		}
		got, err := sum.Await(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2*4096, got)
		one, ones := promises(1)
		require.NoError(t, ones[0].Resolve(7))
		require.Equal(t, 7, call[int](t, r, "sum", one))
	})
}

// Data that arrives as promises shares the capabilities of its message: their
// product is not held.
func TestDataAndCapabilitiesDoNotMultiply(t *testing.T) {
	const n = 4000
	v, err := vat.New(quiet())
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	r, err := v.Ref(&Crowd{})
	require.NoError(t, err)
	args := make([]any, 0, 2*n)
	for range n {
		args = append(args, 1, &Crowd{})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Equal(t, 2*n, call[int](t, r, "count", args))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
}

// All peers together have a vat wait for so many promises only that its own sends go on, and
// it takes many of them to have it all.
func TestPeersTogetherLeaveRoomForTheVatsOwnSends(t *testing.T) {
	spec.Covers(t, "OBJ-19")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		v := net.Vat(t, "v", &vat.Config{MaxPending: 256, Logger: quiet().Logger})
		sr, err := net.Vat(t, "friend", quiet()).Export(&Crowd{}, nil)
		require.NoError(t, err)
		own := v.Enliven(sr)
		var got []int
		for i := range 16 {
			cfg := quiet()
			cfg.Limits.Protocol.OpenCalls = 1 // of what v asks, the most waits at v
			peer := net.Vat(t, fmt.Sprint("peer", i), cfg)
			var asked []*vat.Promise[int]
			for range 24 {
				sr, err := v.Export(&Crowd{}, nil)
				require.NoError(t, err)
				never, _ := vat.NewPromise[int](peer)
				asked = append(asked, vat.Send[int](peer.Enliven(sr), "sum", []*vat.Promise[int]{never}))
			}
			time.Sleep(time.Second)
			waits := 0
			for _, q := range asked {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if _, err := q.Await(ctx); errors.Is(err, context.DeadlineExceeded) {
					waits++
				} else {
					require.ErrorIs(t, err, vat.ErrOverloaded)
				}
				cancel()
			}
			got = append(got, waits)
		}
		require.Equal(t, []int{21, 14, 10, 6, 4, 3, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0}, got)
		require.Equal(t, 3, call[int](t, own, "sum", []int{1, 2}))
	})
}
