package stream_test

import (
	"context"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

// squarer is a plain object that holds an end of each kind, which it was given in a call.
type squarer struct{ vat.Object }

// Square sends the square of what comes from one end to the other. Its turns never wait, and it
// holds one item at most.
func (s *squarer) Square(from, to *vat.Ref) *vat.Promise[any] {
	in, out := stream.ReceiverFrom[int](from, 4), stream.SenderTo[int](to)
	return s.next(in, out)
}

func (s *squarer) next(in *stream.Receiver[int], out *stream.Sender[int]) *vat.Promise[any] {
	return vat.WhenSend(vat.All(s.Vat(), in.WhenReady(), out.WhenReady()), func([]any) *vat.Promise[any] {
		n, ok, err := in.TryRecv()
		if ok {
			_, err = out.TrySend(n * n)
		}
		if err != nil {
			return vat.When(in.WhenReady(), func(any) (any, error) {
				if err == io.EOF {
					return nil, out.Close()
				}
				in.CloseWithError(err)
				return nil, out.CloseWithError(err)
			})
		}
		return s.next(in, out)
	})
}

// TestObject: a plain object in a vat of its own holds ends that a message has brought, of channels that live
// elsewhere, and uses them in turns.
func TestObject(t *testing.T) {
	bubble(t, func(w *world) {
		numbers, squares := channel[int](w, nil), channel[int](w, nil)
		a := w.vat("a")
		sq, err := a.Export(&squarer{}, nil)
		require.NoError(t, err)
		done := w.hub.Enliven(sq).Send("square", numbers.RecvEnd(), squares.SendEnd())
		sent := send(w, stream.SenderTo[int](w.give(w.hub, numbers.SendEnd())), 1000)
		pass(time.Hour)
		require.Empty(t, sent, "nobody has received a square")
		got, err := collect(w, stream.ReceiverFrom[int](w.give(w.hub, squares.RecvEnd()), 0))
		require.NoError(t, err)
		require.Len(t, got, 1000)
		for n, s := range got {
			require.Equal(t, n*n, s)
		}
		_, err = done.Await(w.ctx)
		require.NoError(t, err)
		require.NoError(t, <-sent)
	})
}

// TestEach: its function's error, and its panic, close the receiver; other ends break its promise.
func TestEach(t *testing.T) {
	bubble(t, func(w *world) {
		for name, c := range map[string]struct {
			f    func(int) error
			want error
		}{
			"error": {func(n int) error { return errFull }, errFull},
			"panic": {func(n int) error { panic("planned by the test") }, vat.ErrInternal},
			"end":   {func(n int) error { return nil }, errClosedBySender},
		} {
			ch := channel[int](w, nil)
			s := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
			require.NoError(t, s.Send(w.ctx, 1), name)
			if c.want == errClosedBySender {
				require.NoError(t, s.CloseWithError(errClosedBySender))
			}
			r := stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0)
			_, err := r.Each(c.f).Await(w.ctx)
			require.ErrorIs(t, err, c.want, name)
			if c.want != errClosedBySender {
				require.Error(t, sendOn(w, s), name)
				_, err = r.Recv(w.ctx)
				require.ErrorIs(t, err, stream.ErrClosed, name)
			}
		}
	})
}

var errClosedBySender = vat.RegisterError("streamtest.sender", errors.New("the sender has had enough"))

// waiter does in a turn what would have to wait.
type waiter struct {
	vat.Object
	s *stream.Sender[int]
	r *stream.Receiver[int]
}

// Send sends until it would have to wait.
func (x *waiter) Send() error {
	for {
		if err := x.s.Send(context.Background(), 1); err != nil {
			return err
		}
	}
}

// Recv receives where there is nothing.
func (x *waiter) Recv() error {
	_, err := x.r.Recv(context.Background())
	return err
}

// TestInTurn: what would have to wait fails at once in a turn.
func TestInTurn(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		x := &waiter{s: stream.SenderTo[int](w.give(w.hub, ch.SendEnd())), r: stream.ReceiverFrom[int](w.give(w.hub, channel[int](w, nil).RecvEnd()), 0)}
		ref := w.give(w.hub, x)
		for _, verb := range []string{"send", "recv"} {
			_, err := vat.Call[any](w.ctx, ref, verb)
			require.ErrorContains(t, err, "a turn must not", verb)
		}
	})
}

