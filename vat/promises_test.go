package vat_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// alone runs a body in a bubble with one vat.
func alone(t *testing.T, body func(t *testing.T, v *vat.Vat, book *logbook)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, false, nil)
		body(t, p.here, p.book)
	})
}

func TestWhenAndCatch(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, book *logbook) {
		p, res := vat.NewPromise[int](v)
		doubled := vat.When(p, func(i int) (int, error) { return 2 * i, nil })
		failed := vat.When(p, func(i int) (int, error) { return 0, errFull })
		panicked := vat.When(p, func(i int) (int, error) { panic("oh") })
		rescued := vat.Catch(failed, func(err error) (int, error) {
			if !errors.Is(err, errFull) {
				return 0, err
			}
			return -1, nil
		})
		untouched := vat.Catch(doubled, func(error) (int, error) { return 0, errors.New("called") })
		skipped := vat.When(failed, func(int) (int, error) { return 0, errors.New("called") })
		require.NoError(t, res.Resolve(21))
		require.NoError(t, res.Resolve(22), "later ones do nothing")
		res.Break(errFull)
		require.Equal(t, 21, await(t, p))
		require.Equal(t, 42, await(t, doubled))
		require.ErrorIs(t, failure(t, failed), errFull)
		require.ErrorIs(t, failure(t, panicked), vat.ErrInternal)
		require.Contains(t, book.String(), "oh")
		require.Equal(t, -1, await(t, rescued))
		require.Equal(t, 42, await(t, untouched))
		require.ErrorIs(t, failure(t, skipped), errFull)
		// of a promise that has settled, and as another type
		require.Equal(t, int64(22), await(t, vat.When(p, func(i int) (int64, error) { return int64(i + 1), nil })))
	})
}

func TestWhenRunsInTurns(t *testing.T) {
	spec.Covers(t, "OBJ-1")
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		n := 0 // no mutex: turns
		var last *vat.Promise[int]
		for range 100 {
			p := vat.Go(v, func(context.Context) (int, error) { return 1, nil })
			last = vat.When(p, func(i int) (int, error) { n += i; return n, nil })
		}
		await(t, last)
		time.Sleep(time.Second)
		require.Equal(t, 100, await(t, vat.When(last, func(int) (int, error) { return n, nil })))
	})
}

func TestCombinations(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		a, ra := vat.NewPromise[string](v)
		b, rb := vat.NewPromise[string](v)
		c, rc := vat.NewPromise[string](v)
		all, any, race := vat.All(v, a, b), vat.Any(v, c, b), vat.Race(v, b, a)
		broken := vat.All(v, a, c)
		none := vat.Any(v, c, c)
		rc.Break(errFull)
		require.ErrorIs(t, failure(t, broken), errFull, "before a has settled")
		require.ErrorIs(t, failure(t, none), errFull)
		require.NoError(t, ra.Resolve("a"))
		require.Equal(t, "a", await(t, race))
		require.NoError(t, rb.Resolve("b"))
		require.Equal(t, []string{"a", "b"}, await(t, all))
		require.Equal(t, "b", await(t, any))

		require.Empty(t, await(t, vat.All[int](v)))
		require.ErrorIs(t, failure(t, vat.Any[int](v)), vat.ErrDropped)
		require.ErrorIs(t, failure(t, vat.Race[int](v)), vat.ErrDropped)
	})
}

func TestResolverFollow(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		q, res := vat.NewPromise[*vat.Ref](p.here)
		q.SendOnly("note", "early")
		res.Follow(vat.Send[*vat.Ref](r, "me"))
		q.SendOnly("note", "late")
		require.Equal(t, "early late", call[string](t, q, "join"))

		self, res := vat.NewPromise[*vat.Ref](p.here)
		a, resA := vat.NewPromise[*vat.Ref](p.here)
		res.Follow(a)
		resA.Follow(self)
		require.ErrorIs(t, failure(t, a), vat.ErrCycle)
		require.ErrorIs(t, failure(t, self), vat.ErrCycle)
	})
}

