package capn

import "encoding/binary"

// Copy makes a deep copy of what p designates and points slot at it. p may be
// of any message; every pointer that is followed is charged to that message's
// budget and depth, so the copy is bounded whatever the message says.
// Capabilities keep their indexes: they are meant for the table of the
// original. Errors: those of [Ptr.Field], and ErrTooBig; after an error what
// was built so far must be thrown away.
func (b *Builder) Copy(slot Slot, p Ptr) error {
	if b.max > 0 && len(b.buf) > b.max {
		return ErrTraversal
	}
	switch p.kind() {
	case kindNull:
		b.SetNull(slot)
		return nil
	case kindCap:
		b.SetCap(slot, p.n())
		return nil
	case kindStruct:
		// A struct read from a list of numbers may have less than a word.
		dst := b.Struct(slot, int(p.data()+7)/wordBytes, int(p.ptrs()))
		if b.err != nil {
			return b.err
		}
		return b.copyStruct(dst, p)
	}
	if p.code() == listComposite {
		return b.copyComposite(slot, p)
	}
	dst := b.list(slot, p.code(), int(p.n()))
	if b.err != nil {
		return b.err
	}
	switch p.code() {
	case listPtr:
		for i := range int(p.n()) {
			if err := b.copyPtr(dst.Slot(i), p, p.off()+uint32(i)*wordBytes); err != nil {
				return err
			}
		}
	case listBit:
		copy(b.buf[dst.off:], p.m.segs[p.seg()][p.off():p.off()+(p.n()+7)/8])
	default:
		copy(b.buf[dst.off:], p.m.segs[p.seg()][p.off():p.off()+p.n()*p.data()])
	}
	return nil
}

// copyComposite copies a list of structs.
func (b *Builder) copyComposite(slot Slot, p Ptr) error {
	dst := b.CompositeList(slot, int(p.n()), int(p.data())/wordBytes, int(p.ptrs()))
	if b.err != nil {
		return b.err
	}
	if p.ptrs() == 0 {
		copy(b.buf[dst.off:], p.m.segs[p.seg()][p.off():int64(p.off())+int64(p.n())*int64(p.data())])
		return nil
	}
	for i := range int(p.n()) {
		if err := b.copyStruct(dst.At(i), p.Elem(i)); err != nil {
			return err
		}
	}
	return nil
}

// copyStruct fills dst, which has p's size, from the struct p.
func (b *Builder) copyStruct(dst StructB, p Ptr) error {
	copy(b.buf[dst.off:], p.m.segs[p.seg()][p.off():p.off()+p.data()])
	for i := range int(p.ptrs()) {
		if err := b.copyPtr(dst.Slot(i), p, p.off()+p.data()+uint32(i)*wordBytes); err != nil {
			return err
		}
	}
	return nil
}

// copyPtr copies what the pointer word at offset off in p's segment designates.
func (b *Builder) copyPtr(slot Slot, p Ptr, off uint32) error {
	q, err := p.m.read(p.seg(), off, p.depth())
	if err != nil || q.kind() == kindNull {
		return err
	}
	return b.Copy(slot, q)
}

// Flatten makes a deep copy of what p designates as the root of a flat
// segment, in dst[:0], which grows as needed. Errors as for [Builder.Copy].
func Flatten(dst []byte, p Ptr) ([]byte, error) {
	var b Builder
	b.Init(dst[:0])
	err := b.Copy(b.RootSlot(), p)
	return b.Bytes(), err
}

// CopyOnce is Copy for what comes from a stranger: it also fails, with ErrTraversal,
// when the copy becomes twice as large as the whole message that p belongs to, as it
// does if many pointers share what they lead to. No message that was built in the
// usual way has such pointers.
func (b *Builder) CopyOnce(slot Slot, p Ptr) error {
	b.max = len(b.buf) + 2*p.MessageBytes() + 512
	err := b.Copy(slot, p)
	b.max = 0
	return err
}

// FlattenOnce is Flatten with CopyOnce.
func FlattenOnce(dst []byte, p Ptr) ([]byte, error) {
	if flat, ok := flattenTight(dst, p); ok {
		return flat, nil
	}
	var b Builder
	b.Init(dst[:0])
	err := b.CopyOnce(b.RootSlot(), p)
	return b.Bytes(), err
}

// Embed puts a finished flat segment, root pointer first, inside the message
// being built, and points slot at its root. Its bytes are copied as they are:
// flat has to be one that [Builder.Bytes] or [Flatten] made. Capabilities keep
// their indexes. Errors: ErrTruncated, ErrBounds, ErrPointer (the root is a
// far pointer), ErrTooBig.
func (b *Builder) Embed(slot Slot, flat []byte) error {
	if len(flat) < wordBytes || len(flat)%wordBytes != 0 {
		return ErrTruncated
	}
	root := binary.LittleEndian.Uint64(flat)
	switch {
	case root == 0, root&3 == ptrOther && uint32(root) == ptrOther, root == emptyStruct:
		b.put(int(slot), root)
		return nil
	case root&3 > ptrList:
		return ErrPointer
	}
	words := len(flat)/wordBytes - 1
	off := int(int32(root) >> 2)
	if off < 0 || off > words {
		return ErrBounds
	}
	at, ok := b.alloc(words)
	if !ok {
		return b.err
	}
	copy(b.buf[at:], flat[wordBytes:])
	b.link(slot, at+off*wordBytes, root&^0xfffffffc)
	return nil
}
