package vat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Tardy hands itself out in its turn, and in a callback after it.
type Tardy struct{ vat.Object }

func (s *Tardy) Now() *Tardy   { return s }
func (s *Tardy) Hello() string { return "hello" }
func (s *Tardy) Late() *vat.Promise[*Tardy] {
	p, r := vat.NewPromise[int](s.Vat())
	if err := r.Resolve(1); err != nil {
		panic(err)
	}
	return vat.When(p, func(int) (*Tardy, error) { return s, nil })
}

// What Object's documentation says of grants: they reach as far as the turn does.
func TestAGrantReachesAsFarAsTheTurn(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&Tardy{}, nil)
		require.NoError(t, err)
		r := p.here.Enliven(g.Sturdyref())
		now, late := call[*vat.Ref](t, r, "now"), call[*vat.Ref](t, r, "late")
		require.Equal(t, "hello", call[string](t, now, "hello"))
		g.Revoke()
		require.ErrorIs(t, failure(t, now.Send("hello")), vat.ErrRevoked)
		require.Equal(t, "hello", call[string](t, late, "hello"))
	})
}

// A far reference cannot be told of its revocation; a send on it is.
func TestAFarReferenceHearsOfItsRevocationWithASend(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&Tardy{}, nil)
		require.NoError(t, err)
		r := call[*vat.Ref](t, p.here.Enliven(g.Sturdyref()), "now")
		told := make(chan error, 1)
		r.WhenBroken(func(err error) { told <- err })
		g.Revoke()
		pass(time.Minute)
		require.NoError(t, r.Err())
		require.Empty(t, told)
		require.ErrorIs(t, failure(t, r.Send("hello")), vat.ErrRevoked)
		pass(time.Minute)
		require.Empty(t, told, "a call failed, and the reference is as it was")
	})
}
