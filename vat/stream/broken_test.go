package stream_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

// TestSenderGone: a session that breaks ends the senders behind it; receivers read what had arrived,
// and both hear why there is no more.
func TestSenderGone(t *testing.T) {
	spec.Covers(t, "STREAM-4")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		r := stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), 2)
		a := w.vat("a")
		s := stream.SenderTo[int](w.give(a, ch.SendEnd()))
		broken := make(chan error, 1)
		go func() { broken <- sendOn(w, s) }()
		for range 100 {
			_, err := r.Recv(w.ctx)
			require.NoError(t, err)
		}
		w.net.Cut("a", "hub")
		require.ErrorIs(t, <-broken, vat.ErrDisconnected)
		require.ErrorIs(t, s.Drain(w.ctx), vat.ErrDisconnected)
		require.ErrorIs(t, s.Close(), vat.ErrDisconnected)
		_, err := collect(w, r)
		require.ErrorIs(t, err, stream.ErrSenderLost)
	})
}

// TestReceiverGone is the other way round; and with another receiver the stream goes on.
func TestReceiverGone(t *testing.T) {
	spec.Covers(t, "STREAM-9")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		broken := make(chan error, 1)
		go func() { broken <- sendOn(w, s) }()
		one := stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), 0)
		two := stream.ReceiverFrom[int](w.give(w.vat("c"), ch.RecvEnd()), 0)
		for _, r := range []*stream.Receiver[int]{one, two} {
			_, err := r.Recv(w.ctx)
			require.NoError(t, err)
		}
		w.net.Cut("b", "hub")
		_, err := collect(w, one)
		require.ErrorIs(t, err, vat.ErrDisconnected)
		for range 500 {
			_, err := two.Recv(w.ctx)
			require.NoError(t, err)
		}
		require.Empty(t, broken)
		w.net.Cut("c", "hub")
		require.ErrorIs(t, <-broken, stream.ErrNoReceiver)
	})
}

// TestHubGone: both ends break when the channel's vat does.
func TestHubGone(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		r := stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), 0)
		other := channel[int](w, nil)
		idle := stream.SenderTo[int](w.give(w.hub, other.SendEnd()))
		sending := make(chan error, 2)
		go func() { sending <- sendOn(w, idle) }()
		full := stream.ReceiverFrom[int](w.give(w.hub, other.RecvEnd()), 0)
		defer runtime.KeepAlive(full) // it would end
		go func() {
			_, err := r.Recv(w.ctx)
			sending <- err
		}()
		require.NoError(t, s.Send(w.ctx, 1))
		pass(time.Second)
		require.NoError(t, <-sending)
		require.NoError(t, w.hub.Close())
		require.ErrorIs(t, <-sending, vat.ErrClosed, "who sends in it does not wait for ever")
		_, err := r.Recv(w.ctx)
		require.ErrorIs(t, err, vat.ErrDisconnected)
		require.ErrorIs(t, sendOn(w, s), vat.ErrDisconnected)
		_, err = stream.New[int](w.hub, nil)
		require.ErrorIs(t, err, vat.ErrClosed)
		require.ErrorIs(t, sendOn(w, ch.Sender()), vat.ErrClosed)
		_, err = ch.Receiver(0).Recv(w.ctx)
		require.ErrorIs(t, err, vat.ErrClosed)
	})
}

// TestOwnVatCloses: whoever waits in a vat that is closed waits no more.
func TestOwnVatCloses(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[int](w, &stream.Config{Stay: true})
		a := w.vat("a")
		s := stream.SenderTo[int](w.give(a, ch.SendEnd()))
		r := stream.ReceiverFrom[int](w.give(a, channel[int](w, nil).RecvEnd()), 0)
		errs := make(chan error, 3)
		go func() { errs <- sendOn(w, s) }()
		for range 2 {
			go func() {
				_, err := r.Recv(w.ctx)
				errs <- err
			}()
		}
		pass(time.Second)
		require.NoError(t, a.Close())
		for range 3 {
			require.ErrorIs(t, <-errs, vat.ErrClosed)
		}
		require.ErrorIs(t, s.Drain(w.ctx), vat.ErrClosed)
	})
}

