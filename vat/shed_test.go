package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// twin answers with itself.
type twin struct{ Object }

func (t *twin) Next() *twin { return t }
func (t *twin) Number() int { return 7 }

// A pipelined send leaves nothing behind but the reference that it came to, and sends
// go on there.
func TestPromiseShedsItsWay(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&twin{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	w.run()
	at := Send[*Ref](far, "next")
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
	far.Release()
	w.run()
	require.Less(t, w.ab.captp.Stats().Imports, before)
}
