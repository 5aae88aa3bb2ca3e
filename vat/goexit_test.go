package vat_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Quitter ends the goroutine of its turn, as a testing.T's FailNow does.
type Quitter struct {
	vat.Object
	seen    []int
	dropped chan struct{}
	block   chan struct{}
	began   chan struct{}
}

func (q *Quitter) Quit(i int) {
	q.seen = append(q.seen, i)
	runtime.Goexit()
}

func (q *Quitter) Note(i int)  { q.seen = append(q.seen, i) }
func (q *Quitter) Seen() []int { return q.seen }
func (q *Quitter) Make() *Quitter {
	return &Quitter{dropped: q.dropped}
}

// Linger ends its goroutine after a long turn.
func (q *Quitter) Linger() {
	q.began <- struct{}{}
	<-q.block
	runtime.Goexit()
}

// Later, Background and Chain end goroutines of callbacks.
func (q *Quitter) Later() *vat.Promise[int] {
	p, r := vat.NewPromise[int](q.Vat())
	defer r.Resolve(1)
	return vat.When(p, func(int) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
}

func (q *Quitter) Background() *vat.Promise[int] {
	return vat.Go(q.Vat(), func(context.Context) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
}

func (q *Quitter) Watch(r *vat.Ref) {
	r.WhenBroken(func(error) {
		q.seen = append(q.seen, -1)
		runtime.Goexit()
	})
}

func (q *Quitter) Unreferenced() {
	if q.dropped != nil {
		defer close(q.dropped)
		runtime.Goexit()
	}
}

// Exiting errors end the goroutine when they are asked for their text.
type exiting struct{}

func (exiting) Error() string {
	runtime.Goexit()
	return ""
}

func (q *Quitter) Err() error { return exiting{} }

// A turn that ends its goroutine fails like one that panics, and the vat goes on: with
// the turns behind it, in their order, and with what comes over the same session.
func TestGoexitInATurn(t *testing.T) {
	spec.Covers(t, "ERR-3", "ERR-4")
	nearAndFar(t, func(t *testing.T, p *place) {
		q := &Quitter{block: make(chan struct{}), began: make(chan struct{}, 1)}
		r := p.give(q)
		var quits []*vat.Promise[any]
		var want []int
		for i := range 200 {
			want = append(want, i)
			if i%3 == 0 {
				quits = append(quits, r.Send("quit", i))
			} else {
				r.SendOnly("note", i)
			}
		}
		require.Equal(t, want, call[[]int](t, r, "seen"))
		for _, q := range quits {
			err := failure(t, q)
			require.ErrorIs(t, err, vat.ErrInternal)
			require.ErrorContains(t, err, "internal error; incident ")
		}
		require.Contains(t, p.book.String(), "Goexit")
		for _, verb := range []string{"later", "background", "err"} {
			require.ErrorIs(t, failure(t, r.Send(verb)), vat.ErrInternal, verb)
		}
		lingering := r.Send("linger")
		<-q.began
		pass(time.Second) // the link is read by another goroutine by now
		r.SendOnly("note", -2)
		pass(time.Second)
		close(q.block)
		require.ErrorIs(t, failure(t, lingering), vat.ErrInternal)
		require.Equal(t, append(want, -2), call[[]int](t, r, "seen"))
	})
}

// The hooks of an object, and callbacks that nobody waits for, are no different.
func TestGoexitInHooks(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		q := &Quitter{dropped: make(chan struct{})}
		r := p.give(q)
		call[*vat.Ref](t, r, "make").Release()
		r.SendOnly("watch", p.here.Enliven(unknown(t, p.there)))
		call[[]int](t, r, "seen")
		<-q.dropped
		pass(time.Second)
		require.Equal(t, []int{-1}, call[[]int](t, r, "seen"))
	})
}

// Whoever takes over is waited for when the vat is closed.
func TestGoexitAndClose(t *testing.T) {
	for i := range 20 {
		cfg := quiet()
		cfg.Listen = []string{"127.0.0.1:0"}
		there, err := vat.New(cfg)
		require.NoError(t, err)
		here, err := vat.New(quiet())
		require.NoError(t, err)
		q := &Quitter{block: make(chan struct{}), began: make(chan struct{}, 1)}
		sr, err := there.Export(q, nil)
		require.NoError(t, err)
		r := here.Enliven(sr)
		quit := r.Send("quit", i)
		require.ErrorIs(t, failure(t, quit), vat.ErrInternal)
		near, err := there.Ref(q)
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, near.Send("quit", i)), vat.ErrInternal)
		// Closed in the midst of the turn, it still ends.
		from := map[bool]*vat.Ref{true: r, false: near}[i%2 == 0]
		lost := from.Send("linger")
		<-q.began
		closed := make(chan error)
		go func() { closed <- there.Close() }()
		close(q.block)
		require.NoError(t, <-closed)
		require.Error(t, failure(t, lost))
		require.NoError(t, here.Close())
	}
	require.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("vatnet/vat.(*"))
	}, 10*time.Second, time.Millisecond)
}
