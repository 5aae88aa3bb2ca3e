package vat_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

type logClient struct {
	Log    func(line string)
	Search func(ctx context.Context, sub string) ([]Entry, error)
	Find   func(sub string) *vat.Promise[[]Entry] `vat:"search"`
	hidden int
}

type recorderClient struct {
	NoteAll func(ctx context.Context, ss ...string) error
	Me      func() *vat.Promise[*vat.Ref]
	Join    func(ctx context.Context) (string, error)
	Missing func()
}

func TestBind(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		log := vat.Bind[logClient](p.give(&Log{}))
		require.Zero(t, log.hidden)
		log.Log("foot")
		log.Log("shoe")
		found, err := log.Search(t.Context(), "foo")
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Len(t, await(t, log.Find("o")), 2)

		rec := vat.Bind[recorderClient](p.give(&Recorder{}))
		require.NoError(t, rec.NoteAll(t.Context(), "a", "b"))
		me := vat.Bind[recorderClient](rec.Me()) // of a promise
		s, err := me.Join(t.Context())
		require.NoError(t, err)
		require.Equal(t, "a b", s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = me.Join(ctx)
		require.ErrorIs(t, err, vat.ErrCanceled)
	})
}

func TestBindPanicsOnMistakes(t *testing.T) {
	v, err := vat.New(quiet())
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	r, err := v.Ref(&Log{})
	require.NoError(t, err)
	require.Panics(t, func() { vat.Bind[int](r) })
	require.Panics(t, func() { vat.Bind[struct{ A int }](r) })
	require.Panics(t, func() { vat.Bind[struct{ A func() int }](r) })
	require.Panics(t, func() { vat.Bind[struct{ A func() error }](r) })
}

func TestCheck(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Log{})
		require.NoError(t, vat.Check[logClient](t.Context(), r))
		err := vat.Check[recorderClient](t.Context(), r)
		require.ErrorIs(t, err, vat.ErrBadArguments)
		require.ErrorContains(t, err, `there is no verb "missing"`)
		err = vat.Check[struct {
			Log    func(line string, n int)
			Search func(n int) *vat.Promise[string]
		}](t.Context(), r)
		require.ErrorContains(t, err, `"log" takes 1 arguments, not 2`)
		require.ErrorContains(t, err, `"search" wants text as argument 1, not int`)
		err = vat.Check[struct {
			Search func(s string) *vat.Promise[string]
		}](t.Context(), r)
		require.ErrorContains(t, err, "gives []{at time, line text}, not text")
	})
}

// Adder has a verb that takes any number.
type Adder struct{ vat.Object }

func (*Adder) Add(label string, xs ...float64) float64 { return 0 }
func (*Adder) Pair(a, b int) int                       { return 0 }

func TestCheckOfVariadicVerbs(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Adder{})
		require.NoError(t, vat.Check[struct {
			Add  func(label string, xs ...int) *vat.Promise[float64]
			Pair func(ab ...int) *vat.Promise[int]
		}](t.Context(), r))
		require.NoError(t, vat.Check[struct {
			Add func(label string, a, b, c float64) *vat.Promise[float64]
		}](t.Context(), r))
		require.NoError(t, vat.Check[struct {
			Add func(label string) *vat.Promise[float64]
		}](t.Context(), r))

		err := vat.Check[struct{ Add func() *vat.Promise[float64] }](t.Context(), r)
		require.ErrorContains(t, err, `"add" takes 1 arguments or more, not 0`)
		err = vat.Check[struct {
			Add func(label string, x float64, y string) *vat.Promise[float64]
		}](t.Context(), r)
		require.ErrorContains(t, err, `"add" wants float64 as argument 3, not text`)
		err = vat.Check[struct {
			Add func(label string, xs ...string) *vat.Promise[float64]
		}](t.Context(), r)
		require.ErrorContains(t, err, `"add" wants float64 as argument 2, not text`)
		err = vat.Check[struct {
			Add func(label string) *vat.Promise[[]string]
		}](t.Context(), r)
		require.ErrorContains(t, err, `gives float64, not []text`)
		err = vat.Check[struct {
			Pair func(ab ...string) *vat.Promise[int]
		}](t.Context(), r)
		require.ErrorContains(t, err, `"pair" wants int as argument 1, not text`)
		err = vat.Check[struct {
			Pair func(a, b, c int, rest ...int) *vat.Promise[int]
		}](t.Context(), r)
		require.ErrorContains(t, err, `"pair" takes 2 arguments, not 3`)
	})
}

// Secretive declines to describe itself.
type Secretive struct{ vat.Object }

func (*Secretive) Undescribed() {}
func (*Secretive) Work() string { return "done" }

func TestDescribe(t *testing.T) {
	spec.Covers(t, "OBJ-7")
	nearAndFar(t, func(t *testing.T, p *place) {
		d, err := vat.Describe(t.Context(), p.give(&Log{}))
		require.NoError(t, err)
		require.Equal(t, "Log", d.Type)
		require.Equal(t, "log(text)\nsearch(text) []{at time, line text}\n", d.String())

		d, err = vat.Describe(t.Context(), p.give(&Recorder{}))
		require.NoError(t, err)
		verbs := map[string]vat.VerbDescription{}
		for _, v := range d.Verbs {
			verbs[v.Name] = v
		}
		require.Equal(t, "noteAll(text...)", verbs["noteAll"].String())
		require.Equal(t, "later() text", verbs["later"].String())
		require.True(t, verbs["later"].Promise)
		require.Equal(t, "watch() text", verbs["watch"].String(), "a context is not a parameter")
		require.Equal(t, "me() ref", verbs["me"].String())
		require.NotContains(t, verbs, "unreferenced")
		require.NotContains(t, verbs, "vat")

		r := p.give(&Secretive{})
		_, err = vat.Describe(t.Context(), r)
		require.ErrorIs(t, err, vat.ErrUndescribed)
		require.Equal(t, "done", call[string](t, r, "work"))
		require.ErrorIs(t, failure(t, r.Send("undescribed")), vat.ErrNoSuchVerb)
	})
}
