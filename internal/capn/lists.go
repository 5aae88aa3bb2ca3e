package capn

import "encoding/binary"

// Len returns the number of elements of a list (for a text, with its final
// zero byte); 0 if p is not a list. It is bounded by the message's budget.
func (p Ptr) Len() int {
	if p.kind() != kindList {
		return 0
	}
	return int(p.n())
}

// Elem returns the i-th element of a list as a struct. Elements of a list of
// numbers or pointers are read as structs of that one field, as the encoding
// allows for every list but one of bits. Null if there is no such element.
// Being an element is not a pointer, so it does not count towards the depth.
func (p Ptr) Elem(i int) Ptr {
	if p.kind() != kindList || uint(i) >= uint(p.n()) || p.code() == listBit {
		return Ptr{}
	}
	return makePtr(p.m, p.seg(), p.off()+uint32(int64(i)*p.elemSize()), 0, p.data(), p.ptrs(), kindStruct, 0, p.depth())
}

// ElemPtr resolves the i-th element of a list of pointers, or the first
// pointer of the i-th element of a list of structs. Null if there is none.
// Errors as for [Ptr.Field].
func (p Ptr) ElemPtr(i int) (Ptr, error) {
	if p.kind() != kindList || uint(i) >= uint(p.n()) || p.ptrs() == 0 {
		return Ptr{}, nil
	}
	return p.m.read(p.seg(), p.off()+uint32(int64(i)*p.elemSize())+p.data(), p.depth())
}

// elem returns the first size bytes of the i-th element, or nil.
func (p Ptr) elem(i, size int) []byte {
	if p.kind() != kindList || uint(i) >= uint(p.n()) || int(p.data()) < size {
		return nil
	}
	return p.m.segs[p.seg()][int(int64(p.off())+int64(i)*p.elemSize()):]
}

// BitAt returns the i-th element of a list of booleans.
func (p Ptr) BitAt(i int) bool {
	if p.kind() != kindList || uint(i) >= uint(p.n()) || p.code() != listBit {
		return false
	}
	return p.m.segs[p.seg()][int(p.off())+i>>3]>>(i&7)&1 != 0
}

// U8At returns the i-th element of a list of bytes, or the first byte of the
// i-th element of a list of anything wider; 0 if there is none.
func (p Ptr) U8At(i int) uint8 {
	if s := p.elem(i, 1); s != nil {
		return s[0]
	}
	return 0
}

// U16At returns the i-th element of a list of 16-bit numbers, like U8At.
func (p Ptr) U16At(i int) uint16 {
	if s := p.elem(i, 2); s != nil {
		return binary.LittleEndian.Uint16(s)
	}
	return 0
}

// U32At returns the i-th element of a list of 32-bit numbers, like U8At.
func (p Ptr) U32At(i int) uint32 {
	if s := p.elem(i, 4); s != nil {
		return binary.LittleEndian.Uint32(s)
	}
	return 0
}

// U64At returns the i-th element of a list of 64-bit numbers, like U8At.
func (p Ptr) U64At(i int) uint64 {
	if s := p.elem(i, 8); s != nil {
		return binary.LittleEndian.Uint64(s)
	}
	return 0
}

// Bytes returns the content of a list of bytes (the schema language's Data),
// nil for null. It aliases the message. Error: ErrKind for anything else.
func (p Ptr) Bytes() ([]byte, error) {
	if p.kind() == kindNull {
		return nil, nil
	}
	if p.kind() != kindList || p.code() != list1 {
		return nil, ErrKind
	}
	end := p.off() + p.n()
	return p.m.segs[p.seg()][p.off():end:end], nil
}

// Text returns the content of a Text without its final zero byte, nil for
// null. It aliases the message, and is not checked to be UTF-8. Errors:
// ErrKind, ErrText.
func (p Ptr) Text() ([]byte, error) {
	b, err := p.Bytes()
	if err != nil || p.kind() == kindNull {
		return nil, err
	}
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil, ErrText
	}
	return b[: len(b)-1 : len(b)-1], nil
}
