package capn_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	stock "capnproto.org/go/capnp/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vatnet/vatnet/internal/capn"
)

// dump writes all that can be reached from p, for comparison with dumpStock.
func dump(w *strings.Builder, p capn.Ptr) error {
	switch {
	case p.IsNull():
		w.WriteString("null")
	case p.IsCap():
		fmt.Fprintf(w, "cap%d", p.Cap())
	case p.IsStruct():
		w.WriteByte('{')
		for i := range p.DataBytes() {
			fmt.Fprintf(w, "%02x", p.U8(i))
		}
		for i := range p.Ptrs() {
			w.WriteByte(' ')
			f, err := p.Field(i)
			if err == nil {
				err = dump(w, f)
			}
			if err != nil {
				return err
			}
		}
		w.WriteByte('}')
	default:
		w.WriteByte('[')
		for i := range p.Len() {
			if e := p.Elem(i); e.IsNull() {
				fmt.Fprintf(w, "%t", p.BitAt(i))
			} else if err := dump(w, e); err != nil {
				return err
			}
		}
		w.WriteByte(']')
	}
	return nil
}

// dumpStock is dump by the stock library, the oracle.
func dumpStock(w *strings.Builder, p stock.Ptr) error {
	switch {
	case !p.IsValid():
		w.WriteString("null")
	case p.Interface().IsValid():
		fmt.Fprintf(w, "cap%d", p.Interface().Capability())
	case p.Struct().IsValid():
		s := p.Struct()
		w.WriteByte('{')
		for i := range int(s.Size().DataSize) {
			fmt.Fprintf(w, "%02x", s.Uint8(stock.DataOffset(i)))
		}
		for i := range s.Size().PointerCount {
			w.WriteByte(' ')
			f, err := s.Ptr(i)
			if err == nil {
				err = dumpStock(w, f)
			}
			if err != nil {
				return err
			}
		}
		w.WriteByte('}')
	default:
		l := p.List()
		w.WriteByte('[')
		for i := range l.Len() {
			if e := l.Struct(i); !e.IsValid() {
				fmt.Fprintf(w, "%t", stock.BitList(l).At(i))
			} else if err := dumpStock(w, e.ToPtr()); err != nil {
				return err
			}
		}
		w.WriteByte(']')
	}
	return nil
}

func stockDump(frame []byte) (string, error) {
	msg, err := stock.Unmarshal(frame)
	if err != nil {
		return "", err
	}
	msg.TraverseLimit = 1 << 40
	p, err := msg.Root()
	if err != nil {
		return "", err
	}
	var w strings.Builder
	err = dumpStock(&w, p)
	return w.String(), err
}

// scatter writes a message over several segments, with far and double-far
// pointers wherever the draw wants them, as no encoder of ours would.
type scatter struct {
	t    *rapid.T
	segs [][]byte
}

func (s *scatter) alloc(seg, words int) int {
	at := len(s.segs[seg])
	s.segs[seg] = append(s.segs[seg], make([]byte, words*8)...)
	return at
}

func (s *scatter) put(seg, at int, w uint64) { binary.LittleEndian.PutUint64(s.segs[seg][at:], w) }

// link writes a pointer at (seg, at) to the object at (oseg, oat).
func (s *scatter) link(seg, at, oseg, oat int, w uint64) {
	rel := func(from int) uint64 { return uint64(uint32((oat-from-8)/8) << 2) }
	switch {
	case seg == oseg:
		s.put(seg, at, w|rel(at))
	case rapid.Bool().Draw(s.t, "double"):
		pseg := rapid.IntRange(0, len(s.segs)-1).Draw(s.t, "pad")
		pad := s.alloc(pseg, 2)
		s.put(pseg, pad, 2|uint64(oat)|uint64(oseg)<<32)
		s.put(pseg, pad+8, w)
		s.put(seg, at, 6|uint64(pad)|uint64(pseg)<<32)
	default:
		pad := s.alloc(oseg, 1)
		s.put(oseg, pad, w|rel(pad))
		s.put(seg, at, 2|uint64(pad)|uint64(oseg)<<32)
	}
}

func (s *scatter) fill(seg, at, n int) {
	copy(s.segs[seg][at:], rapid.SliceOfN(rapid.Byte(), n, n).Draw(s.t, "data"))
}