// TestItems: an item can be whatever a message can hold, and is looked at before it is kept.
func TestItems(t *testing.T) {
	type item struct {
		Name string
		At   time.Time
		To   *vat.Ref
		Tags map[string][]string
		Any  any
	}
	bubble(t, func(w *world) {
		ch := channel[item](w, nil)
		a := w.vat("a")
		s := stream.SenderTo[item](w.give(a, ch.SendEnd()))
		mine, err := a.Ref(&giver{end: 7})
		require.NoError(t, err)
		sent := item{"x", time.Unix(1, 0).UTC(), mine, map[string][]string{"a": {"b", "c"}}, []any{"d", int64(1)}}
		require.NoError(t, s.Send(w.ctx, sent))
		r := stream.ReceiverFrom[item](w.give(w.vat("b"), ch.RecvEnd()), 0)
		got, err := r.Recv(w.ctx)
		require.NoError(t, err)
		n, err := vat.Call[int](w.ctx, got.To, "end")
		require.NoError(t, err)
		require.Equal(t, 7, n)
		got.To, sent.To = nil, nil
		require.Equal(t, sent, got)

		require.NoError(t, s.Send(w.ctx, item{Any: strings.Repeat("x", 64<<10)}))
		_, err = r.Recv(w.ctx)
		require.ErrorIs(t, err, stream.ErrTooLarge)
		require.ErrorIs(t, s.Drain(w.ctx), stream.ErrTooLarge)

		bad := stream.SenderTo[string](w.give(a, channel[int](w, nil).SendEnd()))
		require.NoError(t, bad.Send(w.ctx, "one"))
		require.ErrorIs(t, bad.Drain(w.ctx), vat.ErrBadArguments)

		unsendable := channel[any](w, nil)
		worse := stream.SenderTo[any](w.give(a, unsendable.SendEnd()))
		require.NoError(t, worse.Send(w.ctx, "one"))
		require.NoError(t, worse.Send(w.ctx, make(chan int)))
		require.NoError(t, worse.Send(w.ctx, "three"))
		require.ErrorIs(t, worse.Drain(w.ctx), vat.ErrNotSendable)
		all, err := collect(w, stream.ReceiverFrom[any](w.give(w.hub, unsendable.RecvEnd()), 0))
		require.ErrorContains(t, err, "chan int cannot be sent", "the receiver hears why, too")
		require.Equal(t, []any{"one"}, all, "nothing behind the gap")
	})
}

// embedded is part of what it is embedded in.
type embedded struct{ Text string }

// TestTooLarge: whatever makes an item large, it is not kept.
func TestTooLarge(t *testing.T) {
	number := new(big.Int).Lsh(big.NewInt(1), 8*(64<<10))
	bubble(t, func(w *world) {
		refuses(w, number)
		refuses[any](w, number)
		refuses(w, map[string]big.Int{"": *number})
		refuses(w, struct{ embedded }{embedded{strings.Repeat("x", 64<<10)}})
		refuses(w, []string{strings.Repeat("x", 32<<10), strings.Repeat("x", 32<<10)})
	})
}

// refuses has a channel refuse an item that is too large.
func refuses[T any](w *world, item T) {
	w.Helper()
	s := stream.SenderTo[T](w.give(w.hub, channel[T](w, nil).SendEnd()))
	require.NoError(w, s.Send(w.ctx, item))
	pass(time.Second)
	require.ErrorIs(w, s.Close(), stream.ErrTooLarge, "%T", item)
}

// flood is a receive end that gives more than it was asked for.
type flood struct{ vat.Object }

// Open opens.
func (f *flood) Open() *flood { return f }

// Take gives more.
func (f *flood) Take(most int) []int { return make([]int, most+1) }

// TestFlood: a receiver holds no more than it has room for, and is not taken in by what is no end.
func TestFlood(t *testing.T) {
	bubble(t, func(w *world) {
		_, err := stream.ReceiverFrom[int](w.give(w.hub, &flood{}), 0).Recv(w.ctx)
		require.ErrorIs(t, err, stream.ErrOverrun)
		_, err = stream.ReceiverFrom[int](w.give(w.hub, &giver{}), 0).Recv(w.ctx)
		require.ErrorIs(t, err, vat.ErrNoSuchVerb)
		require.ErrorIs(t, sendOn(w, stream.SenderTo[int](w.give(w.hub, &giver{}))), vat.ErrNoSuchVerb)
	})
}

// TestTooMany: a channel has so many senders and receivers, and no more.
func TestTooMany(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[int](w, &stream.Config{MaxSenders: 2})
		for _, end := range []*vat.Ref{w.give(w.vat("a"), ch.SendEnd()), w.give(w.vat("b"), ch.RecvEnd())} {
			var opened []*vat.Ref
			for range 2 {
				r, err := vat.Call[*vat.Ref](w.ctx, end, "open")
				require.NoError(t, err)
				opened = append(opened, r)
			}
			_, err := vat.Call[*vat.Ref](w.ctx, end, "open")
			require.ErrorIs(t, err, stream.ErrTooMany)
			opened[0].Release()
			pass(time.Second)
			_, err = vat.Call[*vat.Ref](w.ctx, end, "open")
			require.NoError(t, err)
		}
	})
}
