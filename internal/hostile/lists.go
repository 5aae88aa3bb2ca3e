package hostile

import (
	"fmt"
	"math"
	"strconv"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/schema"
)

// setList sets a list of structs, texts or numbers of eight bytes.
func setList(s capnp.Struct, i uint16, t schema.Type, v node) error {
	if !t.IsValid() || t.Which() != schema.Type_Which_list {
		return fmt.Errorf("a list where there is none")
	}
	elem, err := t.List().ElementType()
	if err != nil {
		return err
	}
	n := int32(len(v.elems))
	switch elem.Which() {
	case schema.Type_Which_text:
		l, err := capnp.NewTextList(s.Segment(), n)
		if err != nil {
			return err
		}
		for k, e := range v.elems {
			if err := l.Set(k, e.text); err != nil {
				return err
			}
		}
		return s.SetPtr(i, l.ToPtr())
	case schema.Type_Which_int64:
		l, err := capnp.NewInt64List(s.Segment(), n)
		if err != nil {
			return err
		}
		for k, e := range v.elems {
			x, err := strconv.ParseInt(e.text, 0, 64)
			if err != nil {
				return err
			}
			l.Set(k, x)
		}
		return s.SetPtr(i, l.ToPtr())
	case schema.Type_Which_float64:
		l, err := capnp.NewFloat64List(s.Segment(), n)
		if err != nil {
			return err
		}
		for k, e := range v.elems {
			x, err := strconv.ParseFloat(e.text, 64)
			if err != nil {
				return err
			}
			l.Set(k, x)
		}
		return s.SetPtr(i, l.ToPtr())
	case schema.Type_Which_structType:
		node := nodes()[elem.StructType().TypeId()]
		size := capnp.ObjectSize{
			DataSize: capnp.Size(node.StructNode().DataWordCount()) * 8, PointerCount: node.StructNode().PointerCount(),
		}
		l, err := capnp.NewCompositeList(s.Segment(), size, n)
		if err != nil {
			return err
		}
		if err := s.SetPtr(i, l.ToPtr()); err != nil {
			return err
		}
		for k, e := range v.elems {
			if err := setFields(l.Struct(k), node, e.fields); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("a list of %v", elem.Which())
}

func setFloat(s capnp.Struct, off uint32, text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err
	}
	s.SetUint64(capnp.DataOffset(off*8), math.Float64bits(x))
	return nil
}
