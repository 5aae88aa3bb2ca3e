package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// ward watches what it is given, until it is told to stop.
type ward struct {
	vat.Object
	stop   func()
	broken int
}

func (w *ward) Watch(r *vat.Ref) {
	w.stop = r.WhenBroken(func(error) { w.broken++ })
	r.Release() // the watch holds it
}

// Glance watches, and does not.
func (w *ward) Glance(r *vat.Ref) { r.WhenBroken(func(error) { w.broken++ })() }

func (w *ward) Stop()       { w.stop() }
func (w *ward) Broken() int { return w.broken }

// dropped reports whether nobody holds what is recorded.
func dropped(r *Recorder) bool {
	select {
	case <-r.dropped:
		return true
	default:
		return false
	}
}

// TestWhenBrokenStops: who does not watch any more hears nothing, and holds nothing.
func TestWhenBrokenStops(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&ward{})
		watched := &Recorder{dropped: make(chan struct{})}
		call[any](t, r, "watch", watched)
		pass(time.Second)
		require.False(t, dropped(watched))
		for range 2 {
			call[any](t, r, "stop")
		}
		pass(time.Second)
		require.True(t, dropped(watched))

		promise, res := vat.NewPromise[*vat.Ref](p.here)
		call[any](t, r, "watch", promise)
		res.Break(errFull)
		pass(time.Second)
		require.Equal(t, 1, call[int](t, r, "broken"))
		call[any](t, r, "glance", promise)
		pass(time.Second)
		require.Equal(t, 1, call[int](t, r, "broken"), "it was stopped in the turn in which it began")
	})
}

// TestWhenBrokenStopsHealing: so it is for a reference that heals, when it has come to its end.
func TestWhenBrokenStopsHealing(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&ward{}, nil)
		require.NoError(t, err)
		g.Revoke()
		healing := p.here.Heal(g.Sturdyref(), nil)
		told := 0
		stop := healing.WhenBroken(func(error) { told += 10 })
		healing.WhenBroken(func(error) { told++ })
		stop()
		pass(time.Minute)
		synctest.Wait()
		require.Equal(t, vat.BrokenRef, healing.State())
		require.Equal(t, 1, told)
		stop()
	})
}
