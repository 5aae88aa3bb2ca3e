package vat_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

func TestOrder(t *testing.T) {
	spec.Covers(t, "OBJ-3", "OBJ-4")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		var want []string
		for i := range 500 {
			s := fmt.Sprint(i)
			want = append(want, s)
			r.SendOnly("note", s)
		}
		require.Equal(t, want, call[[]string](t, r, "noted"))
	})
}

func TestOrderThroughPromises(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		me := r.Send("me")
		me.SendOnly("note", "a")
		me.SendOnly("note", "b")
		ref, ok := await(t, me).(*vat.Ref)
		require.True(t, ok)
		ref.SendOnly("note", "c")
		me.SendOnly("note", "d")
		require.Equal(t, "a b c d", call[string](t, me, "join"))
	})
}

// An object of here travels to there and back: what was sent by the long way must
// arrive before what is sent by the short one.
func TestOrderWhenAPromiseComesHome(t *testing.T) {
	spec.Covers(t, "OBJ-3")
	nearAndFar(t, func(t *testing.T, p *place) {
		mine := &Recorder{}
		home, err := p.here.Ref(mine)
		require.NoError(t, err)
		r := p.give(&Recorder{})
		back := vat.Send[*vat.Ref](r, "echo", home) // comes home
		for i := range 5 {
			back.SendOnly("note", fmt.Sprint(i))
		}
		ref := await(t, back)
		ref.SendOnly("note", "5")
		back.SendOnly("note", "6")
		require.Equal(t, "0 1 2 3 4 5 6", call[string](t, ref, "join"))
		require.Equal(t, vat.NearRef, ref.State())
	})
}

func TestValuesAreCopied(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		rec := &Recorder{}
		r := p.give(rec)
		list := []string{"x", "y"}
		vat.Send[any](r, "noteAll", "first")
		q := vat.Send[int](r, "len", list)
		list[0] = "changed"
		require.Equal(t, 2, await(t, q))
		got := call[[]string](t, r, "noted")
		got[0] = "changed"
		require.Equal(t, []string{"first"}, call[[]string](t, r, "noted"))
		require.Equal(t, []string{"first"}, await(t, vat.Send[[]string](r, "noted")))
	})
}

func TestAnyReceives(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	huge := new(big.Int).Lsh(big.NewInt(1), 100)
	for _, tt := range []struct{ sent, want any }{
		{nil, nil}, {true, true}, {int8(3), int64(3)}, {uint64(1) << 63, uint64(1) << 63}, {1.5, 1.5},
		{"text", "text"}, {[]byte{1}, []byte{1}}, {time.Minute, time.Minute}, {huge, huge},
		{[]int{1, 2}, []any{int64(1), int64(2)}},
		{map[string]int{"a": 1}, map[string]any{"a": int64(1)}},
		{struct{ A int }{1}, vat.Record{{Name: "a", Value: int64(1)}}},
	} {
		t.Run(fmt.Sprintf("%T", tt.sent), func(t *testing.T) {
			nearAndFar(t, func(t *testing.T, p *place) {
				require.Equal(t, tt.want, call[any](t, p.give(&Recorder{}), "echo", tt.sent))
			})
		})
	}
	nearAndFar(t, func(t *testing.T, p *place) {
		got := call[any](t, p.give(&Recorder{}), "echo", when)
		require.True(t, when.Equal(got.(time.Time)))
	})
}

var errFull = vat.RegisterError("test.full", errors.New("the log is full"))

// Faulty fails in every way.
type Faulty struct {
	vat.Object
	list []int
}

func (f *Faulty) Plain() error                { return errors.New("no such line") }
func (f *Faulty) Coded() error                { return fmt.Errorf("cannot take it: %w", errFull) }
func (f *Faulty) Both(ok bool) (int, error)   { return 7, map[bool]error{false: errFull}[ok] }
func (f *Faulty) Panics()                     { panic("secret detail") }
func (f *Faulty) Nil()                        { f.list[0]++ }
func (f *Faulty) Unsendable() any             { return make(chan int) }
func (f *Faulty) Typed(n int8, s string) int8 { return n }
func (f *Faulty) Smuggle(v *vat.Ref) error {
	_, err := vat.Call[any](context.Background(), v, "join")
	return err
}

func TestErrors(t *testing.T) {
	spec.Covers(t, "OBJ-5", "OBJ-6", "ERR-1")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Faulty{})
		err := failure(t, r.Send("plain"))
		require.EqualError(t, err, "no such line")
		var e *vat.Error
		require.ErrorAs(t, err, &e)
		require.Empty(t, e.Code)

		err = failure(t, r.Send("coded"))
		require.ErrorIs(t, err, errFull)
		require.EqualError(t, err, "cannot take it: the log is full")
		require.NotErrorIs(t, err, vat.ErrDisconnected)

		require.ErrorIs(t, failure(t, vat.Send[int](r, "both", false)), errFull)
		require.Equal(t, 7, await(t, vat.Send[int](r, "both", true)))

		require.ErrorIs(t, failure(t, r.Send("missing")), vat.ErrNoSuchVerb)
		require.ErrorIs(t, failure(t, r.Send("Plain")), vat.ErrNoSuchVerb)
		require.ErrorIs(t, failure(t, r.Send("vat")), vat.ErrNoSuchVerb, "promoted from vat.Object")
		require.ErrorIs(t, failure(t, r.Send("typed", 1)), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("typed", 1, "a", 2)), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("typed", 1000, "a")), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("typed", "x", "a")), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("typed", make(chan int))), vat.ErrNotSendable)
		require.ErrorIs(t, failure(t, vat.Send[[]int](r, "typed", 1, "a")), vat.ErrBadResult)
		require.Equal(t, int8(-3), call[int8](t, r, "typed", -3, ""))
	})
}

