package vat_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Asker calls back.
type Asker struct{ vat.Object }

func (*Asker) Ask(x *vat.Ref, s string) *vat.Promise[string] { return vat.Send[string](x, "echo", s) }

// inARow runs a test body where calls to r were made one after the other, so that
// nobody reads what comes between two of them. The peer is 10 ms away.
func inARow(t *testing.T, body func(t *testing.T, p *place, r *vat.Ref)) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		row(t, r)
		require.Equal(t, "nobody", vat.Reads(p.here))
		body(t, p, r)
	})
}

func row(t *testing.T, r *vat.Ref) {
	for range 10 {
		require.Equal(t, "", call[string](t, r, "join"))
	}
	synctest.Wait()
}

func TestLoneCallsReadForThemselves(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		for range 100 {
			begin := time.Now()
			done := make(chan string)
			go func() { done <- call[string](t, r, "echo", "x") }()
			synctest.Wait()
			require.Equal(t, "caller", vat.Reads(p.here))
			require.Equal(t, "x", <-done)
			require.Equal(t, 20*time.Millisecond, time.Since(begin))
			synctest.Wait()
			require.Equal(t, "nobody", vat.Reads(p.here))
		}
		pass(3 * time.Millisecond)
		require.Equal(t, "reader", vat.Reads(p.here), "no further call came")
		row(t, r)
		require.Equal(t, "nobody", vat.Reads(p.here))
	})
}

func TestSendsInARow(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		begin := time.Now()
		for range 9 {
			require.Equal(t, "x", call[string](t, r.Send("me"), "echo", "x"))
		}
		require.Equal(t, 9*20*time.Millisecond, time.Since(begin))
		require.Equal(t, "nobody", vat.Reads(p.here))

		begin = time.Now()
		require.Equal(t, "y", await(t, vat.Send[string](r, "echo", "y")))
		require.Equal(t, 20*time.Millisecond, time.Since(begin))
		require.Equal(t, "nobody", vat.Reads(p.here))
	})
}

// Who does not wait for what he sends waits for the steward, once.
func TestSendOnlyBehindARow(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		begin := time.Now()
		told := make(chan string, 1)
		vat.When(vat.Send[string](r, "echo", "x"), func(s string) (string, error) {
			told <- s
			return s, nil
		})
		require.Equal(t, "x", <-told)
		require.LessOrEqual(t, time.Since(begin), 23*time.Millisecond)
		require.Equal(t, "reader", vat.Reads(p.here))
		begin = time.Now()
		require.Equal(t, "y", await(t, vat.Send[string](r, "echo", "y")))
		require.Equal(t, 20*time.Millisecond, time.Since(begin))
	})
}

// While anything is expected of the peer the reader reads.
func TestNoRowWhileMoreIsExpected(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		told := make(chan string, 1)
		vat.When(vat.Send[string](r, "later"), func(s string) (string, error) {
			told <- s
			return s, nil
		})
		row(t, r)
		require.Equal(t, "reader", vat.Reads(p.here))
		call[any](t, r, "settle", "now")
		require.Equal(t, "now", <-told)
		row(t, r)
		require.Equal(t, "nobody", vat.Reads(p.here))
	})
}

func TestCanceledInARow(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := vat.Call[string](ctx, r, "watch")
		require.ErrorIs(t, err, vat.ErrCanceled)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.Equal(t, "reader", vat.Reads(p.here))
		require.True(t, call[bool](t, r, "ended", 0))
	})
}

// A promise that somebody else breaks ends the wait of who reads for it.
func TestBrokenByOthersInARow(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		never := vat.Send[string](r, "watch")
		time.AfterFunc(time.Second, never.Cancel)
		begin := time.Now()
		require.ErrorIs(t, failure(t, never), vat.ErrCanceled)
		require.Equal(t, time.Second, time.Since(begin))
		require.Equal(t, "x", call[string](t, r, "echo", "x"))
	})
}

func TestOthersWaitToo(t *testing.T) {
	inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
		first, second := make(chan string, 1), make(chan string, 1)
		go func() { first <- call[string](t, r, "later") }()
		synctest.Wait()
		require.Equal(t, "caller", vat.Reads(p.here))
		require.Equal(t, "x", call[string](t, r, "echo", "x"), "who leads reads for all")
		go func() { second <- call[string](t, r, "later") }()
		pass(time.Second)
		require.Equal(t, "caller", vat.Reads(p.here))
		vat.Send[any](r, "settle", "1")
		require.Equal(t, "1", <-first)
		pass(time.Second)
		require.Equal(t, "reader", vat.Reads(p.here), "somebody else still waits")
		vat.Send[any](r, "settle", "2")
		require.Equal(t, "2", <-second)
	})
}

// Turns that a leader finds are run, by others.
func TestCalledBackInARow(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		asker, here := p.give(&Asker{}), &Recorder{}
		for i := range 20 {
			require.Equal(t, "x", call[string](t, asker, "ask", here, "x"))
			require.Empty(t, call[[]string](t, p.give(&Recorder{}), "noted"), i)
		}
		row(t, p.give(&Recorder{}))
		require.Equal(t, "x", call[string](t, asker, "ask", here, "x"))
	})
}

func TestEndsInARow(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
			time.AfterFunc(time.Second, func() { _ = p.here.Close() })
			_, err := vat.Call[string](t.Context(), r, "watch")
			require.ErrorIs(t, err, vat.ErrClosed)
		})
	})
	t.Run("closed between", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) { require.NoError(t, p.here.Close()) })
	})
	t.Run("shut down between", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) { require.NoError(t, p.here.Shutdown(t.Context())) })
	})
	t.Run("cut", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
			time.AfterFunc(time.Second, func() { p.net.Cut("here", "there") })
			begin := time.Now()
			_, err := vat.Call[string](t.Context(), r, "watch")
			require.ErrorIs(t, err, vat.ErrDisconnected)
			require.Equal(t, time.Second, time.Since(begin))
		})
	})
	t.Run("cut between", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
			broken := make(chan error, 1)
			r.WhenBroken(func(err error) { broken <- err })
			begin := time.Now()
			p.net.Cut("here", "there")
			require.ErrorIs(t, <-broken, vat.ErrDisconnected)
			require.Less(t, time.Since(begin), 3*time.Millisecond)
		})
	})
	t.Run("stalled", func(t *testing.T) {
		inARow(t, func(t *testing.T, p *place, r *vat.Ref) {
			time.AfterFunc(time.Second, func() { p.net.Stall("there", "here", true) })
			_, err := vat.Call[string](t.Context(), r, "watch")
			require.ErrorIs(t, err, vat.ErrDisconnected, "the caller asks for signs of life")
		})
	})
}
