package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

type pinger struct{ vat.Object }

func (*pinger) Ping() int { return 1 }

// requirePing calls what is in hub, which must not wait for streams.
func requirePing(w *world, p *vat.Ref) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	_, err := vat.Call[int](ctx, p, "ping")
	require.NoError(w, err)
}

// TestIdle: many receivers to which nothing comes leave their vat calls to make, also after
// something has come.
func TestIdle(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.vat("a")
		p := w.give(a, &pinger{})
		var to []*stream.Sender[int]
		var from []*stream.Receiver[int]
		for range 1100 {
			ch := channel[int](w, nil)
			to = append(to, ch.Sender())
			from = append(from, stream.ReceiverFrom[int](w.give(a, ch.RecvEnd()), 0))
		}
		pass(time.Second)
		requirePing(w, p)
		for i, s := range to {
			for n := range 32 {
				require.NoError(t, s.Send(w.ctx, n))
			}
			for n := range 32 {
				got, err := from[i].Recv(w.ctx)
				require.NoError(t, err)
				require.Equal(t, n, got)
			}
		}
		pass(time.Second)
		requirePing(w, p)
	})
}

// TestStalled: what nobody reads leaves its vat calls to make, and other streams go on.
func TestStalled(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.vat("a")
		p := w.give(a, &pinger{})
		for range 40 {
			wr := stream.NewWriter(w.ctx, w.give(a, channel[[]byte](w, nil).SendEnd()))
			go func() {
				var err error
				for err == nil {
					_, err = wr.Write(make([]byte, 16<<10))
				}
			}()
		}
		pass(time.Second)
		requirePing(w, p)
		ch := channel[int](w, nil)
		sent := send(w, stream.SenderTo[int](w.give(a, ch.SendEnd())), 1000)
		got, err := collect(w, stream.ReceiverFrom[int](w.give(a, ch.RecvEnd()), 0))
		require.NoError(t, err)
		require.Equal(t, count(1000), got)
		require.NoError(t, <-sent)
	})
}

// TestBudgetComesBack: who waits for the budget goes on when another stream ends, in the order in
// which they came, and what was sent before Close arrives; also in turns.
func TestBudgetComesBack(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.vat("a")
		var wr []*stream.Writer
		var in []*stream.Channel[[]byte]
		for range 5 {
			in = append(in, channel[[]byte](w, nil))
			wr = append(wr, stream.NewWriter(w.ctx, w.give(a, in[len(in)-1].SendEnd())))
		}
		pass(time.Second)
		for _, wr := range wr[:4] { // a mebibyte each: that is all
			_, err := wr.Write(make([]byte, 64*16<<10))
			require.NoError(t, err)
		}
		ch := channel[[]byte](w, nil)
		late := stream.SenderTo[[]byte](w.give(a, ch.SendEnd()))
		pass(time.Second)
		n := -1
		for sent := true; sent; n++ {
			var err error
			sent, err = late.TrySend(make([]byte, 16<<10))
			require.NoError(t, err)
		}
		require.Equal(t, 5, n, "a put, and what is to be put next")
		ready := late.WhenReady()
		_, err := wr[4].Write(make([]byte, 40<<10))
		require.NoError(t, err)
		require.NoError(t, wr[4].Close())

		in[0].Receiver(1).Close() // a mebibyte comes back
		_, err = ready.Await(w.ctx)
		require.NoError(t, err)
		require.NoError(t, late.Close())
		got, err := io.ReadAll(stream.NewReader(w.ctx, w.give(w.hub, in[4].RecvEnd())))
		require.NoError(t, err)
		require.Len(t, got, 40<<10)
		got, err = io.ReadAll(stream.NewReader(w.ctx, w.give(w.hub, ch.RecvEnd())))
		require.NoError(t, err)
		require.Len(t, got, n*16<<10)
		require.NoError(t, late.Drain(w.ctx))
	})
}

// TestTunnels: many streams to and fro get through, each as fast as it can be read.
func TestTunnels(t *testing.T) {
	for _, n := range []int{4, 20, 40} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, func(w *world) {
				a := w.vat("a")
				ended := make(chan error, 2*n)
				for range n {
					tunnel(w, a, ended)
				}
				over := time.After(10 * time.Minute)
				for i := range 2 * n {
					select {
					case err := <-ended:
						require.NoError(t, err)
					case <-over:
						require.Failf(t, "they stand still", "%d of %d have ended", i, 2*n)
					}
				}
			})
		})
	}
}

// tunnel sends bytes from a to an echo in hub and back.
func tunnel(w *world, a *vat.Vat, ended chan<- error) {
	const size = 3 << 20
	up, down := channel[[]byte](w, nil), channel[[]byte](w, nil)
	r := stream.NewReader(w.ctx, w.give(w.hub, up.RecvEnd()))
	wr := stream.NewWriter(w.ctx, w.give(w.hub, down.SendEnd()))
	go func() {
		_, err := io.Copy(struct{ io.Writer }{wr}, r)
		_ = wr.CloseWithError(err)
	}()
	out := stream.NewWriter(w.ctx, w.give(a, up.SendEnd()))
	in := stream.NewReader(w.ctx, w.give(a, down.RecvEnd()))
	go func() {
		_, err := out.Write(make([]byte, size))
		ended <- errors.Join(err, out.Close())
	}()
	go func() {
		n, err := io.Copy(io.Discard, in)
		if err == nil && n != size {
			err = fmt.Errorf("%d bytes", n)
		}
		ended <- err
	}()
}
