package vat

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// twin answers with itself, or with another one.
type twin struct{ Object }

func (t *twin) Next() *twin  { return t }
func (t *twin) Other() *twin { return &twin{} }
func (t *twin) Number() int  { return 7 }

// twinned makes a far reference to a twin of core b.
func twinned(t *testing.T) (*stepped, *Ref) {
	w := newStepped()
	h, err := w.b.host(&twin{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	w.run()
	return w, far
}

// A pipelined send leaves nothing behind but the reference that it came to, and sends
// go on there.
func TestPromiseShedsItsWay(t *testing.T) {
	w, far := twinned(t)
	at := Send[*Ref](far, "other")
	number := Send[int](at, "number")
	require.NotNil(t, at.pipe)
	w.run()
	require.Nil(t, at.pipe)
	require.Len(t, at.caps, 1)
	n, err := valueOf(number)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	again := Send[int](at, "number")
	w.run()
	n, err = valueOf(again)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.Nil(t, at.pipe, "it goes to what is held already")
	before := w.ab.captp.Stats().Imports
	at.letGo()
	w.run()
	require.Equal(t, before-1, w.ab.captp.Stats().Imports)
}

// Promises for the same share one holder of it, which goes with the last of them.
func TestPromisesForTheSameShareAnAnchor(t *testing.T) {
	w, far := twinned(t)
	other := Send[*Ref](far, "other")
	w.run()
	require.Nil(t, other.anchor, "it is the only one")
	var same []*Promise[*Ref]
	for range 3 {
		same = append(same, Send[*Ref](other, "next"))
	}
	w.run()
	require.NotNil(t, same[0].anchor)
	for _, p := range same {
		require.Same(t, same[0].anchor, p.anchor)
		n := Send[int](p, "number")
		w.run()
		got, err := valueOf(n)
		require.NoError(t, err)
		require.Equal(t, 7, got)
	}
	before := w.ab.captp.Stats().Imports
	other.letGo()
	same[0].letGo()
	same[1].letGo()
	w.run()
	require.Equal(t, before, w.ab.captp.Stats().Imports)
	same[2].letGo()
	w.run()
	require.Equal(t, before-1, w.ab.captp.Stats().Imports)
	require.Empty(t, w.a.anchors)
}

// Promises that are merely forgotten give their anchor back, too.
func TestForgottenPromisesGiveTheirAnchorBack(t *testing.T) {
	w, far := twinned(t)
	other := Send[*Ref](far, "other")
	w.run()
	for range 3 {
		Send[*Ref](other, "next")
	}
	w.run()
	require.Len(t, w.a.anchors, 1)
	before := w.ab.captp.Stats().Imports
	other.letGo()
	for len(w.a.anchors) > 0 || w.ab.captp.Stats().Imports >= before { // ends, or the test does at its deadline
		runtime.GC()
		w.a.lock()
		w.a.leave()
		w.run()
	}
	require.Equal(t, before-1, w.ab.captp.Stats().Imports)
	runtime.KeepAlive(far)
}

// hoarder keeps promises that it was given.
type hoarder struct {
	Object
	p    *Promise[*Ref]
	told int
}

func (k *hoarder) Put(p *Promise[*Ref]) {
	k.p = p
	When(p, func(*Ref) (int, error) { k.told++; return 0, nil })
}

func (k *hoarder) Get() *Promise[*Ref] { return k.p }

func (k *hoarder) Caught(p *Promise[*Ref]) *Promise[*Ref] {
	return Catch(p, func(err error) (*Ref, error) { return nil, err })
}

// keeping makes a far reference to a hoarder of core b, and one to an object of core a.
func keeping(t *testing.T) (w *stepped, k *hoarder, far, near *Ref) {
	w, k = newStepped(), &hoarder{}
	h, err := w.b.host(k)
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far = w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	o, err := w.a.host(&twin{})
	require.NoError(t, err)
	w.a.lock()
	near = w.a.newRef(o.ref(nil))
	w.a.leave()
	w.run()
	return w, k, far, near
}

// A promise that came as an argument, and has settled, can be returned and followed.
func TestSettledArgumentCanBeReturned(t *testing.T) {
	w, k, far, near := keeping(t)
	p, r := NewPromise[*Ref](&Vat{core: w.a})
	far.SendOnly("put", p)
	caught := Send[*Ref](far, "caught", p)
	w.run()
	require.NoError(t, r.Resolve(near))
	w.run()
	require.Equal(t, 1, k.told)
	require.NoError(t, caught.Err())
	require.Equal(t, fulfilled, caught.state)
	got := Send[*Ref](far, "get")
	w.run()
	require.NoError(t, got.Err())
	require.Equal(t, fulfilled, got.state)
}

// What such a promise has let go of is not released again when it is collected.
func TestSettledArgumentIsReleasedOnce(t *testing.T) {
	w, k, far, near := keeping(t)
	for range 2 { // the second one finds the reference held by the first
		far.SendOnly("put", near)
		w.run()
	}
	require.Equal(t, 2, k.told)
	k.p = nil
	for i := 0; i < 100 && len(w.b.anchors) > 0; i++ {
		runtime.GC()
		w.b.lock()
		w.b.leave()
		w.run()
	}
	require.Empty(t, w.b.anchors)
	n := Send[int](near, "number")
	w.run()
	got, err := valueOf(n)
	require.NoError(t, err)
	require.Equal(t, 7, got)
	runtime.KeepAlive(far)
}

// A Ref that is released while somebody awaits it is not touched any more.
func TestAwaitOfAReleasedRef(t *testing.T) {
	v, err := New(nil)
	require.NoError(t, err)
	defer v.Close()
	c := v.core
	c.lock()
	p, to := c.machine.NewPromise(), c.machine.NewPromise()
	c.machine.Resolve(p, to.Retain())
	r := c.newRef(p)
	c.leave()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Await(ctx) }()
	for waiting := false; !waiting; runtime.Gosched() {
		c.lock()
		waiting = p.Shared()
		c.unlock()
	}
	r.Release()
	cancel()
	require.ErrorIs(t, <-done, ErrCanceled)
	c.lock()
	to.Release()
	c.leave()
}
