package main

import (
	"strings"
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

	require.Equal(t, "printer\n", p.Run(t, root, "ls", "there/office"))
	shown := p.Run(t, reader, "print", "there/office/printer", "hello")
	require.Equal(t, "pages so far: 1\n", shown)
	exampletest.Shown(t, shown)
	require.Equal(t, "the printer in the office prints: hello", server.Line(t))
	told := p.Fail(t, reader, "mkdir", "there/office/attic")
	require.Equal(t, "directory: vat: no such verb: Reader has no verb \"mkdir\"\n", told)
	exampletest.Shown(t, told)
	require.Contains(t, p.Fail(t, reader, "unbind", "there/office"), "no such verb")
	require.Contains(t, p.Fail(t, root, "print", "there/cinema/screen", "hello"), "there is no such name")
	require.Contains(t, p.Fail(t, root, "mkdir", "there/office"), "the name is taken")

	mine := p.Start(t, root)
	for _, line := range strings.Split(`bind mine there/office/printer
mkdir there/cellar
bind there/cellar/printer mine
unbind there/office/printer
print mine again
ls .
ls there/office
print there/office/printer again
offer there/cellar/xerox
ls there/cellar`, "\n") {
		mine.Say(t, line)
	}
	said := mine.Lines(t, 6)
	require.Equal(t, "pages so far: 2\nmine\nthere\nthere is no such name\nprinter\nxerox\n", said)
	exampletest.Shown(t, said)
	require.Equal(t, "the printer in the office prints: again", server.Line(t))
	require.Equal(t, "pages so far: 1\n", p.Run(t, reader, "print", "there/cellar/xerox", "copy"))
	require.Equal(t, "the printer in the xerox prints: copy", mine.Line(t))
	require.Contains(t, p.Fail(t, root, "print", "mine", "hello"), "there is no such name", "petnames are nobody else's")
	mine.Hush(t)
	require.Empty(t, mine.Wait(t))
	require.Equal(t, "printer\nxerox\n", p.Run(t, reader, "ls", "there/cellar"))
	require.Empty(t, p.Run(t, root, "unbind", "there/cellar/xerox"))
	require.Equal(t, "printer\n", p.Run(t, reader, "ls", "there/cellar"))
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
		require.NoError(t, deep.bind("printer", printer))
		sr, err := there.Export(&Reader{d: root}, nil)
		require.NoError(t, err)

		here := n.Vat(t, "here", nil)
		mine := newDirectory()
		require.NoError(t, mine.bind("there", here.Enliven(sr)))
		own, err := here.Ref(mine)
		require.NoError(t, err)
		pages, err := vat.Call[int](t.Context(), walk(own, "there/a/b/c/d/printer"), "print", "deep")
		require.NoError(t, err)
		require.Equal(t, 1, pages)
		require.Equal(t, 2, n.Stats().RoundTrips)
	})
}

// Whoever may bind may name a directory once more; readers find a reader there all the same, also
// if what was bound had been a promise.
func TestReadersFindReaders(t *testing.T) {
	v, err := vat.New(nil)
	require.NoError(t, err)
	defer v.Close()
	root := newDirectory()
	w, err := v.Ref(root)
	require.NoError(t, err)
	r, err := v.Ref(&Reader{d: root})
	require.NoError(t, err)
	do := func(to vat.Target, verb string, args ...any) error { return call(t.Context(), to, verb, args...) }
	require.NoError(t, do(w, "mkdir", "office"))
	later, res := vat.NewPromise[*vat.Ref](v)
	bound := w.Send("bind", "later", later)
	require.NoError(t, do(w, "bind", "alias", w.Send("lookup", "office")))
	office, err := vat.Call[*vat.Ref](t.Context(), w, "lookup", "office")
	require.NoError(t, err)
	require.NoError(t, res.Resolve(office))
	_, err = bound.Await(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"office", "alias", "later"} {
		require.ErrorIs(t, do(r.Send("lookup", name), "mkdir", "mine"), vat.ErrNoSuchVerb, name)
	}
	for name, thing := range map[string]any{"null": nil, "missing": w.Send("lookup", "nothing"), "text": "text"} {
		require.Error(t, do(w, "bind", name, thing), name)
		require.ErrorIs(t, do(w, "unbind", name), errNone)
	}
}
