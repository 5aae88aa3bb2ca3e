package capn_test

import (
	"testing"

	stock "capnproto.org/go/capnp/v3"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
)

// sample builds a message that uses every kind of object.
func sample(b *capn.Builder) {
	root := b.Root(2, 8)
	root.SetU8(0, 1)
	root.SetU16(2, 2)
	root.SetU32(4, 3)
	root.SetU64(8, 4)
	b.Text(root.Slot(0), "hello")
	b.Data(root.Slot(1), []byte{9, 8, 7})
	l := b.CompositeList(root.Slot(2), 2, 1, 1)
	l.At(0).SetU64(0, 10)
	l.At(1).SetU64(0, 11)
	b.TextBytes(l.At(1).Slot(0), []byte("in list"))
	p := b.PtrList(root.Slot(3), 2)
	b.Text(p.Slot(1), "second")
	u := b.U64List(root.Slot(4), 2)
	u.SetU64(1, 77)
	bits := b.BitList(root.Slot(5), 9)
	bits.SetBit(8, true)
	b.SetCap(root.Slot(6), 5)
	b.Struct(root.Slot(7), 0, 0)
}

func checkSample(t *testing.T, root capn.Ptr) {
	t.Helper()
	field := func(p capn.Ptr, i int) capn.Ptr {
		f, err := p.Field(i)
		require.NoError(t, err)
		return f
	}
	require.True(t, root.IsStruct())
	require.Equal(t, 16, root.DataBytes())
	require.Equal(t, 8, root.Ptrs())
	require.Equal(t, uint8(1), root.U8(0))
	require.Equal(t, uint16(2), root.U16(2))
	require.Equal(t, uint32(3), root.U32(4))
	require.Equal(t, uint64(4), root.U64(8))
	require.True(t, root.Bool(0))
	require.False(t, root.Bool(1))
	require.Zero(t, root.U64(9), "a field that is partly outside is zero")
	require.Zero(t, root.U64(-1))
	text, err := field(root, 0).Text()
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
	data, err := field(root, 1).Bytes()
	require.NoError(t, err)
	require.Equal(t, []byte{9, 8, 7}, data)
	l := field(root, 2)
	require.Equal(t, 2, l.Len())
	require.Equal(t, uint64(11), l.Elem(1).U64(0))
	require.Equal(t, uint64(11), l.U64At(1), "a list of structs reads as a list of its first field")
	text, err = field(l.Elem(1), 0).Text()
	require.NoError(t, err)
	require.Equal(t, "in list", string(text))
	require.True(t, field(l.Elem(0), 0).IsNull())
	require.True(t, l.Elem(2).IsNull())
	q, err := field(root, 3).ElemPtr(1)
	require.NoError(t, err)
	text, err = q.Text()
	require.NoError(t, err)
	require.Equal(t, "second", string(text))
	require.Equal(t, uint64(77), field(root, 4).U64At(1))
	require.Equal(t, uint64(77), field(root, 4).Elem(1).U64(0), "an element of a list of numbers reads as a struct")
	require.True(t, field(root, 5).BitAt(8))
	require.False(t, field(root, 5).BitAt(7))
	require.False(t, field(root, 5).BitAt(9))
	require.True(t, field(root, 6).IsCap())
	require.Equal(t, uint32(5), field(root, 6).Cap())
	require.True(t, field(root, 7).IsStruct(), "an empty struct is not null")
	require.True(t, field(root, 8).IsNull(), "a pointer that is not there is null")
}

func parseFlat(t require.TestingT, flat []byte) capn.Ptr {
	m := new(capn.Message)
	require.NoError(t, m.ParseFlat(flat, nil))
	root, err := m.Root()
	require.NoError(t, err)
	return root
}

func TestBuildAndRead(t *testing.T) {
	var b capn.Builder
	b.Init(nil)
	sample(&b)
	require.NoError(t, b.Err())
	checkSample(t, parseFlat(t, b.Bytes()))

	t.Run("a used buffer is cleared", func(t *testing.T) {
		dirty := make([]byte, 4096)
		for i := range dirty {
			dirty[i] = 0xff
		}
		want := append([]byte(nil), b.Bytes()...)
		b.Init(dirty[:0])
		sample(&b)
		require.Equal(t, want, b.Bytes())
	})
	t.Run("flatten", func(t *testing.T) {
		flat, err := capn.Flatten(nil, parseFlat(t, b.Bytes()))
		require.NoError(t, err)
		checkSample(t, parseFlat(t, flat))
	})
	t.Run("embed and copy", func(t *testing.T) {
		var outer capn.Builder
		outer.Init(nil)
		root := outer.Root(0, 2)
		require.NoError(t, outer.Embed(root.Slot(0), b.Bytes()))
		require.NoError(t, outer.Copy(root.Slot(1), parseFlat(t, b.Bytes())))
		p := parseFlat(t, outer.Bytes())
		for i := range 2 {
			f, err := p.Field(i)
			require.NoError(t, err)
			checkSample(t, f)
		}
	})
	t.Run("stock reads it", func(t *testing.T) {
		framed := append(capn.AppendFrameHeader(nil, b.Size()), b.Bytes()...)
		msg, err := stock.Unmarshal(framed)
		require.NoError(t, err)
		root, err := msg.Root()
		require.NoError(t, err)
		require.Equal(t, uint64(4), root.Struct().Uint64(8))
		p, err := root.Struct().Ptr(0)
		require.NoError(t, err)
		require.Equal(t, "hello", p.Text())
	})
}

func TestFramesOneAfterAnother(t *testing.T) {
	var b capn.Builder
	var out []byte
	for range 3 {
		b.InitFramed(out)
		sample(&b)
		out = b.Frame()
	}
	for range 3 {
		size, need, err := capn.FrameSize(out, 0, 0)
		require.NoError(t, err)
		require.Zero(t, need)
		var m capn.Message
		require.NoError(t, m.Parse(out[:size], nil))
		root, err := m.Root()
		require.NoError(t, err)
		checkSample(t, root)
		out = out[size:]
	}
	require.Empty(t, out)
}