// object writes a random object and a pointer to it at (seg, at).
func (s *scatter) object(seg, at, depth int) {
	oseg := rapid.IntRange(0, len(s.segs)-1).Draw(s.t, "seg")
	top := 4
	if depth <= 0 {
		top = 2
	}
	switch rapid.IntRange(0, top).Draw(s.t, "kind") {
	case 0: // null
	case 1:
		s.put(seg, at, 3|uint64(rapid.Uint32().Draw(s.t, "cap"))<<32)
	case 2: // list of void, bits, or numbers
		code := rapid.IntRange(0, 5).Draw(s.t, "code")
		n := rapid.IntRange(0, 20).Draw(s.t, "n")
		bytes := (n*[]int{0, 1, 8, 16, 32, 64}[code] + 7) / 8
		oat := s.alloc(oseg, (bytes+7)/8)
		s.fill(oseg, oat, bytes)
		s.link(seg, at, oseg, oat, 1|uint64(code)<<32|uint64(n)<<35)
	case 3: // struct, or list of pointers
		d, n := rapid.IntRange(0, 2).Draw(s.t, "words"), rapid.IntRange(0, 3).Draw(s.t, "ptrs")
		w := uint64(d)<<32 | uint64(n)<<48
		if rapid.Bool().Draw(s.t, "list") {
			d, w = 0, 1|6<<32|uint64(n)<<35
		}
		oat := s.alloc(oseg, d+n)
		s.fill(oseg, oat, d*8)
		if w == 0 {
			s.put(seg, at, 0xfffffffc)
		} else {
			s.link(seg, at, oseg, oat, w)
		}
		for i := range n {
			s.object(oseg, oat+(d+i)*8, depth-1)
		}
	case 4: // list of structs
		n, d, p := rapid.IntRange(0, 3).Draw(s.t, "n"), rapid.IntRange(0, 2).Draw(s.t, "words"), rapid.IntRange(0, 2).Draw(s.t, "ptrs")
		oat := s.alloc(oseg, 1+n*(d+p))
		s.put(oseg, oat, uint64(n)<<2|uint64(d)<<32|uint64(p)<<48)
		s.link(seg, at, oseg, oat, 1|7<<32|uint64(n*(d+p))<<35)
		for i := range n {
			e := oat + 8 + i*(d+p)*8
			s.fill(oseg, e, d*8)
			for j := range p {
				s.object(oseg, e+(d+j)*8, depth-1)
			}
		}
	}
}

func (s *scatter) frame() []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(s.segs)-1))
	for _, seg := range s.segs {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(seg)/8))
	}
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	for _, seg := range s.segs {
		out = append(out, seg...)
	}
	return out
}

// Whatever the stock library reads, we read the same, also after a copy.
func TestReadsWhatStockReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &scatter{t: t, segs: make([][]byte, rapid.IntRange(1, 6).Draw(t, "segments"))}
		s.alloc(0, 1)
		s.object(0, 0, 4)
		frame := s.frame()
		want, err := stockDump(frame)
		require.NoError(t, err)

		size, need, err := capn.FrameSize(frame, 0, 0)
		require.NoError(t, err)
		require.Zero(t, need)
		require.Equal(t, len(frame), size)
		var m capn.Message
		require.NoError(t, m.Parse(frame, nil))
		root, err := m.Root()
		require.NoError(t, err)
		var got strings.Builder
		require.NoError(t, dump(&got, root))
		require.Equal(t, want, got.String())

		// A copy, framed, is the same for both readers.
		require.NoError(t, m.Parse(frame, nil))
		root, err = m.Root()
		require.NoError(t, err)
		var b capn.Builder
		b.InitFramed(nil)
		require.NoError(t, b.Copy(b.RootSlot(), root))
		copied := b.Frame()
		again, err := stockDump(copied)
		require.NoError(t, err)
		require.Equal(t, want, again)

		// So is the copy embedded in another message.
		var outer capn.Builder
		outer.Init(nil)
		o := outer.Root(1, 2)
		require.NoError(t, outer.Embed(o.Slot(1), b.Bytes()))
		p := parseFlat(t, outer.Bytes())
		p, err = p.Field(1)
		require.NoError(t, err)
		got.Reset()
		require.NoError(t, dump(&got, p))
		require.Equal(t, want, got.String())
	})
}

// FuzzMessage: no input panics or costs more than its budget, and what we
// accept the stock library accepts too and reads the same.
func FuzzMessage(f *testing.F) {
	var b capn.Builder
	b.InitFramed(nil)
	sample(&b)
	f.Add(append([]byte(nil), b.Frame()...))
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\xf8\xff\xff\xff"))                                                                 // a list of void, 2^29-1 long
	f.Add([]byte("\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00")) // far to far
	f.Add([]byte("\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\xf8\xff\xff\xff\x00\x00\x01\x00"))                                 // a struct that contains itself
	f.Fuzz(func(t *testing.T, frame []byte) {
		// The stock library counts an element of a list as one more level.
		lim := &capn.Limits{Depth: 32}
		var m capn.Message
		if m.Parse(frame, lim) != nil {
			return
		}
		root, err := m.Root()
		if err != nil {
			return
		}
		var got strings.Builder
		if dump(&got, root) == nil {
			want, err := stockDump(frame)
			require.NoError(t, err)
			require.Equal(t, want, got.String())
		}
		require.NoError(t, m.Parse(frame, lim))
		root, err = m.Root()
		require.NoError(t, err)
		flat, err := capn.Flatten(nil, root)
		require.LessOrEqual(t, len(flat), 8*len(frame)+8*64+16, "a copy is bounded by the budget")
		if err != nil {
			return
		}
		require.NoError(t, m.Parse(frame, lim))
		root, err = m.Root()
		require.NoError(t, err)
		once, err := capn.FlattenOnce(nil, root)
		if err != nil {
			require.Greater(t, len(flat), 2*len(frame), "only sharing makes a copy so large")
			once = flat
		}
		require.Equal(t, len(flat), len(once))
		for _, flat := range [][]byte{flat, once} {
			var again strings.Builder
			require.NoError(t, m.ParseFlat(flat, &capn.Limits{Traversal: 1 << 30}))
			root, err = m.Root()
			require.NoError(t, err)
			require.NoError(t, dump(&again, root))
			if got.Len() > 0 {
				require.Equal(t, got.String(), again.String())
			}
		}
	})
}
