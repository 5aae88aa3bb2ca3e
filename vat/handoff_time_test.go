package vat_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// acquaint has bob know carol already.
func (x *trio) acquaint(t *testing.T) {
	t.Helper()
	sr, err := x.carol.Export(&Recorder{}, nil)
	require.NoError(t, err)
	r := x.bob.Enliven(sr)
	require.NoError(t, r.Await(t.Context()))
	r.Release()
}

// TestHandoffToASilentHost: what waits for a host's answer does so for a while, and goes by way of the donor then.
func TestHandoffToASilentHost(t *testing.T) {
	spec.Covers(t, "HAND-17")
	for name, donorDies := range map[string]bool{"the donor lives": false, "the donor dies": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTrio(t)
				x.acquaint(t)
				x.net.Partition("bob", "carol", true)
				r := x.hand(t)
				sent := r.Send("note", "a")
				if donorDies {
					require.NoError(t, x.alice.Close())
				}
				pass(18 * time.Second)
				_, ok := r.Via()
				require.False(t, ok, "between two ways")
				require.Equal(t, vat.FarRef, r.State())
				pass(3 * time.Second)
				if donorDies {
					require.ErrorIs(t, failure(t, sent), vat.ErrNotDelivered)
					require.Equal(t, vat.BrokenRef, r.State())
					return
				}
				requireVia(t, r, x.alice)
				await(t, sent)
				r.SendOnly("note", "b")
				x.net.Partition("bob", "carol", false)
				pass(time.Second)
				r.SendOnly("note", "c")
				requireVia(t, r, x.alice)
				require.Equal(t, "a b c", call[string](t, r, "join"))
			})
		})
	}
}

// Runner runs what a test wants to be a turn.
type Runner struct {
	vat.Object
	do func()
}

func (r *Runner) Run() { r.do() }

// TestGiftsGoDuringALongTurn: the donor takes back what was not picked up, whatever its turns do.
func TestGiftsGoDuringALongTurn(t *testing.T) {
	spec.Covers(t, "HAND-6")
	synctest.Test(t, func(t *testing.T) {
		lost := quiet()
		lost.Advertise = []string{"carol:1"}
		x := newTrio(t, quiet(), quiet(), lost)
		pass(time.Second)
		before := vat.Left(x.carol)
		x.taker.got = make(chan *vat.Ref) // bob does not answer either: nothing comes to alice
		own, err := x.alice.Ref(&Runner{do: func() {
			x.toTaker.SendOnly("take", x.toThing)
			pass(3 * time.Minute)
		}})
		require.NoError(t, err)
		own.SendOnly("run")
		pass(time.Minute)
		given := vat.Left(x.carol)
		pass(15 * time.Second)
		gone := vat.Left(x.carol)
		(<-x.taker.got).Release()
		require.NotEqual(t, before, given)
		require.Equal(t, before, gone)
	})
}

// TestShutdownLeavesTimeToPickUp: who shuts a vat down in good order that has just introduced others has introduced them.
func TestShutdownLeavesTimeToPickUp(t *testing.T) {
	spec.Covers(t, "HAND-18")
	for moment := range 30 {
		synctest.Test(t, func(t *testing.T) {
			x := newTrio(t)
			r := x.hand(t)
			done := make(chan error, 1)
			var sent []*vat.Promise[any]
			var want []string
			for i := range 60 {
				if i == 2*moment {
					go func() { done <- x.alice.Shutdown(t.Context()) }()
				}
				want = append(want, fmt.Sprint(i))
				sent = append(sent, r.Send("note", want[i]))
				pass(time.Millisecond)
			}
			for _, p := range sent {
				await(t, p)
			}
			require.NoError(t, <-done)
			requireVia(t, r, x.carol)
			require.Equal(t, want, call[[]string](t, r, "noted"))
		})
	}
}

// TestShutdownWhereNobodyPicksUp: it does not wait for long.
func TestShutdownWhereNobodyPicksUp(t *testing.T) {
	spec.Covers(t, "HAND-18")
	lost := quiet()
	lost.Advertise = []string{"carol:1"}
	shut := func(t *testing.T, after, atMost time.Duration) (took time.Duration, err error) {
		synctest.Test(t, func(t *testing.T) {
			x := newTrio(t, quiet(), quiet(), lost)
			r := x.hand(t)
			pass(after)
			requireVia(t, r, x.alice)
			ctx, cancel := context.WithTimeout(t.Context(), atMost)
			defer cancel()
			begin := time.Now()
			err = x.alice.Shutdown(ctx)
			took = time.Since(begin)
			pass(time.Second)
			require.Equal(t, vat.BrokenRef, r.State())
		})
		return took, err
	}
	took, err := shut(t, time.Second, time.Minute)
	require.NoError(t, err)
	require.InDelta(t, 3*time.Second, took, float64(time.Second))
	took, err = shut(t, 5*time.Second, time.Minute)
	require.NoError(t, err)
	require.Less(t, took, time.Second)
	_, err = shut(t, time.Second, time.Second)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
