package vat_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// TestHealQueueOfCanceled: what was canceled waits no more.
func TestHealQueueOfCanceled(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		r := v.Heal(p.export(&Recorder{}), &vat.HealConfig{Queue: 3})
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := vat.Call[any](ctx, r, "note", "x")
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.NoError(t, r.Ready(t.Context()))
		sent := r.Send("note", "y")
		d.open(true)
		await(t, sent)
		require.Equal(t, "y", call[string](t, r, "join"))
	})
}

// TestHealLetGoOfCanceled: a reference that nobody holds, on which nothing waits, is given up.
func TestHealLetGoOfCanceled(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		r := v.Heal(p.export(&Recorder{}), nil)
		sent := r.Send("note", "x")
		r.Release()
		sent.Cancel()
		pass(time.Hour)
		d.gaps()
		pass(time.Hour)
		require.Empty(t, d.gaps(), "nobody waits for anything")
	})
}

// TestHealClosed: what waits when the vat is closed hears of it, and so does who asks.
func TestHealClosed(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, _ := p.shutting()
		r := v.Heal(p.export(&Recorder{}), nil)
		sent := r.Send("note", "x")
		pass(time.Minute)
		require.NoError(t, v.Close())
		require.ErrorIs(t, failure(t, sent), vat.ErrClosed)
		require.Equal(t, vat.BrokenRef, r.State())
		require.ErrorIs(t, r.Err(), vat.ErrClosed)
		require.ErrorIs(t, r.Await(t.Context()), vat.ErrClosed)
		require.ErrorIs(t, r.Ready(t.Context()), vat.ErrClosed)
		require.ErrorIs(t, failure(t, r.Send("note", "x")), vat.ErrClosed)
	})
}
