package vat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

func TestSendsToWhatIsNoObject(t *testing.T) {
	spec.Covers(t, "OBJ-12")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		require.ErrorIs(t, failure(t, r.Send("nobody").Send("join")), vat.ErrNull)
		require.ErrorIs(t, failure(t, r.Send("join").Send("join")), vat.ErrNotObject)
		data := r.Send("join")
		await(t, data)
		require.ErrorIs(t, failure(t, data.Send("join")), vat.ErrNotObject)
	})
}
