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
	"github.com/vatnet/vatnet/vat/pattern"
)

func same(t *testing.T, a, b vat.Target) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	is, err := vat.Same(ctx, a, b)
	require.NoError(t, err)
	back, err := vat.Same(ctx, b, a)
	require.NoError(t, err)
	require.Equal(t, is, back)
	return is
}

func key(t *testing.T, target vat.Target) vat.Key {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	k, err := vat.Identify(ctx, target)
	require.NoError(t, err)
	return k
}

// TestSameHearsOfWhatBreaks: which of the two breaks does not matter: the other one is not waited for.
func TestSameHearsOfWhatBreaks(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		a := p.here.Enliven(p.export(&Recorder{}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := vat.Same(ctx, a.Send("nobody"), a.Send("later"))
		require.ErrorIs(t, err, vat.ErrNull)
		_, err = vat.Same(ctx, a.Send("later"), a.Send("nobody"))
		require.ErrorIs(t, err, vat.ErrNull)
		_, err = vat.Identify(ctx, a.Send("nobody"))
		require.ErrorIs(t, err, vat.ErrNull)
	})
}

// TestSame: an object is the same under each of its grants, and no other one is.
func TestSame(t *testing.T) {
	spec.Covers(t, "OBJ-20")
	nearAndFar(t, func(t *testing.T, p *place) {
		rec, other := &Recorder{}, &Recorder{}
		a, b, c := p.here.Enliven(p.export(rec)), p.here.Enliven(p.export(rec)), p.here.Enliven(p.export(other))
		require.True(t, same(t, a, a))
		require.True(t, same(t, a, b))
		require.False(t, same(t, a, c))
		require.True(t, same(t, a, b.Send("me")), "a promise for it")
		require.True(t, same(t, b, call[*vat.Ref](t, a, "echo", b)), "it went there and back")
		mine, err := p.here.Ref(&Taker{})
		require.NoError(t, err)
		require.False(t, same(t, a, mine))
		require.True(t, same(t, mine, call[*vat.Ref](t, a, "echo", mine)))

		require.Equal(t, key(t, a), key(t, b))
		require.NotEqual(t, key(t, a), key(t, c))
		require.NotEqual(t, key(t, a), key(t, mine))
		require.Equal(t, p.there.ID(), key(t, a).Vat)
		require.False(t, key(t, a).IsZero())
		require.True(t, vat.Key{}.IsZero())
		require.NotContains(t, key(t, a).String(), p.there.ID().String())

		_, err = vat.Same(t.Context(), a, b.Send("join"))
		require.ErrorIs(t, err, vat.ErrNotObject, "data is not compared")
		_, err = vat.Same(t.Context(), b.Send("nobody"), a)
		require.ErrorIs(t, err, vat.ErrNull)
		_, err = vat.Identify(t.Context(), b.Send("join"))
		require.ErrorIs(t, err, vat.ErrNotObject)
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = vat.Same(brief, a, b.Send("later"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		gone := p.here.Enliven(p.export(rec))
		gone.Release()
		_, err = vat.Same(t.Context(), gone, gone)
		require.Error(t, err)
		stranger, err := p.net.Vat(t, "stranger", quiet()).Ref(&Recorder{})
		require.NoError(t, err)
		_, err = vat.Same(t.Context(), a, stranger)
		require.ErrorIs(t, err, vat.ErrOtherVat)
	})
}

// TestSameInATurn: it is asked outside of turns, and the answer is a promise for those inside.
func TestSameInATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, quiet())
		rec := &Recorder{}
		a, b := p.here.Enliven(p.export(rec)), p.here.Enliven(p.export(rec))
		answer := vat.When(a.Send("join"), func(any) (*vat.Promise[bool], error) {
			_, err := vat.Same(t.Context(), a, b)
			require.ErrorIs(t, err, vat.ErrInTurn)
			_, err = vat.Identify(t.Context(), a)
			require.ErrorIs(t, err, vat.ErrInTurn)
			return vat.Go(p.here, func(ctx context.Context) (bool, error) { return vat.Same(ctx, a, b) }), nil
		})
		require.True(t, await(t, await(t, answer)))
	})
}

// TestSameThroughOthers: it does not matter through which vats references came.
func TestSameThroughOthers(t *testing.T) {
	spec.Covers(t, "OBJ-20", "OBJ-22")
	apart := quiet()
	apart.NoHandoff = true
	for name, cfgs := range map[string][]*vat.Config{"handed over": nil, "by way of the donor": {apart}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTrio(t, cfgs...)
				passed := x.hand(t)
				sr, err := x.carol.Export(x.thing, nil)
				require.NoError(t, err)
				other, err := x.carol.Export(&Recorder{}, nil)
				require.NoError(t, err)
				own, stranger := x.bob.Enliven(sr), x.bob.Enliven(other)
				for range 3 {
					require.True(t, same(t, passed, own))
					require.False(t, same(t, passed, stranger))
					require.Equal(t, key(t, own), key(t, passed))
					require.Equal(t, x.carol.ID(), key(t, passed).Vat)
					pass(time.Second)
				}

				// Home, by each way, it is near, and the one that it was.
				home := &Taker{got: make(chan *vat.Ref, 1)}
				homes, err := x.carol.Export(home, nil)
				require.NoError(t, err)
				toHome := x.bob.Enliven(homes)
				near, err := x.carol.Ref(x.thing)
				require.NoError(t, err)
				call[any](t, toHome, "take", own)
				back := <-home.got
				require.Equal(t, vat.NearRef, back.State())
				require.True(t, same(t, near, back))
				call[any](t, toHome, "take", passed)
				back = <-home.got
				require.NoError(t, back.Await(t.Context()))
				require.True(t, same(t, near, back))
				if cfgs == nil {
					require.Equal(t, vat.NearRef, back.State())
				}
			})
		})
	}
}

