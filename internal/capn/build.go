package capn

import (
	"encoding/binary"
	"slices"
)

// Builder writes one segment, append-only, into a buffer of the caller: the
// root pointer in its first word, then every object in the order in which it
// was made. The zero value needs Init or InitFramed before use; a Builder may
// be used for any number of messages.
//
// What cannot be represented (a list of more than 2^29-1 elements, a segment
// of 2 GiB) leaves a null pointer and is told by [Builder.Err]. Offsets and
// indexes outside of an object that the caller itself made panic, as an index
// outside of a slice does: they are constants of the program, never input.
type Builder struct {
	buf    []byte
	start  int // where the segment begins in buf
	framed bool
	err    error
	max    int // length of buf at which Copy gives up; 0: none
}

// Slot designates a pointer word of the message being built: the place where
// the pointer to a new object goes. Slots come from [Builder.RootSlot],
// [StructB.Slot] and [ListB.Slot].
type Slot int

// StructB designates a struct of the message being built, whose fields are
// zero until set. It stays valid while the message grows.
type StructB struct {
	b     *Builder
	off   int
	words uint16
	ptrs  uint16
}

// maxListLen is the largest number of elements of a list, and of words in a
// list of structs (29 bits of the list pointer).
const maxListLen = 1<<29 - 1

// Init begins a segment behind the len(buf) bytes already in buf; to use a
// buffer again, give buf[:0]. The Builder owns buf until the message is done.
func (b *Builder) Init(buf []byte) {
	b.buf, b.start, b.framed, b.err = buf, len(buf), false, nil
	b.alloc(1)
}

// InitFramed is Init for a message with a segment table in front, to be
// completed by [Builder.Frame].
func (b *Builder) InitFramed(buf []byte) {
	b.buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 0)
	b.start, b.framed, b.err = len(b.buf), true, nil
	b.alloc(1)
}

// Frame completes the segment table of a message begun with InitFramed. It
// returns the whole buffer: what was in it at InitFramed, and the new frame
// behind that, in the manner of append. To take several frames, check Err of each.
func (b *Builder) Frame() []byte {
	if b.framed {
		binary.LittleEndian.PutUint32(b.buf[b.start-4:], uint32((len(b.buf)-b.start)/wordBytes))
	}
	return b.buf
}

// AppendFrameHeader appends to dst the segment table of a message whose one
// segment is flatBytes long.
func AppendFrameHeader(dst []byte, flatBytes int) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(flatBytes/wordBytes)<<32)
}

// Bytes returns the segment as built so far, root pointer first. It aliases
// the Builder's buffer.
func (b *Builder) Bytes() []byte { return b.buf[b.start:] }

// Buffer returns the whole buffer, with what stood before the segment: the one
// to give to Init again.
func (b *Builder) Buffer() []byte { return b.buf }

// Size returns the size in bytes of the segment as built so far.
func (b *Builder) Size() int { return len(b.buf) - b.start }

// Err returns ErrTooBig if something could not be represented, else nil.
func (b *Builder) Err() error { return b.err }

// alloc appends words of zeros and returns their offset in buf, or false and
// sets err if the segment would get too big.
func (b *Builder) alloc(words int) (at int, ok bool) {
	at = len(b.buf)
	if words > (maxSegmentBytes-(at-b.start))/wordBytes {
		b.err = ErrTooBig
		return 0, false
	}
	n := words * wordBytes
	if cap(b.buf)-at < n {
		b.buf = slices.Grow(b.buf, n)
	}
	b.buf = b.buf[:at+n]
	clear(b.buf[at:])
	return at, true
}

// put writes a word at offset at of buf.
func (b *Builder) put(at int, w uint64) { binary.LittleEndian.PutUint64(b.buf[at:], w) }

// link writes into slot a pointer with the upper bits of w to the object at
// offset at of buf.
func (b *Builder) link(slot Slot, at int, w uint64) {
	words := (at - int(slot) - wordBytes) / wordBytes
	b.put(int(slot), w|uint64(uint32(words)<<2))
}

// RootSlot is the place of the root pointer.
func (b *Builder) RootSlot() Slot { return Slot(b.start) }

// Root makes the root a new struct.
func (b *Builder) Root(dataWords, ptrs int) StructB {
	return b.Struct(Slot(b.start), dataWords, ptrs)
}

