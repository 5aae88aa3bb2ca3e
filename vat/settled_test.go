package vat_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// TestWhenSettled: it hears of both ends, and of a value that is none of the type that is wanted.
func TestWhenSettled(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, book *logbook) {
		good, value := vat.NewPromise[any](v)
		bad, why := vat.NewPromise[any](v)
		tell := func(x any, err error) (string, error) {
			if err != nil {
				return "broken", err
			}
			return x.(string), nil
		}
		first, second := vat.WhenSettled(good, tell), vat.WhenSettled(bad, tell)
		heard := vat.WhenSettled(bad, func(x any, err error) (bool, error) {
			return x == nil && errors.Is(err, errFull), nil
		})
		panicked := vat.WhenSettled(bad, func(any, error) (any, error) { panic("oh") })
		require.NoError(t, value.Resolve("well"))
		why.Break(errFull)
		require.Equal(t, "well", await(t, first))
		require.ErrorIs(t, failure(t, second), errFull)
		require.True(t, await(t, heard))
		require.ErrorIs(t, failure(t, panicked), vat.ErrInternal)
		require.Contains(t, book.String(), "oh")

		numbers, text := vat.NewPromise[any](v)
		echo := &echoer{}
		wrong := vat.Send[int](nearRef(t, v, echo), "echo", numbers)
		misfit := vat.WhenSettled(wrong, func(n int, err error) (bool, error) {
			return n == 0 && errors.Is(err, vat.ErrBadResult), nil
		})
		require.NoError(t, text.Resolve("no number"))
		require.True(t, await(t, misfit))
	})
}

// nearRef gives a near reference.
func nearRef(t *testing.T, v *vat.Vat, o any) *vat.Ref {
	t.Helper()
	r, err := v.Ref(o)
	require.NoError(t, err)
	return r
}

// echoer gives back what it gets, and waits for what it is told to.
type echoer struct {
	vat.Object
	waits *vat.Ref
}

func (e *echoer) Echo(x *vat.Promise[any]) *vat.Promise[any] { return x }
func (e *echoer) Lead(x *vat.Promise[*vat.Ref]) *vat.Promise[string] {
	return vat.When(x, func(r *vat.Ref) (string, error) { return r.State().String(), nil })
}

// Never is answered never, and tells when nobody waits any more.
func (e *echoer) Never(ctx context.Context, told *vat.Ref) *vat.Promise[any] {
	context.AfterFunc(ctx, func() { told.SendOnly("heard") })
	p, _ := vat.NewPromise[any](e.Vat())
	return p
}

// Pass passes Never on, and its cancellation.
func (e *echoer) Pass(ctx context.Context, told *vat.Ref) *vat.Promise[any] {
	p := e.waits.Send("never", told)
	context.AfterFunc(ctx, p.Cancel)
	return p
}

// TestRefPromise: a reference as a promise settles with what the reference leads to, near or far.
func TestRefPromise(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		state := map[bool]vat.State{true: vat.NearRef, false: vat.FarRef}[p.here == p.there]
		ref := p.give(&echoer{})
		same := await(t, ref.Promise())
		require.Equal(t, state, same.State())
		require.NoError(t, ref.Await(t.Context()))
		require.Equal(t, state, await(t, vat.When(ref.Promise(), func(r *vat.Ref) (*vat.Ref, error) { return r, nil })).State())

		later, res := vat.NewPromise[*vat.Ref](p.here)
		led := vat.Send[string](ref, "lead", later)
		require.NoError(t, res.Resolve(ref))
		require.Equal(t, "near", await(t, led), "it has come home")
		require.Equal(t, "near", call[string](t, ref, "lead", ref), "any reference can be given for a promise")

		broken, res := vat.NewPromise[*vat.Ref](p.here)
		leads := vat.Send[string](ref, "lead", broken)
		res.Break(errFull)
		require.ErrorIs(t, failure(t, leads), errFull)
		ref.Release()
		require.Error(t, failure(t, ref.Promise()))
	})
}

// lamp goes on once.
type lamp struct {
	vat.Object
	up bool
}

func (f *lamp) Heard()   { f.up = true }
func (f *lamp) Up() bool { return f.up }

// TestCancelPassedOn: a method that asks for it has what it waits for canceled with its own call.
func TestCancelPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, nil)
		last := p.give(&echoer{})
		first := nearRef(t, p.here, &echoer{waits: last})
		told := nearRef(t, p.here, &lamp{})
		waits := first.Send("pass", told)
		pass(time.Second)
		require.False(t, call[bool](t, told, "up"))
		waits.Cancel()
		require.ErrorIs(t, failure(t, waits), vat.ErrCanceled)
		pass(time.Second)
		require.True(t, call[bool](t, told, "up"))
	})
}