func TestPanicsAreContained(t *testing.T) {
	spec.Covers(t, "ERR-3", "ERR-4")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Faulty{})
		for _, verb := range []string{"panics", "nil", "unsendable"} {
			err := failure(t, r.Send(verb))
			require.ErrorIs(t, err, vat.ErrInternal)
			_, id, ok := strings.Cut(err.Error(), "internal error; incident ")
			require.True(t, ok, err.Error())
			require.NotContains(t, err.Error(), "secret")
			require.Contains(t, p.book.String(), id)
		}
		require.Contains(t, p.book.String(), "secret detail")
		require.Equal(t, 7, call[int](t, r, "both", true), "the vat lives on")
	})
}

func TestSendOnlyFailureIsLogged(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Faulty{})
		for range 30 {
			r.SendOnly("coded")
		}
		require.Equal(t, 7, call[int](t, r, "both", true))
		synctest.Wait()
		require.Contains(t, p.mybook.String(), "the log is full")
		require.Contains(t, p.mybook.String(), "verb=coded")
		require.LessOrEqual(t, strings.Count(p.mybook.String(), "verb=coded"), 10)
	})
}

func TestReferences(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		rec := &Recorder{}
		r := p.give(rec)
		require.Nil(t, call[*vat.Ref](t, r, "nobody"))
		me := call[*vat.Ref](t, r, "me")
		me.SendOnly("note", "x")
		require.Equal(t, "x", call[string](t, me, "join"))
		_, isRef := call[any](t, r, "me").(*vat.Ref)
		require.True(t, isRef)

		// here's object, called from there
		mine := &Recorder{}
		r.SendOnly("tell", mine, "from afar")
		require.NoError(t, r.Await(t.Context()))
		require.Equal(t, []string{}, append([]string{}, call[[]string](t, r, "echo", []string{})...))
		call[any](t, r, "join")
		synctest.Wait()
		mineRef, err := p.here.Ref(mine)
		require.NoError(t, err)
		require.Equal(t, "from afar", call[string](t, mineRef, "join"))
	})
}

func TestPromiseResults(t *testing.T) {
	spec.Covers(t, "OBJ-8")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		a, b := vat.Send[string](r, "later"), vat.Send[string](r, "later")
		r.SendOnly("settle", "one")
		require.Equal(t, "one", await(t, a))
		r.SendOnly("smash", "two")
		require.EqualError(t, failure(t, b), "two")
	})
}

func TestContextEndsWithTheCaller(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		w := vat.Send[string](r, "watch")
		require.False(t, call[bool](t, r, "ended", 0))
		w.Cancel()
		require.ErrorIs(t, failure(t, w), vat.ErrCanceled)
		time.Sleep(time.Second) // fake
		require.True(t, call[bool](t, r, "ended", 0))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := vat.Call[string](ctx, r, "watch")
		require.ErrorIs(t, err, vat.ErrCanceled)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		require.True(t, call[bool](t, r, "ended", 1))
	})
}

func TestAwaitOnlyStopsWaiting(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		l := vat.Send[string](r, "later")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Await(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		r.SendOnly("settle", "after all")
		require.Equal(t, "after all", await(t, l))
	})
}

func TestAwaitInATurnFails(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Faulty{})
		other := p.give(&Recorder{})
		err := failure(t, r.Send("smuggle", other))
		require.ErrorContains(t, err, "a turn must not")
		require.NotErrorIs(t, err, vat.ErrInTurn, "it was not the caller who waited")
		require.Contains(t, p.book.String(), "inside of a turn")
		got := await(t, vat.When(other.Send("join"), func(any) (string, error) {
			_, err := other.Send("join").Await(t.Context())
			if !errors.Is(err, vat.ErrInTurn) || !errors.Is(p.here.Close(), vat.ErrInTurn) ||
				!errors.Is(p.here.Shutdown(t.Context()), vat.ErrInTurn) || !errors.Is(other.Ready(t.Context()), vat.ErrInTurn) {
				return "", fmt.Errorf("waited: %v", err)
			}
			return "refused", nil
		}))
		require.Equal(t, "refused", got)
	})
}

func TestUnreferenced(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		factory := p.give(&Maker{})
		r := call[*vat.Ref](t, factory, "make")
		require.Equal(t, "", call[string](t, r, "join"))
		require.False(t, call[bool](t, factory, "gone"))
		r.Release()
		r.Release()
		require.ErrorContains(t, failure(t, r.Send("join")), "released")
		time.Sleep(time.Second)
		require.True(t, call[bool](t, factory, "gone"))
	})
}

// Maker makes recorders and hears of their end.
type Maker struct {
	vat.Object
	last *Recorder
}

func (m *Maker) Make() *Recorder {
	m.last = &Recorder{dropped: make(chan struct{})}
	return m.last
}

func (m *Maker) Gone() bool {
	select {
	case <-m.last.dropped:
		return true
	default:
		return false
	}
}
