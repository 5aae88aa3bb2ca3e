package vat

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// dozer has a turn that lasts until it is let go.
type dozer struct {
	Object
	began, goOn chan struct{}
}

func (h *dozer) Doze() { close(h.began); <-h.goOn }

// Who stops waiting leaves the line; who does not is woken.
func TestReadyGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := New(&Config{Logger: slog.New(slog.DiscardHandler), Advertise: []string{"nowhere.test:1"}, MaxPending: 10})
		require.NoError(t, err)
		defer v.Close()
		h := &dozer{began: make(chan struct{}), goOn: make(chan struct{})}
		sr, err := v.Export(h, nil)
		require.NoError(t, err)
		r := v.Enliven(sr) // near
		r.SendOnly("doze")
		<-h.began
		for range 10 {
			r.SendOnly("none")
		}
		ready := make(chan error)
		go func() { ready <- r.Ready(t.Context()) }()
		synctest.Wait()
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.ErrorIs(t, r.Ready(ctx), context.DeadlineExceeded)
			cancel()
		}
		v.core.lock()
		waits := len(v.core.ready)
		v.core.unlock()
		require.Equal(t, 1, waits)
		close(h.goOn)
		require.NoError(t, <-ready)
	})
}