func TestSendsToALocalPromise(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		q, res := vat.NewPromise[any](p.here)
		joined := vat.Send[string](q, "join")
		q.SendOnly("note", "too late")
		require.NoError(t, res.Resolve(r))
		require.Equal(t, "", await(t, joined))
		require.Equal(t, "too late", call[string](t, r, "join"))

		data, res := vat.NewPromise[any](p.here)
		lost := data.Send("join")
		require.NoError(t, res.Resolve("data"))
		require.ErrorIs(t, failure(t, lost), vat.ErrNotObject)
		require.ErrorIs(t, failure(t, data.Send("join")), vat.ErrNotObject)

		bad, res := vat.NewPromise[any](p.here)
		lost = bad.Send("join")
		res.Break(errFull)
		require.ErrorIs(t, failure(t, lost), errFull)
	})
}

func TestResolveWithWhatCannotBeSent(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		p, res := vat.NewPromise[any](v)
		require.ErrorIs(t, res.Resolve(make(chan int)), vat.ErrNotSendable)
		require.ErrorIs(t, failure(t, p), vat.ErrNotSendable)
	})
}

func TestGo(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, book *logbook) {
		p := vat.Go(v, func(context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "slept", nil
		})
		require.Equal(t, "slept", await(t, p))
		own := errors.New("kept as it is")
		require.Equal(t, own, failure(t, vat.Go(v, func(context.Context) (int, error) { return 0, own })))
		require.ErrorIs(t, failure(t, vat.Go(v, func(context.Context) (int, error) { panic("gone") })), vat.ErrInternal)
		require.Contains(t, book.String(), "gone")

		ends := vat.Go(v, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		go func() { _ = v.Close() }()
		_, err := ends.Await(context.Background())
		require.Error(t, err)
		require.NoError(t, v.Close())
		require.ErrorIs(t, failure(t, vat.Go(v, func(context.Context) (int, error) { return 0, nil })), vat.ErrClosed)
	})
}

func TestObjectsBelongToOneVat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, nil)
		mine := &Recorder{}
		require.Nil(t, mine.Vat())
		_, err := p.here.Ref(mine)
		require.NoError(t, err)
		require.Same(t, p.here, mine.Vat())
		_, err = p.there.Ref(mine)
		require.ErrorIs(t, err, vat.ErrOtherVat)
		_, err = p.there.Export(mine, nil)
		require.ErrorIs(t, err, vat.ErrOtherVat)
		r := p.give(&Recorder{})
		theirs := &Recorder{}
		_, err = p.there.Ref(theirs)
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, r.Send("echo", theirs)), vat.ErrOtherVat)
		ref, err := p.there.Ref(theirs)
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, r.Send("echo", ref)), vat.ErrOtherVat)
		other, _ := vat.NewPromise[int](p.there)
		require.ErrorIs(t, failure(t, r.Send("echo", other)), vat.ErrOtherVat)
		here, _ := vat.NewPromise[int](p.here)
		require.ErrorIs(t, failure(t, vat.All(p.here, here, other)), vat.ErrOtherVat)
		require.ErrorIs(t, failure(t, vat.Race(p.here, other)), vat.ErrOtherVat)
		_, err = p.here.Ref("no object")
		require.ErrorIs(t, err, vat.ErrNotSendable)
		_, err = p.here.Ref((*Recorder)(nil))
		require.ErrorIs(t, err, vat.ErrNotSendable)
		wrong := r.Send("echo", struct{ R Recorder }{})
		require.ErrorIs(t, wrong.Err(), vat.ErrNotSendable, "at once")
		require.ErrorIs(t, failure(t, wrong), vat.ErrNotSendable)
		right := r.Send("echo", 7)
		require.NoError(t, right.Err())
		require.Equal(t, int64(7), call[any](t, r, "echo", right))
		require.NoError(t, right.Err())
		missing := r.Send("missing")
		require.ErrorIs(t, failure(t, missing), vat.ErrNoSuchVerb)
		require.ErrorIs(t, missing.Err(), vat.ErrNoSuchVerb)
	})
}
