package vat_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Actor does to others all that a turn can.
type Actor struct {
	vat.Durable
	Acts int

	promises [3]*vat.Promise[string]
	settlers [3]*vat.Resolver[string]
	slow     *vat.Promise[any] // a call that has not been answered
	friend   *vat.Ref
	ran      atomic.Int32 // callbacks and goroutines
	called   []*vat.Promise[int]
}

func init() { vat.Register[Actor]("actor") }

// Prepare makes ready for Act.
func (a *Actor) Prepare(friend *vat.Ref) {
	for i := range a.promises {
		a.promises[i], a.settlers[i] = vat.NewPromise[string](a.Vat())
	}
	a.friend, a.slow = friend, friend.Send("later")
}

func (a *Actor) Promised(i int) *vat.Promise[string] { return a.promises[i] }
func (a *Actor) Slow() *vat.Promise[any]             { return a.slow }
func (a *Actor) Ran() int                            { return int(a.ran.Load()) }
func (a *Actor) Done() int                           { return a.Acts }

// Act does everything, and panics if it is to.
func (a *Actor) Act(fail bool) {
	a.Acts++
	_ = a.settlers[0].Resolve("resolved")
	a.settlers[1].Break(&vat.Error{Text: "broken"})
	a.settlers[2].Follow(a.promises[0])
	run := func(context.Context) (int, error) { return int(a.ran.Add(1)), nil }
	when := vat.When(a.promises[0], func(string) (int, error) { return run(nil) })
	catch := vat.Catch(vat.When(a.promises[1], func(string) (int, error) { return 0, nil }), func(error) (int, error) { return run(nil) })
	a.called = []*vat.Promise[int]{when, catch, vat.Go(a.Vat(), run)}
	a.friend.WhenBroken(func(error) { a.ran.Add(100) })
	a.slow.Cancel()
	a.friend.SendOnly("note", "x")
	canceled := a.friend.Send("note", "canceled")
	canceled.Cancel()
	a.friend.Send("me").Send("me").SendOnly("note", "y") // pipelined on what has not left
	a.friend.Release()
	if fail {
		panic("on purpose")
	}
}

// What a turn does to promises, references and goroutines happens when it is committed, or
// not at all.
func TestAllEffects(t *testing.T) {
	spec.Covers(t, "KEEP-1", "KEEP-3")
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		there, own := x.listener(t)
		a, err := vat.Root(x.v, "actor", func() *Actor { return &Actor{} })
		require.NoError(t, err)
		call[any](t, a, "prepare", there)
		there.Release() // the actor has another
		var promised []*vat.Promise[string]
		for i := range 3 {
			promised = append(promised, vat.Send[string](a, "promised", i))
		}
		slow := a.Send("slow")
		untouched := func() {
			t.Helper()
			pass(1)
			synctest.Wait()
			for i, p := range promised {
				_, err := p.Await(ended())
				require.ErrorIs(t, err, context.Canceled, i)
			}
			require.Empty(t, call[string](t, own, "join"))
			_, err := slow.Await(ended())
			require.ErrorIs(t, err, context.Canceled)
		}
		require.ErrorIs(t, failure(t, a.Send("act", true)), vat.ErrInternal)
		untouched()
		require.Zero(t, call[int](t, a, "ran"))
		x.disk.net.Cut("durable", "other")
		pass(time.Minute)
		require.Zero(t, call[int](t, a, "ran"), "an undone turn has watched")
		there = x.v.Enliven(x.listens)
		require.NoError(t, there.Await(t.Context()))
		call[any](t, a, "prepare", there)
		there.Release()
		promised, slow = nil, a.Send("slow")
		for i := range 3 {
			promised = append(promised, vat.Send[string](a, "promised", i))
		}

		commits := x.slow.stall()
		act := a.Send("act", false)
		commit := <-commits
		untouched()
		x.slow.unstall()
		commit <- nil
		await(t, act)
		require.Equal(t, "resolved", await(t, promised[0]))
		require.ErrorContains(t, failure(t, promised[1]), "broken")
		require.Equal(t, "resolved", await(t, promised[2]))
		require.ErrorContains(t, failure(t, slow), "canceled")
		pass(1)
		synctest.Wait()
		require.Equal(t, "x y", call[string](t, own, "join"))
		require.Equal(t, 3, call[int](t, a, "ran"))
		require.Equal(t, 1, call[int](t, a, "done"))
	})
}
