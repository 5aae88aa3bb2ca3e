package main

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	root, reader := server.Cap(t), server.Cap(t)

	require.Equal(t, "printer\n", p.Run(t, root, "ls", "office"))
	require.Equal(t, "pages so far: 1\n", p.Run(t, root, "print", "office/printer", "hello"))
	require.Equal(t, "the printer in the office prints: hello", server.Line(t))
	require.Empty(t, p.Run(t, root, "mkdir", "office/cellar"))
	require.Contains(t, p.Fail(t, root, "mkdir", "office/cellar"), "the name is taken")
	require.Contains(t, p.Fail(t, root, "print", "office/cinema/screen", "hello"), "there is no such name")

	other := p.Start(t, root, "offer", "office/cellar/xerox")
	require.Equal(t, "offered", other.Line(t))
	require.Equal(t, "pages so far: 1\n", p.Run(t, reader, "print", "office/cellar/xerox", "copy"))
	require.Equal(t, "the printer in the xerox prints: copy", other.Line(t))
	other.Interrupt(t)

	require.Equal(t, "cellar\nprinter\n", p.Run(t, reader, "ls", "office"))
	told := p.Fail(t, reader, "mkdir", "office/attic")
	require.Equal(t, "directory: vat: no such verb: Reader has no verb \"mkdir\"\n", told)
	exampletest.Shown(t, told)

	mine := filepath.Join(t.TempDir(), "mine.cap")
	require.Empty(t, p.Run(t, root, "save", "office/printer", mine))
	require.Equal(t, "pages so far: 2\n", p.Run(t, mine, "print", ".", "mine"))
	require.Equal(t, "the printer in the office prints: mine", server.Line(t))
	server.Interrupt(t)
}

// However long the path, it takes one round trip; connecting takes one more.
func TestOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vattest.NewNetwork()
		n.Latency("here", "there", 10*time.Millisecond)
		there := n.Vat(t, "there", nil)
		root := newDirectory()
		deep := root
		for _, name := range []string{"a", "b", "c", "d"} {
			var err error
			deep, err = deep.Mkdir(name)
			require.NoError(t, err)
		}
		printer, err := there.Ref(&Printer{})
		require.NoError(t, err)
		require.NoError(t, deep.Bind("printer", printer))
		sr, err := there.Export(&Reader{d: root}, nil)
		require.NoError(t, err)

		here := n.Vat(t, "here", nil)
		pages, err := vat.Call[int](t.Context(), walk(here.Enliven(sr), "a/b/c/d/printer"), "print", "deep")
		require.NoError(t, err)
		require.Equal(t, 1, pages)
		require.Equal(t, 2, n.Stats().RoundTrips)
	})
}

// Whoever may bind may name a directory once more; readers find a reader there all the same.
func TestReadersFindReaders(t *testing.T) {
	v, err := vat.New(nil)
	require.NoError(t, err)
	defer v.Close()
	root := newDirectory()
	w, err := v.Ref(root)
	require.NoError(t, err)
	r, err := v.Ref(&Reader{d: root})
	require.NoError(t, err)
	_, err = vat.Call[any](t.Context(), w, "mkdir", "office")
	require.NoError(t, err)
	_, err = vat.Call[any](t.Context(), w, "bind", "alias", w.Send("lookup", "office"))
	require.NoError(t, err)
	_, err = vat.Call[any](t.Context(), r.Send("lookup", "alias"), "mkdir", "mine")
	require.ErrorIs(t, err, vat.ErrNoSuchVerb)
	promise, _ := vat.NewPromise[*vat.Ref](v)
	_, err = vat.Call[any](t.Context(), w, "bind", "later", promise)
	require.ErrorContains(t, err, errPromise.Error())
}
