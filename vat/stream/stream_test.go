package stream_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

// TestEnds: items go from each place to each place, in order, to the end.
func TestEnds(t *testing.T) {
	spec.Covers(t, "STREAM-6", "STREAM-8")
	for _, c := range []struct {
		name, from, to string
	}{{"near", "hub", "hub"}, {"far sender", "a", "hub"}, {"far receiver", "hub", "b"}, {"three vats", "a", "b"}, {"round", "a", "a"}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				at := map[string]*vat.Vat{"hub": w.hub}
				for _, host := range []string{c.from, c.to} {
					if at[host] == nil {
						at[host] = w.vat(host)
					}
				}
				ch := channel[int](w, nil)
				sent := send(w, stream.SenderTo[int](w.give(at[c.from], ch.SendEnd())), 1000)
				r := stream.ReceiverFrom[int](w.give(at[c.to], ch.RecvEnd()), 0)
				got, err := collect(w, r)
				require.NoError(t, err)
				require.Equal(t, count(1000), got)
				require.NoError(t, <-sent)
				_, err = r.Recv(w.ctx)
				require.Equal(t, io.EOF, err, "and so it stays")
			})
		})
	}
}

// TestNoRoundTripPerItem: with credit for n items a round trip carries n of them.
func TestNoRoundTripPerItem(t *testing.T) {
	bubble(t, func(w *world) {
		const n, window = 4096, 256
		ch := channel[int](w, &stream.Config{Window: window})
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		r := stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), window)
		began := time.Now()
		sent := send(w, s, n)
		got, err := collect(w, r)
		require.NoError(t, err)
		require.Len(t, got, n)
		require.NoError(t, <-sent)
		trips := int(time.Since(began) / (2 * oneWay))
		require.Less(t, trips, 2*n/window+8, "round trips")
	})
}

// TestFirstItem: nothing is waited for before the first item leaves, not even for the end to be
// opened; and an item is not kept back for others.
func TestFirstItem(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[string](w, nil)
		r := stream.ReceiverFrom[string](w.give(w.hub, ch.RecvEnd()), 0)
		a := w.vat("a")
		ref := w.give(a, ch.SendEnd())
		require.NoError(t, ref.Await(w.ctx))
		s := stream.SenderTo[string](ref)
		for _, text := range []string{"a", "b", "c"} {
			began := time.Now()
			require.NoError(t, s.Send(w.ctx, text))
			got, err := r.Recv(w.ctx)
			require.NoError(t, err)
			require.Equal(t, text, got)
			require.Equal(t, oneWay, time.Since(began))
		}
	})
}

// TestCredit: what is not received is held back at its sender.
func TestCredit(t *testing.T) {
	spec.Covers(t, "STREAM-1", "STREAM-2")
	bubble(t, func(w *world) {
		ch := channel[int](w, &stream.Config{Window: 20})
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		accepted := func() (n int) {
			for {
				sent, err := s.TrySend(n)
				require.NoError(t, err)
				if !sent {
					return n
				}
				n++
			}
		}
		require.Equal(t, 16, accepted(), "before the channel has told its window")
		pass(time.Second)
		require.Equal(t, 4, accepted())
		ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
		defer cancel()
		require.ErrorIs(t, s.Send(ctx, 0), context.DeadlineExceeded)

		r := stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 4)
		_, err := r.Recv(w.ctx)
		require.NoError(t, err)
		pass(time.Second)
		n := accepted()
		require.Positive(t, n, "credit comes back")
		require.LessOrEqual(t, n, 5, "as much as the receiver has room for")
	})
}

// TestOverrun: a sender that does not keep to its credit is refused and ended, and others go on.
func TestOverrun(t *testing.T) {
	spec.Covers(t, "STREAM-3")
	for name, c := range map[string]struct {
		first int
		items []int
		want  error
	}{
		"too many at once": {8, count(13), stream.ErrOverrun},
		"a gap":            {9, count(1), stream.ErrGap},
		"once more":        {0, count(8), stream.ErrGap},
		"below nothing":    {-1, count(1), stream.ErrGap},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				ch := channel[int](w, &stream.Config{Window: 20})
				good := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
				bad := w.give(w.vat("a"), ch.SendEnd()).Send("open")
				accepted := bad.Send("put", 0, count(8))
				_, err := vat.Call[any](w.ctx, bad, "put", c.first, c.items)
				require.ErrorIs(t, err, c.want)
				_, err = vat.Call[any](w.ctx, bad, "put", 8, count(1))
				require.ErrorIs(t, err, c.want, "it has ended")

				require.NoError(t, good.Send(w.ctx, 1))
				require.NoError(t, good.Close())
				got, err := collect(w, stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0))
				require.ErrorIs(t, err, c.want)
				require.Equal(t, append(count(8), 1), got)
				_, err = accepted.Await(w.ctx)
				require.NoError(t, err)
			})
		})
	}
}

// TestLostPut: what closes a sender says how many items there were.
func TestLostPut(t *testing.T) {
	spec.Covers(t, "STREAM-11")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		s := w.give(w.hub, ch.SendEnd()).Send("open")
		s.Send("put", 0, count(2))
		_, err := vat.Call[any](w.ctx, s, "close", 3, nil)
		require.ErrorIs(t, err, stream.ErrGap)
		got, err := collect(w, stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0))
		require.ErrorIs(t, err, stream.ErrGap)
		require.Equal(t, count(2), got)
	})
}