// Struct makes a new struct and points slot at it. Both sizes are at most
// 65535; the schema compiler prints them for each type.
func (b *Builder) Struct(slot Slot, dataWords, ptrs int) StructB {
	if uint(dataWords) > 0xffff || uint(ptrs) > 0xffff {
		panic("capn: struct size out of range")
	}
	at, ok := b.alloc(dataWords + ptrs)
	if !ok {
		return StructB{b: b}
	}
	if dataWords+ptrs == 0 {
		b.put(int(slot), emptyStruct)
	} else {
		b.link(slot, at, structWord(dataWords, ptrs))
	}
	return StructB{b: b, off: at, words: uint16(dataWords), ptrs: uint16(ptrs)}
}

// emptyStruct points at a struct without fields: at itself, so that it is not null.
const emptyStruct = 0xfffffffc

// structWord is the pointer to a struct but for its offset.
func structWord(dataWords, ptrs int) uint64 {
	return uint64(dataWords)<<32 | uint64(ptrs)<<48
}

// SetNull makes slot null.
func (b *Builder) SetNull(slot Slot) { b.put(int(slot), 0) }

// SetCap makes slot the capability at index of the message's table.
func (b *Builder) SetCap(slot Slot, index uint32) {
	b.put(int(slot), ptrOther|uint64(index)<<32)
}

// Text points slot at a copy of s with a final zero byte.
func (b *Builder) Text(slot Slot, s string) {
	if at, ok := b.byteList(slot, len(s), 1); ok {
		copy(b.buf[at:], s)
	}
}

// TextBytes is Text for a text in a byte slice.
func (b *Builder) TextBytes(slot Slot, s []byte) {
	if at, ok := b.byteList(slot, len(s), 1); ok {
		copy(b.buf[at:], s)
	}
}

// Data points slot at a copy of p.
func (b *Builder) Data(slot Slot, p []byte) {
	if at, ok := b.byteList(slot, len(p), 0); ok {
		copy(b.buf[at:], p)
	}
}

// byteList makes a list of n bytes and extra zero bytes.
func (b *Builder) byteList(slot Slot, n, extra int) (at int, ok bool) {
	if n > maxListLen-extra {
		b.err = ErrTooBig
		return 0, false
	}
	n += extra
	if at, ok = b.alloc((n + 7) / wordBytes); ok {
		b.link(slot, at, ptrList|list1<<32|uint64(n)<<35)
	}
	return at, ok
}

// IsZero reports whether s is the zero StructB, or one whose making failed.
func (s StructB) IsZero() bool { return s.off == 0 }

// data returns the size bytes at offset off of the data section.
func (s StructB) data(off, size int) []byte {
	if off < 0 || off > int(s.words)*wordBytes-size {
		if s.off == 0 && s.b != nil && s.b.err != nil {
			return s.b.scratch() // the message is already lost, see Err
		}
		panic("capn: field outside of the struct being built")
	}
	return s.b.buf[s.off+off:]
}

// scratch takes what is written to objects that could not be made.
func (b *Builder) scratch() []byte { return make([]byte, wordBytes) }

// SetBit sets a bit of the data section, counted from 0.
func (s StructB) SetBit(bit int, v bool) {
	p := s.data(bit>>3, 1)
	if v {
		p[0] |= 1 << (bit & 7)
	} else {
		p[0] &^= 1 << (bit & 7)
	}
}

// SetU8 sets the byte at offset off of the data section.
func (s StructB) SetU8(off int, v uint8) { s.data(off, 1)[0] = v }

// SetU16 sets the two bytes at offset off of the data section.
func (s StructB) SetU16(off int, v uint16) { binary.LittleEndian.PutUint16(s.data(off, 2), v) }

// SetU32 sets the four bytes at offset off of the data section.
func (s StructB) SetU32(off int, v uint32) { binary.LittleEndian.PutUint32(s.data(off, 4), v) }

// SetU64 sets the eight bytes at offset off of the data section.
func (s StructB) SetU64(off int, v uint64) { binary.LittleEndian.PutUint64(s.data(off, 8), v) }

// Slot is the place of the i-th pointer of the struct.
func (s StructB) Slot(i int) Slot {
	if uint(i) >= uint(s.ptrs) {
		if s.off == 0 && s.b != nil && s.b.err != nil {
			return Slot(s.b.start) // the message is already lost, see Err
		}
		panic("capn: pointer outside of the struct being built")
	}
	return Slot(s.off + (int(s.words)+i)*wordBytes)
}