// TestForgotten: a sender and a receiver that were let go of, and ends that were before anybody
// had opened them, leave nobody waiting.
func TestForgotten(t *testing.T) {
	spec.Covers(t, "STREAM-4", "STREAM-9")
	for name, c := range map[string]struct {
		give func(*stream.Channel[int]) any
		open bool
		want error
	}{
		"sender":      {func(c *stream.Channel[int]) any { return c.SendEnd() }, true, stream.ErrSenderLost},
		"send end":    {func(c *stream.Channel[int]) any { return c.SendEnd() }, false, stream.ErrSenderLost},
		"receiver":    {func(c *stream.Channel[int]) any { return c.RecvEnd() }, true, stream.ErrNoReceiver},
		"receive end": {func(c *stream.Channel[int]) any { return c.RecvEnd() }, false, stream.ErrNoReceiver},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				ch := channel[int](w, nil)
				held, err := vat.Call[*vat.Ref](w.ctx, w.give(w.vat("a"), &giver{end: c.give(ch)}), "end")
				require.NoError(t, err)
				if c.open {
					end := held
					held, err = vat.Call[*vat.Ref](w.ctx, end, "open")
					require.NoError(t, err)
					end.Release()
				}
				heard := make(chan error, 1)
				if c.want == stream.ErrSenderLost {
					r := stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0)
					go func() {
						_, err := r.Recv(w.ctx)
						heard <- err
					}()
				} else {
					s := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
					go func() { heard <- sendOn(w, s) }()
				}
				pass(time.Hour)
				require.Empty(t, heard, "while it is held")
				held.Release()
				require.ErrorIs(t, <-heard, c.want)
			})
		})
	}
}

// giver gives what it has.
type giver struct {
	vat.Object
	end any
}

// End gives the end.
func (g *giver) End() any { return g.end }

// TestCanceledRecv: to stop waiting loses nothing; a take that was canceled gets nothing.
func TestCanceledRecv(t *testing.T) {
	spec.Covers(t, "STREAM-5", "STREAM-7")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		r := stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), 0)
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		_, err := r.Recv(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
		require.NoError(t, s.Send(w.ctx, 1))
		n, err := r.Recv(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		r.Close()

		ch = channel[int](w, nil)
		taker := w.give(w.vat("c"), ch.RecvEnd()).Send("open")
		gone := taker.Send("take", 5)
		first := vat.Send[[]int](taker, "take", 2)
		second := vat.Send[[]int](taker, "take", -1)
		pass(time.Second)
		gone.Cancel()
		pass(time.Second)
		w.give(w.hub, ch.SendEnd()).Send("open").Send("put", 0, count(4))
		got, err := first.Await(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []int{0, 1}, got)
		got, err = second.Await(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []int{2}, got, "at least one")
	})
}

// TestCanceledTakes: what a receiver leaves behind is bounded.
func TestCanceledTakes(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		taker := w.give(w.vat("b"), ch.RecvEnd()).Send("open")
		for range 10 { // again and again, each time it would be too many
			var takes []*vat.Promise[any]
			for range 10 {
				takes = append(takes, taker.Send("take", 1))
			}
			pass(time.Second)
			for _, p := range takes {
				p.Cancel()
			}
			pass(time.Second)
		}
		var waiting []*vat.Promise[[]int]
		for range 16 {
			waiting = append(waiting, vat.Send[[]int](taker, "take", 1))
		}
		_, err := vat.Call[[]int](w.ctx, taker, "take", 1)
		require.ErrorIs(t, err, stream.ErrOverrun)
		s := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
		for i := range 16 {
			require.NoError(t, s.Send(w.ctx, i))
			got, err := waiting[i].Await(w.ctx)
			require.NoError(t, err)
			require.Equal(t, []int{i}, got)
		}
	})
}

// TestManyIdle: receivers that have asked for as much as their vat may have open at another one can
// be closed, and it goes on.
func TestManyIdle(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.vat("a")
		var all []*stream.Receiver[int]
		for range 1100 {
			all = append(all, stream.ReceiverFrom[int](w.give(a, channel[int](w, nil).RecvEnd()), 0))
		}
		pass(time.Second)
		for _, r := range all {
			r.Close()
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
		defer cancel()
		end, err := vat.Call[int](ctx, w.give(a, &giver{end: 7}), "end")
		require.NoError(t, err)
		require.Equal(t, 7, end)
	})
}
