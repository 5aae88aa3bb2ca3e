package vat

import (
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
