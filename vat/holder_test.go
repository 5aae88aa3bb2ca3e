package vat_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

func TestSendsToWhatIsNoObjectHere(t *testing.T) {
	spec.Covers(t, "OBJ-12")
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, false, nil)
		r := p.give(&Recorder{})
		require.ErrorIs(t, failure(t, r.Send("nobody").Send("join")), vat.ErrNull)
		require.ErrorIs(t, failure(t, r.Send("join").Send("join")), vat.ErrNotObject)
		data := r.Send("join")
		await(t, data)
		require.ErrorIs(t, failure(t, data.Send("join")), vat.ErrNotObject)
	})
}
