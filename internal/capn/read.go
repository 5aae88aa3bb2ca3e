package capn

import "encoding/binary"

// kind is what a Ptr designates.
type kind uint8

const (
	kindNull kind = iota
	kindStruct
	kindList
	kindCap
)

// The size codes of list pointers (encoding specification, "Lists").
const (
	listVoid = iota
	listBit
	list1
	list2
	list4
	list8
	listPtr
	listComposite
)

// elemBytes is the size of the data of an element by size code.
var elemBytes = [8]uint32{listVoid: 0, listBit: 0, list1: 1, list2: 2, list4: 4, list8: 8}

// The low bits of a pointer word.
const (
	ptrStruct = 0
	ptrList   = 1
	ptrFar    = 2
	ptrOther  = 3
)

// Ptr is a resolved pointer: it designates a struct, a list, a capability, or
// nothing (null, the zero value). It is a small value that aliases its message,
// whose bounds were checked when it was made. Accessors of another kind than
// the Ptr's return zero values. Valid until the message is parsed anew.
type Ptr struct {
	m *Message
	// Packed into four words, which is what the compiler keeps in registers.
	place uint64 // segment, and byte offset of the struct or of the first element
	size  uint64 // number of elements, or index of the capability; bytes of the data section, of the struct or of each element
	shape uint64 // pointers, as for the data section; kind; size code of a list; depth: pointers that may still follow
}

// makePtr packs a Ptr, see the fields of Ptr.
func makePtr(m *Message, seg, off, n, data uint32, ptrs uint16, k kind, code, depth uint8) Ptr {
	return Ptr{m, uint64(seg)<<32 | uint64(off), uint64(n)<<32 | uint64(data),
		uint64(ptrs) | uint64(k)<<16 | uint64(code)<<24 | uint64(depth)<<32}
}

func (p Ptr) seg() uint32  { return uint32(p.place >> 32) }
func (p Ptr) off() uint32  { return uint32(p.place) }
func (p Ptr) n() uint32    { return uint32(p.size >> 32) }
func (p Ptr) data() uint32 { return uint32(p.size) }
func (p Ptr) ptrs() uint16 { return uint16(p.shape) }
func (p Ptr) kind() kind   { return kind(p.shape >> 16) }
func (p Ptr) code() uint8  { return uint8(p.shape >> 24) }
func (p Ptr) depth() uint8 { return uint8(p.shape >> 32) }

// read resolves the pointer word at offset off of segment seg. The caller
// knows that the word is in bounds.
func (m *Message) read(seg, off uint32, depth uint8) (Ptr, error) {
	s := m.segs[seg]
	w := binary.LittleEndian.Uint64(s[off:])
	if w == 0 {
		return Ptr{}, nil
	}
	if depth == 0 {
		return Ptr{}, ErrDepth
	}
	base := int64(off) + wordBytes
	if w&3 == ptrFar {
		var err error
		if seg, base, w, err = m.readFar(w); err != nil || w == 0 {
			return Ptr{}, err
		}
		s = m.segs[seg]
	}
	switch w & 3 {
	case ptrStruct:
		at := base + int64(int32(w)>>2)*wordBytes
		data, ptrs := uint32(w>>32&0xffff)*wordBytes, uint16(w>>48)
		size := int64(data) + int64(ptrs)*wordBytes
		if at < 0 || at+size > int64(len(s)) {
			return Ptr{}, ErrBounds
		}
		if !m.charge(uint64(size / wordBytes)) {
			return Ptr{}, ErrTraversal
		}
		return makePtr(m, seg, uint32(at), 0, data, ptrs, kindStruct, 0, depth-1), nil
	case ptrList:
		return m.readList(seg, base, w, depth)
	case ptrOther:
		if uint32(w) != ptrOther {
			return Ptr{}, ErrPointer
		}
		return makePtr(m, 0, 0, uint32(w>>32), 0, 0, kindCap, 0, 0), nil
	default: // a landing pad that is a far pointer
		return Ptr{}, ErrPointer
	}
}

// readFar follows a far pointer w to its landing pad. It returns the segment of
// the object, the pointer word that describes it, and the offset to which that
// word's own offset is relative.
func (m *Message) readFar(w uint64) (seg uint32, base int64, word uint64, err error) {
	seg = uint32(w >> 32)
	pad := int64(uint32(w) &^ 7)
	if uint64(seg) >= uint64(len(m.segs)) {
		return 0, 0, 0, ErrBounds
	}
	s := m.segs[seg]
	if w&4 == 0 {
		if pad+wordBytes > int64(len(s)) {
			return 0, 0, 0, ErrBounds
		}
		return seg, pad + wordBytes, binary.LittleEndian.Uint64(s[pad:]), nil
	}
	// Double far: the pad is a far pointer to the content, and a tag word that
	// would be the pointer to it.
	if pad+2*wordBytes > int64(len(s)) {
		return 0, 0, 0, ErrBounds
	}
	far := binary.LittleEndian.Uint64(s[pad:])
	tag := binary.LittleEndian.Uint64(s[pad+wordBytes:])
	if far&7 != ptrFar || tag&3 > ptrList || uint32(tag)>>2 != 0 {
		return 0, 0, 0, ErrPointer
	}
	seg = uint32(far >> 32)
	if uint64(seg) >= uint64(len(m.segs)) {
		return 0, 0, 0, ErrBounds
	}
	if tag == 0 {
		// An all-zero tag is an empty struct, not null: keep it apart from that
		// by the offset of minus one that such structs have, past the base.
		return seg, int64(uint32(far)&^7) + wordBytes, 0xfffffffc, nil
	}
	return seg, int64(uint32(far) &^ 7), tag, nil
}

