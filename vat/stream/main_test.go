package stream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Every goroutine ends with the vats.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const oneWay = 10 * time.Millisecond

// world is a network in a bubble: the vat of the channel, hub, and others far from it.
type world struct {
	*testing.T
	ctx context.Context
	net *vattest.Network
	hub *vat.Vat
}

// bubble runs body in a bubble, where waiting costs no time and who waits for ever is found.
func bubble(t *testing.T, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, ctx: t.Context(), net: vattest.NewNetwork()}
		w.hub = w.net.Vat(t, "hub", nil)
		body(w)
	})
}

// vat makes a vat on a host of its own, as far from hub as all are.
func (w *world) vat(host string) *vat.Vat {
	w.net.Latency(host, "hub", oneWay)
	return w.net.Vat(w.T, host, nil)
}

// give makes an object of hub known in v.
func (w *world) give(v *vat.Vat, o any) *vat.Ref {
	w.Helper()
	if v == w.hub {
		r, err := v.Ref(o)
		require.NoError(w, err)
		return r
	}
	sr, err := w.hub.Export(o, nil)
	require.NoError(w, err)
	return v.Enliven(sr)
}

// channel makes one in hub.
func channel[T any](w *world, cfg *stream.Config) *stream.Channel[T] {
	w.Helper()
	c, err := stream.New[T](w.hub, cfg)
	require.NoError(w, err)
	return c
}

// collect receives everything.
func collect[T any](w *world, r *stream.Receiver[T]) (all []T, err error) {
	for item, err := range r.All(w.ctx) {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// count returns the numbers below n.
func count(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// send sends the numbers below n in a goroutine, and closes.
func send(w *world, s *stream.Sender[int], n int) <-chan error {
	done := make(chan error, 1)
	go func() {
		for i := range n {
			if err := s.Send(w.ctx, i); err != nil {
				done <- err
				return
			}
		}
		done <- s.Close()
	}()
	return done
}

// sendOn sends until that fails.
func sendOn(w *world, s *stream.Sender[int]) (err error) {
	for err == nil {
		err = s.Send(w.ctx, 1)
	}
	return err
}

// pass lets the time of the bubble pass.
func pass(d time.Duration) { time.Sleep(d) }
