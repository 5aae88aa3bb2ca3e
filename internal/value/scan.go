package value

import (
	"reflect"

	"github.com/vatnet/vatnet/internal/capn"
)

// WantsPlain reports whether a value of type t must be plain data: a promise
// that is given for it has to be waited for. It is false for references,
// promises, and `any`, which take a promise as it is.
func (c *Codec) WantsPlain(t reflect.Type) bool {
	return orPlain(c).plan(t).wantsPlain()
}

// ScanPromises visits every reference in the Value p, p itself included, that
// stands where type t wants plain data, with the type wanted there: those for which a
// Decoder will ask [DecodeHooks.Settled]. What does not fit t is passed over, Decode will say so.
// It spends the message's budget as decoding does; a caller whose message came with
// no capabilities has no reason to call it. Errors are those of a malformed message.
func (c *Codec) ScanPromises(p capn.Ptr, t reflect.Type, visit func(index uint32, want reflect.Type)) error {
	s := scan{visit: visit}
	if err := s.value(orPlain(c).plan(t), p, 0); err != nil {
		return receiveAt(err, "")
	}
	return nil
}

type scan struct {
	visit func(index uint32, want reflect.Type)
}

func (s *scan) value(pl *plan, p capn.Ptr, depth int) error {
	if !pl.wantsPlain() {
		return nil
	}
	if i, _, ok := RefOf(p); ok {
		s.visit(i, pl.typ)
		return nil
	}
	if depth > MaxDepth {
		return errDepth
	}
	switch k := KindOf(p); pl.shape {
	case shapePointer:
		return s.value(pl.elem, p, depth)
	case shapeList:
		if k == List {
			return s.list(pl.elem, p, depth+1)
		} else if k == Records {
			return s.fields(pl.elem, p, depth+2)
		}
	case shapeMap:
		if k == Map {
			return s.entries(pl, p, depth+1)
		} else if k == RecordKind {
			return s.fields(pl, p, depth+1)
		}
	case shapeStruct:
		if k == RecordKind {
			return s.fields(pl, p, depth+1)
		}
	}
	return nil
}

func (s *scan) list(elem *plan, p capn.Ptr, depth int) error {
	l, err := content(p)
	if err == nil {
		l, err = valueList(l)
	}
	for i := 0; i < l.Len() && err == nil; i++ {
		err = s.value(elem, l.Elem(i), depth)
	}
	return err
}

func (s *scan) entries(pl *plan, p capn.Ptr, depth int) error {
	l, err := content(p)
	if err == nil {
		l, err = valueList(l)
	}
	for i := 0; i < l.Len() && err == nil; i++ {
		for j, part := range [2]*plan{pl.key, pl.elem} {
			var q capn.Ptr
			if q, err = l.Elem(i).Field(j); err == nil {
				err = s.value(part, q, depth)
			}
			if err != nil {
				return err
			}
		}
	}
	return err
}

// fields scans the values of a record or of records, each for the field of its name.
func (s *scan) fields(pl *plan, p capn.Ptr, depth int) error {
	for pl.shape == shapePointer {
		pl = pl.elem
	}
	names, values, err := recordParts(p)
	if err != nil {
		return err
	}
	k := names.Len()
	for at := 0; at < k; at++ {
		elem := pl.elem
		if pl.shape == shapeStruct {
			b, err := name(names, at)
			if err != nil {
				return err
			}
			f := pl.fields.find(b, at)
			if f < 0 {
				continue
			}
			elem = pl.fields.list[f].plan
		} else if pl.shape != shapeMap {
			return nil
		}
		for i := at; i < values.Len(); i += k {
			if err := s.value(elem, values.Elem(i), depth); err != nil {
				return err
			}
		}
	}
	return nil
}