// readList resolves the list pointer w, relative to base in segment seg.
func (m *Message) readList(seg uint32, base int64, w uint64, depth uint8) (Ptr, error) {
	s := m.segs[seg]
	at := base + int64(int32(w)>>2)*wordBytes
	code := uint8(w >> 32 & 7)
	n := int64(w >> 35)
	data, ptrs := elemBytes[code], uint16(0)
	var size int64 // bytes, without a tag
	var words uint64
	switch code {
	case listVoid:
		words = uint64(n)
	case listBit:
		size = (n + 7) / 8
	case listPtr:
		ptrs = 1
		size = n * wordBytes
	case listComposite:
		size = n * wordBytes
		if at < 0 || at+wordBytes+size > int64(len(s)) {
			return Ptr{}, ErrBounds
		}
		tag := binary.LittleEndian.Uint64(s[at:])
		if tag&3 != ptrStruct || int32(tag) < 0 {
			return Ptr{}, ErrPointer
		}
		at += wordBytes
		n = int64(uint32(tag) >> 2)
		data, ptrs = uint32(tag>>32&0xffff)*wordBytes, uint16(tag>>48)
		if n*(int64(data)+int64(ptrs)*wordBytes) > size {
			return Ptr{}, ErrBounds
		}
		words = uint64(n)
	default:
		size = n * int64(data)
	}
	if at < 0 || at+size > int64(len(s)) {
		return Ptr{}, ErrBounds
	}
	// Elements without size cost their reader as much as others: one word each.
	if !m.charge(max(words, uint64(size+7)/wordBytes)) {
		return Ptr{}, ErrTraversal
	}
	return makePtr(m, seg, uint32(at), uint32(n), data, ptrs, kindList, code, depth-1), nil
}

// elemSize is the size in bytes of the struct, or of one element of the list.
func (p Ptr) elemSize() int64 { return int64(p.data()) + int64(p.ptrs())*wordBytes }

// IsNull reports whether p designates nothing.
func (p Ptr) IsNull() bool { return p.kind() == kindNull }

// IsStruct reports whether p is a struct.
func (p Ptr) IsStruct() bool { return p.kind() == kindStruct }

// IsList reports whether p is a list, a text or data.
func (p Ptr) IsList() bool { return p.kind() == kindList }

// IsCap reports whether p is a capability.
func (p Ptr) IsCap() bool { return p.kind() == kindCap }

// Cap returns the index of the capability in the message's table; 0 if p is
// not a capability.
func (p Ptr) Cap() uint32 {
	if p.kind() != kindCap {
		return 0
	}
	return p.n()
}

// Depth returns how many pointers may still be followed from p.
func (p Ptr) Depth() int { return int(p.depth()) }

// MessageBytes returns the size of the whole message that p belongs to, which
// bounds what can be in it; 0 if p is null.
func (p Ptr) MessageBytes() int {
	if p.m == nil {
		return 0
	}
	return p.m.Size()
}

// DataBytes returns the size of the data section of a struct, or of that of
// each element of a list.
func (p Ptr) DataBytes() int { return int(p.data()) }

// Ptrs returns the number of pointers of a struct, or of each element of a list.
func (p Ptr) Ptrs() int { return int(p.ptrs()) }

// section returns the size bytes at offset off of the data section of a
// struct, or nil if they are not all in it.
func (p Ptr) section(off, size int) []byte {
	if p.kind() != kindStruct || off < 0 || off > int(p.data())-size {
		return nil
	}
	return p.m.segs[p.seg()][int(p.off())+off:]
}

// Bool returns a bit of the data section, counted from 0; false if there is none.
func (p Ptr) Bool(bit int) bool {
	if bit < 0 {
		return false
	}
	s := p.section(bit>>3, 1)
	return s != nil && s[0]>>(bit&7)&1 != 0
}

// U8 returns the byte at offset off of the data section; 0 if there is none.
func (p Ptr) U8(off int) uint8 {
	if s := p.section(off, 1); s != nil {
		return s[0]
	}
	return 0
}

// U16 returns the two bytes at offset off of the data section; 0 if there are none.
func (p Ptr) U16(off int) uint16 {
	if s := p.section(off, 2); s != nil {
		return binary.LittleEndian.Uint16(s)
	}
	return 0
}

// U32 returns the four bytes at offset off of the data section; 0 if there are none.
func (p Ptr) U32(off int) uint32 {
	if s := p.section(off, 4); s != nil {
		return binary.LittleEndian.Uint32(s)
	}
	return 0
}

// U64 returns the eight bytes at offset off of the data section; 0 if there are none.
func (p Ptr) U64(off int) uint64 {
	if s := p.section(off, 8); s != nil {
		return binary.LittleEndian.Uint64(s)
	}
	return 0
}

// Field resolves the i-th pointer of a struct, counted from 0. A pointer that
// is not there is null. Each call is charged to the message's budget. Errors:
// ErrBounds, ErrPointer, ErrDepth, ErrTraversal.
func (p Ptr) Field(i int) (Ptr, error) {
	if p.kind() != kindStruct || uint(i) >= uint(p.ptrs()) {
		return Ptr{}, nil
	}
	return p.m.read(p.seg(), p.off()+p.data()+uint32(i)*wordBytes, p.depth())
}
