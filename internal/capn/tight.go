package capn

import "encoding/binary"

// Most messages were built in the order in which Copy writes: each object stands right behind the one before it. What is
// tight in this sense is copied in one piece, pointers and all, for these are relative.

// tight returns the end of what p designates in its segment, or false if that is anything but one piece that begins at
// the offset at, in the order in which Copy would write it. It charges the budget as Copy does.
func (p Ptr) tight(at uint32) (end uint32, ok bool) {
	if p.off() != at || p.data()%wordBytes != 0 && p.kind() == kindStruct {
		return 0, false
	}
	switch {
	case p.kind() == kindStruct:
		slots := at + p.data()
		return p.tightSlots(slots, int(p.ptrs()), slots+uint32(p.ptrs())*wordBytes)
	case p.code() == listComposite:
		each := uint32(p.elemSize())
		end = at + p.n()*each
		for i := uint32(0); i < p.n() && p.ptrs() > 0; i++ {
			if end, ok = p.tightSlots(at+i*each+p.data(), int(p.ptrs()), end); !ok {
				return 0, false
			}
		}
		return end, true
	case p.code() == listPtr:
		return p.tightSlots(at, int(p.n()), at+p.n()*wordBytes)
	case p.code() == listBit:
		return at + (p.n()+63)/64*wordBytes, true
	default:
		return at + (p.n()*p.data()+wordBytes-1)/wordBytes*wordBytes, true
	}
}

// tightSlots goes on from the offset end with what the n pointer words at slot designate.
func (p Ptr) tightSlots(slot uint32, n int, end uint32) (_ uint32, ok bool) {
	s := p.m.segs[p.seg()]
	for ; n > 0; n-- {
		w := binary.LittleEndian.Uint64(s[slot:])
		slot += wordBytes
		switch {
		case w == 0, w&3 == ptrOther && uint32(w) == ptrOther:
			continue
		case w&3 > ptrList:
			return 0, false // far, or nothing that there is
		}
		q, err := p.m.read(p.seg(), slot-wordBytes, p.depth())
		if err != nil {
			return 0, false
		}
		at := end
		if w&3 == ptrList && q.code() == listComposite {
			// Words behind the elements, which the pointer counts, are not copied.
			if at += wordBytes; int64(w>>35) != int64(q.n())*q.elemSize()/wordBytes {
				return 0, false
			}
		}
		if end, ok = q.tight(at); !ok {
			return 0, false
		}
	}
	return end, true
}

// flattenTight is FlattenOnce for a struct that is tight.
func flattenTight(dst []byte, p Ptr) (flat []byte, ok bool) {
	if p.kind() != kindStruct || p.elemSize() == 0 {
		return nil, false
	}
	budget := p.m.budget
	end, ok := p.tight(p.off())
	if s := p.m.segs[p.seg()]; ok && int(end) <= len(s) {
		dst = binary.LittleEndian.AppendUint64(dst[:0], structWord(int(p.data())/wordBytes, int(p.ptrs())))
		return append(dst, s[p.off():end]...), true
	}
	p.m.budget = budget // it is to be copied piece by piece
	return nil, false
}