// TestManySenders: each keeps its order, none loses an item, and the last one ends the channel.
func TestManySenders(t *testing.T) {
	spec.Covers(t, "STREAM-6")
	type item struct{ By, N int }
	bubble(t, func(w *world) {
		const senders, each = 5, 300
		ch := channel[item](w, &stream.Config{Window: 16})
		for by := range senders {
			s := stream.SenderTo[item](w.give(w.vat(string(rune('a'+by))), ch.SendEnd()))
			go func() {
				for n := range each {
					if s.Send(w.ctx, item{by, n}) != nil {
						return // the test finds it missing
					}
				}
				s.Close()
			}()
		}
		got, err := collect(w, stream.ReceiverFrom[item](w.give(w.hub, ch.RecvEnd()), 0))
		require.NoError(t, err)
		require.Len(t, got, senders*each)
		var next [senders]int
		for _, it := range got {
			require.Equal(t, next[it.By], it.N)
			next[it.By]++
		}
	})
}

// TestManyReceivers: an item goes to one of them.
func TestManyReceivers(t *testing.T) {
	spec.Covers(t, "STREAM-6")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		type part struct {
			got []int
			err error
		}
		parts := make(chan part)
		for _, host := range []string{"a", "b", "c"} {
			r := stream.ReceiverFrom[int](w.give(w.vat(host), ch.RecvEnd()), 8)
			go func() {
				got, err := collect(w, r)
				parts <- part{got, err}
			}()
		}
		sent := send(w, stream.SenderTo[int](w.give(w.hub, ch.SendEnd())), 500)
		var all []int
		for range 3 {
			p := <-parts
			require.NoError(t, p.err)
			require.IsIncreasing(t, p.got)
			all = append(all, p.got...)
		}
		require.ElementsMatch(t, count(500), all)
		require.NoError(t, <-sent)
	})
}

// TestDrain waits until what was sent has been received.
func TestDrain(t *testing.T) {
	spec.Covers(t, "STREAM-1")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		require.NoError(t, s.Drain(w.ctx), "of nothing")
		for i := range 10 {
			require.NoError(t, s.Send(w.ctx, i))
		}
		require.NoError(t, s.Close())
		drained := make(chan error, 1)
		go func() { drained <- s.Drain(w.ctx) }()
		pass(time.Hour)
		require.Empty(t, drained)
		got, err := collect(w, stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0))
		require.NoError(t, err)
		require.Len(t, got, 10)
		require.NoError(t, <-drained)
		require.ErrorIs(t, s.Send(w.ctx, 11), stream.ErrClosed)
		require.NoError(t, s.Close(), "twice")
	})
}

// errFull is an error of a program.
var errFull = vat.RegisterError("streamtest.full", errors.New("the disk is full"))

// TestCloseWithError: each side hears why the other one has ended.
func TestCloseWithError(t *testing.T) {
	spec.Covers(t, "STREAM-8", "STREAM-9")
	bubble(t, func(w *world) {
		ch := channel[int](w, nil)
		s := stream.SenderTo[int](w.give(w.vat("a"), ch.SendEnd()))
		require.NoError(t, s.Send(w.ctx, 1))
		require.NoError(t, s.CloseWithError(errFull))
		got, err := collect(w, stream.ReceiverFrom[int](w.give(w.vat("b"), ch.RecvEnd()), 0))
		require.ErrorIs(t, err, errFull)
		require.Equal(t, []int{1}, got, "what was sent before comes first")

		ch = channel[int](w, nil)
		a := w.vat("c")
		s = stream.SenderTo[int](w.give(a, ch.SendEnd()))
		waiting := make(chan error, 1)
		go func() { waiting <- sendOn(w, s) }()
		pass(time.Second)
		r := stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0)
		r.CloseWithError(errFull)
		require.ErrorIs(t, <-waiting, errFull)
		_, err = r.Recv(w.ctx)
		require.ErrorIs(t, err, stream.ErrClosed)
		_, err = stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0).Recv(w.ctx)
		require.ErrorIs(t, err, errFull, "who comes later")
		require.ErrorIs(t, sendOn(w, stream.SenderTo[int](w.give(a, ch.SendEnd()))), errFull)
	})
}

// TestOwnerCloses: with Stay the channel does not end with its users.
func TestOwnerCloses(t *testing.T) {
	spec.Covers(t, "STREAM-8")
	bubble(t, func(w *world) {
		ch := channel[int](w, &stream.Config{Stay: true})
		for i := range 3 {
			s := stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))
			require.NoError(t, s.Send(w.ctx, i))
			require.NoError(t, s.CloseWithError(errFull), "which is nobody's business")
		}
		r := stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 1)
		n, err := r.Recv(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 0, n)
		synctest.Wait()
		r.Close()
		synctest.Wait()
		r = stream.ReceiverFrom[int](w.give(w.hub, ch.RecvEnd()), 0)
		n, err = r.Recv(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 2, n, "1 was asked for by the one that closed")
		ch.Close(nil)
		_, err = r.Recv(w.ctx)
		require.Equal(t, io.EOF, err)
		require.ErrorIs(t, sendOn(w, stream.SenderTo[int](w.give(w.hub, ch.SendEnd()))), stream.ErrClosed)
	})
}