// TestKeysTellNothing: the keys of two vats, and those under two salts, have nothing in common.
func TestKeysTellNothing(t *testing.T) {
	spec.Covers(t, "OBJ-21")
	synctest.Test(t, func(t *testing.T) {
		x := newTrio(t)
		r := x.hand(t)
		require.Equal(t, key(t, r).Vat, key(t, x.toThing).Vat)
		require.NotEqual(t, key(t, r).Object, key(t, x.toThing).Object)
		seen := map[[32]byte]bool{}
		for i := range 10 {
			var salt [32]byte
			salt[i] = 1
			k := call[vat.Key](t, r, "__identify", salt)
			require.Equal(t, k, call[vat.Key](t, x.toThing, "__identify", salt[:]), "one salt, one key")
			require.False(t, seen[k.Object])
			seen[k.Object] = true
		}
		for _, wrong := range [][]any{nil, {""}, {nil}, {make([]byte, 31)}, {make([]byte, 33)}, {make([]byte, 32), 1}, {r}, {r.Send("noted")}} {
			require.ErrorIs(t, failure(t, r.Send("__identify", wrong...)), vat.ErrBadArguments)
		}
	})
}

// Poser answers the question which one it is as it pleases, if at all.
type Poser struct {
	vat.Object
	answer any
	err    error
}

func (p *Poser) Unmatched(m *vat.Message) (any, error) { return p.answer, p.err }

// Shy does not describe itself.
type Shy struct{ vat.Object }

func (*Shy) Undescribed() {}

// TestSameAndThoseWhoPose: what is no key is none, an overheard one is of no use, and nobody has to answer for himself to
// have an answer.
func TestSameAndThoseWhoPose(t *testing.T) {
	spec.Covers(t, "OBJ-21", "OBJ-23")
	nearAndFar(t, func(t *testing.T, p *place) {
		real := p.give(&Recorder{})
		half := key(t, real)
		half.Object = [32]byte{}
		none := key(t, real)
		none.Vat = [32]byte{}
		for _, answer := range []any{nil, "text", vat.Record{}, []byte("bytes"), half, none} {
			a, b := p.give(&Poser{answer: answer}), p.give(&Poser{answer: answer})
			_, err := vat.Same(t.Context(), a, b)
			require.ErrorIs(t, err, vat.ErrBadResult, "%v", answer)
			_, err = vat.Identify(t.Context(), a)
			require.ErrorIs(t, err, vat.ErrBadResult, "%v", answer)
		}
		require.False(t, same(t, real, p.give(&Poser{answer: key(t, real)})), "the salt is another one now")
		_, err := vat.Same(t.Context(), real, p.give(&Poser{err: errors.New("I am nobody")}))
		require.ErrorContains(t, err, "I am nobody")

		declines, shy := p.give(&Poser{err: vat.ErrNoSuchVerb}), p.give(&Shy{})
		require.False(t, same(t, declines, shy))
		require.True(t, same(t, shy, p.give(p.last)))
	})
}

// TestSameAndPatterns: who only stands for another is that one, if he passes the question on; who hides it is himself.
func TestSameAndPatterns(t *testing.T) {
	spec.Covers(t, "OBJ-22")
	nearAndFar(t, func(t *testing.T, p *place) {
		for _, home := range []bool{false, true} {
			target, relay, relayRef := relayed(p, home)
			var real *vat.Ref
			if home {
				r, err := p.here.Ref(target)
				require.NoError(t, err)
				real = r
			} else {
				real = p.here.Enliven(p.export(target))
			}
			caretaker, gate := pattern.NewCaretaker(relay.to)
			membrane, _ := pattern.NewMembrane()
			taken, facet := p.give(caretaker), p.give(pattern.NewFacet(relay.to, "join"))
			wrapped, again := p.give(membrane.Wrap(relay.to)), p.give(membrane.Wrap(relay.to))
			require.True(t, same(t, real, relayRef))
			require.True(t, same(t, real, taken))
			require.True(t, same(t, relayRef, taken))
			for _, hides := range []*vat.Ref{facet, wrapped, again} {
				require.False(t, same(t, real, hides))
				require.Equal(t, p.there.ID(), key(t, hides).Vat)
			}
			require.False(t, same(t, wrapped, again))
			require.True(t, same(t, wrapped, call[*vat.Ref](t, p.give(&Recorder{}), "echo", wrapped)))
			gate.Revoke()
			_, err := vat.Same(t.Context(), taken, real)
			require.ErrorIs(t, err, pattern.ErrRevoked)
		}
	})
}
