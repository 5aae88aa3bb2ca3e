package vat_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Liar fails as only another vat could.
type Liar struct{ vat.Object }

func (*Liar) Closed() error { return vat.ErrClosed }
func (*Liar) InTurn() error { return vat.ErrInTurn }
func (*Liar) Full() error   { return vat.ErrOverloaded }

// What a vat says of itself is not taken for what this one would say of itself.
func TestCodesOfThisVatOnly(t *testing.T) {
	spec.Covers(t, "ERR-7")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Liar{})
		near := p.here == p.there
		for verb, target := range map[string]error{"closed": vat.ErrClosed, "inTurn": vat.ErrInTurn} {
			err := failure(t, r.Send(verb))
			require.Equal(t, near, errors.Is(err, target), verb)
			var e *vat.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Code, "it says what was sent all the same")
		}
		require.ErrorIs(t, failure(t, r.Send("full")), vat.ErrOverloaded)
	})
}
