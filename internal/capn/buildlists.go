package capn

import "encoding/binary"

// ListB designates a list of the message being built, whose elements are zero
// until set. It stays valid while the message grows.
type ListB struct {
	b     *Builder
	off   int // of the first element
	n     int
	words uint16 // of an element, for lists of structs
	ptrs  uint16
	code  uint8
}

// list makes a list other than one of structs.
func (b *Builder) list(slot Slot, code uint8, n int) ListB {
	if n < 0 {
		panic("capn: negative list length")
	}
	if n > maxListLen {
		b.err = ErrTooBig
		return ListB{b: b}
	}
	var words int
	switch code {
	case listVoid:
	case listBit:
		words = (n + 63) / 64
	case listPtr:
		words = n
	default:
		words = int((int64(n)*int64(elemBytes[code]) + 7) / wordBytes)
	}
	at, ok := b.alloc(words)
	if !ok {
		return ListB{b: b}
	}
	b.link(slot, at, ptrList|uint64(code)<<32|uint64(n)<<35)
	l := ListB{b: b, off: at, n: n, code: code}
	if code == listPtr {
		l.ptrs = 1
	}
	return l
}

// CompositeList points slot at a new list of n structs.
func (b *Builder) CompositeList(slot Slot, n, dataWords, ptrs int) ListB {
	if uint(dataWords) > 0xffff || uint(ptrs) > 0xffff || n < 0 {
		panic("capn: struct size out of range")
	}
	words := int64(n) * int64(dataWords+ptrs)
	if n > maxListLen || words > maxSegmentBytes/wordBytes-1 {
		b.err = ErrTooBig
		return ListB{b: b}
	}
	at, ok := b.alloc(1 + int(words))
	if !ok {
		return ListB{b: b}
	}
	b.link(slot, at, ptrList|listComposite<<32|uint64(words)<<35)
	b.put(at, uint64(n)<<2|structWord(dataWords, ptrs))
	return ListB{b: b, off: at + wordBytes, n: n, words: uint16(dataWords), ptrs: uint16(ptrs), code: listComposite}
}

// PtrList points slot at a new list of n pointers, see [ListB.Slot].
func (b *Builder) PtrList(slot Slot, n int) ListB { return b.list(slot, listPtr, n) }

// VoidList points slot at a new list of n elements without size.
func (b *Builder) VoidList(slot Slot, n int) ListB { return b.list(slot, listVoid, n) }

// BitList points slot at a new list of n booleans, see [ListB.SetBit].
func (b *Builder) BitList(slot Slot, n int) ListB { return b.list(slot, listBit, n) }

// U16List points slot at a new list of n 16-bit numbers, see [ListB.SetU16].
func (b *Builder) U16List(slot Slot, n int) ListB { return b.list(slot, list2, n) }

// U32List points slot at a new list of n 32-bit numbers, see [ListB.SetU32].
func (b *Builder) U32List(slot Slot, n int) ListB { return b.list(slot, list4, n) }

// U64List points slot at a new list of n 64-bit numbers, see [ListB.SetU64].
func (b *Builder) U64List(slot Slot, n int) ListB { return b.list(slot, list8, n) }

// Len returns the number of elements.
func (l ListB) Len() int { return l.n }

// At returns the i-th element of a list of structs.
func (l ListB) At(i int) StructB {
	if !l.check(i, listComposite) {
		return StructB{b: l.b}
	}
	return StructB{b: l.b, off: l.off + i*(int(l.words)+int(l.ptrs))*wordBytes, words: l.words, ptrs: l.ptrs}
}

// Slot is the place of the i-th element of a list of pointers.
func (l ListB) Slot(i int) Slot {
	if !l.check(i, listPtr) {
		return Slot(l.b.start)
	}
	return Slot(l.off + i*wordBytes)
}

// SetBit sets the i-th element of a list of booleans.
func (l ListB) SetBit(i int, v bool) {
	if !l.check(i, listBit) {
		return
	}
	if p := &l.b.buf[l.off+i>>3]; v {
		*p |= 1 << (i & 7)
	} else {
		*p &^= 1 << (i & 7)
	}
}

// SetU16 sets the i-th element of a list of 16-bit numbers.
func (l ListB) SetU16(i int, v uint16) {
	if l.check(i, list2) {
		binary.LittleEndian.PutUint16(l.b.buf[l.off+2*i:], v)
	}
}

// SetU32 sets the i-th element of a list of 32-bit numbers.
func (l ListB) SetU32(i int, v uint32) {
	if l.check(i, list4) {
		binary.LittleEndian.PutUint32(l.b.buf[l.off+4*i:], v)
	}
}

// SetU64 sets the i-th element of a list of 64-bit numbers.
func (l ListB) SetU64(i int, v uint64) {
	if l.check(i, list8) {
		binary.LittleEndian.PutUint64(l.b.buf[l.off+8*i:], v)
	}
}

// check panics unless l is a list of that size code with an element i. It
// returns false for a list that could not be made, see [Builder.Err].
func (l ListB) check(i int, code uint8) bool {
	if l.off == 0 && l.b != nil && l.b.err != nil {
		return false
	}
	if uint(i) >= uint(l.n) || l.code != code {
		panic("capn: no such element in the list being built")
	}
	return true
}
