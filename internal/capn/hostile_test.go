package capn_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
)

func words(ws ...uint64) []byte {
	var out []byte
	for _, w := range ws {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}

func TestFrameSize(t *testing.T) {
	header := func(ns ...uint32) []byte {
		out := binary.LittleEndian.AppendUint32(nil, uint32(len(ns)-1))
		for _, n := range ns {
			out = binary.LittleEndian.AppendUint32(out, n)
		}
		return out
	}
	pad := func(b []byte) []byte { return append(b, 0, 0, 0, 0) }
	tests := []struct {
		name       string
		b          []byte
		segs, max  int
		size, need int
		err        error
	}{
		{"nothing", nil, 0, 0, 0, 8, nil},
		{"half a word", header(1)[:4], 0, 0, 0, 8, nil},
		{"one segment", header(1), 0, 0, 16, 0, nil},
		{"no words", header(0), 0, 0, 8, 0, nil},
		{"two segments", pad(header(1, 2)), 0, 0, 40, 0, nil},
		{"two segments, table cut", header(1, 2)[:8], 0, 0, 0, 16, nil},
		{"three segments", header(1, 1, 1), 0, 0, 40, 0, nil},
		{"too many segments", header(1, 1, 1), 2, 0, 0, 0, capn.ErrSegments},
		{"the count wraps", []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 0, 0, 0, 0, capn.ErrSegments},
		{"exactly as big as allowed", header(2), 0, 24, 24, 0, nil},
		{"too big", header(3), 0, 24, 0, 0, capn.ErrTooBig},
		{"default maximum", header(1 << 20), 0, 0, 0, 0, capn.ErrTooBig},
		{"huge", header(0xffffffff), 0, 1 << 30, 0, 0, capn.ErrTooBig},
		{"too big is seen before the table is whole", header(0xffffffff, 1)[:8], 0, 0, 0, 0, capn.ErrTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			size, need, err := capn.FrameSize(tt.b, tt.segs, tt.max)
			require.Equal(t, tt.err, err)
			require.Equal(t, tt.size, size)
			require.Equal(t, tt.need, need)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	var m capn.Message
	require.Equal(t, capn.ErrTruncated, m.Parse(nil, nil))
	require.Equal(t, capn.ErrTruncated, m.Parse(words(1<<32), nil))
	require.Equal(t, capn.ErrTrailing, m.Parse(words(1<<32, 0, 0), nil))
	require.Equal(t, capn.ErrSegments, m.Parse(words(1|1<<32, 0, 0), &capn.Limits{Segments: 1}))
	require.Equal(t, capn.ErrTruncated, m.ParseFlat(nil, nil))
	require.Equal(t, capn.ErrTruncated, m.ParseFlat(make([]byte, 9), nil))
	require.NoError(t, m.Parse(words(0), nil), "one segment of no words")
	_, err := m.Root()
	require.Equal(t, capn.ErrBounds, err)
	_, err = new(capn.Message).Root()
	require.Equal(t, capn.ErrBounds, err)
}

func TestRootRefuses(t *testing.T) {
	list := func(code, n uint64) uint64 { return 1 | code<<32 | n<<35 }
	tests := []struct {
		name string
		flat []byte
		err  error
	}{
		{"struct past the end", words(1 << 32), capn.ErrBounds},
		{"struct before the start", words(0xfffffff8), capn.ErrBounds},
		{"list past the end", words(list(2, 1)), capn.ErrBounds},
		{"list of pointers past the end", words(list(6, 2), 0), capn.ErrBounds},
		{"composite without a tag", words(list(7, 0)), capn.ErrBounds},
		{"composite larger than its words", words(list(7, 1), 2<<2|1<<32, 0, 0), capn.ErrBounds},
		{"composite of a negative count", words(list(7, 0), 0xfffffffc), capn.ErrPointer},
		{"composite tag is a list", words(list(7, 0), 1), capn.ErrPointer},
		{"a billion voids", words(list(0, 1<<29-1)), capn.ErrTraversal},
		{"a billion empty structs", words(list(7, 0), 0x7ffffffc), capn.ErrTraversal},
		{"unknown pointer kind", words(7), capn.ErrPointer},
		{"far to no segment", words(2 | 1<<32), capn.ErrBounds},
		{"far past the end", words(2 | 8), capn.ErrBounds},
		{"far to itself", words(2), capn.ErrPointer},
		{"double far without room", words(6), capn.ErrBounds},
		{"double far to something else", words(6|8, 0, 0), capn.ErrPointer},
		{"double far with an offset", words(6|8, 2, 4), capn.ErrPointer},
		{"double far to no segment", words(6|8, 2|1<<32, 1<<32), capn.ErrBounds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m capn.Message
			require.NoError(t, m.ParseFlat(tt.flat, nil))
			_, err := m.Root()
			require.Equal(t, tt.err, err)
		})
	}
}

func TestKindsRefuse(t *testing.T) {
	p := parseFlat(t, words(1<<32, 42))
	_, err := p.Bytes()
	require.Equal(t, capn.ErrKind, err)
	_, err = p.Text()
	require.Equal(t, capn.ErrKind, err)
	_, err = parseFlat(t, words(1|2<<32|1<<35, 42)).Text()
	require.Equal(t, capn.ErrText, err)
	_, err = parseFlat(t, words(1|2<<32)).Text()
	require.Equal(t, capn.ErrText, err)
	text, err := capn.Ptr{}.Text()
	require.NoError(t, err)
	require.Nil(t, text)
	require.Zero(t, p.Cap())
	require.Zero(t, p.Len())
	require.True(t, p.Elem(0).IsNull())
}

// A message whose structs contain themselves ends by depth; one whose pointers
// all lead to the same object ends by the budget.
func TestAmplification(t *testing.T) {
	loop := words(1<<48, 1<<48|0xfffffff8)
	_, err := capn.Flatten(nil, parseFlat(t, loop))
	require.Equal(t, capn.ErrDepth, err)

	// 1000 pointers at one list of 1000 words: 2000 words that would unfold to a million.
	var b capn.Builder
	b.Init(nil)
	l := b.PtrList(b.RootSlot(), 1000)
	b.U64List(l.Slot(999), 1000)
	flat := b.Bytes()
	for i := range 1000 {
		off := uint64(999 - i)
		binary.LittleEndian.PutUint64(flat[8+8*i:], 1|off<<2|5<<32|1000<<35)
	}
	out, err := capn.Flatten(nil, parseFlat(t, flat))
	require.Equal(t, capn.ErrTraversal, err)
	require.Less(t, len(out), 9*len(flat))

	var m capn.Message
	require.NoError(t, m.ParseFlat(flat, &capn.Limits{Traversal: 2000}))
	p, err := m.Root()
	require.NoError(t, err)
	_, err = p.ElemPtr(0)
	require.NoError(t, err)
	_, err = p.ElemPtr(1)
	require.Equal(t, capn.ErrTraversal, err)
}

func TestDepthLimit(t *testing.T) {
	nest := func(n int) []byte {
		var b capn.Builder
		b.Init(nil)
		slot := b.RootSlot()
		for range n {
			slot = b.Struct(slot, 0, 1).Slot(0)
		}
		return b.Bytes()
	}
	_, err := capn.Flatten(nil, parseFlat(t, nest(64)))
	require.NoError(t, err)
	_, err = capn.Flatten(nil, parseFlat(t, nest(65)))
	require.Equal(t, capn.ErrDepth, err)
	var m capn.Message
	require.NoError(t, m.ParseFlat(nest(2), &capn.Limits{Depth: 1}))
	p, err := m.Root()
	require.NoError(t, err)
	_, err = p.Field(0)
	require.Equal(t, capn.ErrDepth, err)
}

func TestEmbedRefuses(t *testing.T) {
	var b capn.Builder
	b.Init(nil)
	slot := b.Root(0, 1).Slot(0)
	require.Equal(t, capn.ErrTruncated, b.Embed(slot, nil))
	require.Equal(t, capn.ErrTruncated, b.Embed(slot, make([]byte, 9)))
	require.Equal(t, capn.ErrPointer, b.Embed(slot, words(2)))
	require.Equal(t, capn.ErrPointer, b.Embed(slot, words(7)))
	require.Equal(t, capn.ErrBounds, b.Embed(slot, words(1<<32|8, 0)))
	require.Equal(t, capn.ErrBounds, b.Embed(slot, words(1<<32|0xfffffff0, 0)))
	for _, flat := range [][]byte{words(0), words(3 | 9<<32), words(0xfffffffc)} {
		require.NoError(t, b.Embed(slot, flat))
	}
	require.Equal(t, 16, b.Size())
}

func TestTooBigToBuild(t *testing.T) {
	var b capn.Builder
	b.Init(nil)
	root := b.Root(0, 1)
	l := b.CompositeList(root.Slot(0), 1<<20, 0xffff, 0)
	require.Equal(t, capn.ErrTooBig, b.Err())
	l.At(0).SetU64(0, 1) // lost, and harmless
	b.Text(l.At(0).Slot(0), "x")
	b.Init(b.Bytes()[:0])
	require.NoError(t, b.Err())
	b.U64List(b.RootSlot(), 1<<29).SetU64(5, 5)
	require.Equal(t, capn.ErrTooBig, b.Err())
}

func TestMisusePanics(t *testing.T) {
	var b capn.Builder
	b.Init(nil)
	s := b.Root(1, 1)
	l := b.U64List(s.Slot(0), 1)
	for name, f := range map[string]func(){
		"field": func() { s.SetU32(6, 1) },
		"slot":  func() { s.Slot(1) },
		"elem":  func() { l.SetU64(1, 1) },
		"kind":  func() { l.SetBit(0, true) },
		"size":  func() { b.Struct(b.RootSlot(), 1<<16, 0) },
		"len":   func() { b.PtrList(b.RootSlot(), -1) },
	} {
		require.Panics(t, f, name)
	}
}

// Reading and writing allocate nothing.
func TestAllocations(t *testing.T) {
	var b capn.Builder
	buf := make([]byte, 0, 4096)
	flat := make([]byte, 0, 4096)
	var m capn.Message
	n := testing.AllocsPerRun(100, func() {
		b.InitFramed(buf)
		sample(&b)
		frame := b.Frame()
		if err := m.Parse(frame, nil); err != nil {
			t.Fatal(err)
		}
		root, err := m.Root()
		if err != nil {
			t.Fatal(err)
		}
		text, err := root.Field(0)
		if err != nil || text.Len() != 6 {
			t.Fatal(err)
		}
		if s, err := text.Text(); err != nil || len(s) != 5 {
			t.Fatal(err)
		}
		if _, err = capn.Flatten(flat, root); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, n)
}

func BenchmarkBuildAndRead(bm *testing.B) {
	var b capn.Builder
	var buf []byte
	var m capn.Message
	for bm.Loop() {
		b.InitFramed(buf[:0])
		root := b.Root(3, 2)
		root.SetU32(0, 7)
		b.Text(root.Slot(0), "log")
		b.Text(root.Slot(1), "sixteen bytes ok")
		buf = b.Frame()
		if err := m.Parse(buf, nil); err != nil {
			bm.Fatal(err)
		}
		p, _ := m.Root()
		f, _ := p.Field(1)
		if s, err := f.Text(); err != nil || len(s) != 16 {
			bm.Fatal(err)
		}
	}
}

func TestFlattenOnce(t *testing.T) {
	var b capn.Builder
	b.Init(nil)
	const pointers = 7
	root := b.Root(0, pointers)
	b.Data(root.Slot(0), make([]byte, 8000))
	seg := b.Bytes()
	var m capn.Message
	require.NoError(t, m.ParseFlat(seg, nil))
	p, err := m.Root()
	require.NoError(t, err)
	flat, err := capn.FlattenOnce(nil, p)
	require.NoError(t, err)
	require.Len(t, flat, len(seg))
	// All pointers at the one list: still within the budget of eight times, which
	// is what a copy would be.
	first := binary.LittleEndian.Uint64(seg[8:])
	for i := uint64(1); i < pointers; i++ {
		binary.LittleEndian.PutUint64(seg[8+8*i:], first-i<<2)
	}
	require.NoError(t, m.ParseFlat(seg, nil))
	p, err = m.Root()
	require.NoError(t, err)
	_, err = capn.Flatten(nil, p)
	require.NoError(t, err)
	require.NoError(t, m.ParseFlat(seg, nil))
	p, err = m.Root()
	require.NoError(t, err)
	_, err = capn.FlattenOnce(nil, p)
	require.ErrorIs(t, err, capn.ErrTraversal)
}
