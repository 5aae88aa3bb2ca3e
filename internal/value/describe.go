package value

import (
	"fmt"
	"reflect"
	"strings"
)

// Describe names t as __describe shows it to people: what it is on the wire,
// with the width of numbers, such as "[]{at time, line text}". A pointer is
// written ?T (it may be null), a map map[K]V; an omitted field has ? behind its
// name; a type that contains itself is named where it does. What cannot be
// carried is described as "unsendable".
func (c *Codec) Describe(t reflect.Type) string {
	var w strings.Builder
	describe(&w, orPlain(c).plan(t), nil)
	return w.String()
}

// Describe is [Codec.Describe] for a Codec that claims no types.
func Describe(t reflect.Type) string { return plainCodec.Describe(t) }

func describe(w *strings.Builder, p *plan, around []*plan) {
	for _, o := range around {
		if o == p {
			w.WriteString(wireName(p.typ.Name()))
			return
		}
	}
	around = append(around, p)
	switch p.shape {
	case shapeRef:
		w.WriteString("ref")
	case shapeAny:
		w.WriteString("any")
	case shapeRecord:
		w.WriteString("record")
	case shapePointer:
		w.WriteByte('?')
		describe(w, p.elem, around)
	case shapeList:
		w.WriteByte('[')
		if p.typ.Kind() == reflect.Array {
			fmt.Fprint(w, p.typ.Len())
		}
		w.WriteByte(']')
		describe(w, p.elem, around)
	case shapeMap:
		w.WriteString("map[")
		describe(w, p.key, around)
		w.WriteByte(']')
		describe(w, p.elem, around)
	case shapeStruct:
		w.WriteByte('{')
		for i := range p.fields.list {
			f := &p.fields.list[i]
			if i > 0 {
				w.WriteString(", ")
			}
			w.WriteString(f.name)
			if f.omitEmpty {
				w.WriteByte('?')
			}
			w.WriteByte(' ')
			describe(w, f.plan, around)
		}
		w.WriteByte('}')
	default:
		w.WriteString(p.scalarName())
	}
}

// scalarName describes a type that holds no other values.
func (p *plan) scalarName() string {
	if p.sturdyref {
		return "sturdyref"
	}
	if p.refused {
		return "unsendable"
	}
	switch p.typ {
	case typeTime:
		return "time"
	case typeDuration:
		return "duration"
	case typeBigInt:
		return "bigInt"
	}
	if p.typ.Implements(typeError) {
		return "error"
	}
	switch k := p.typ.Kind(); k {
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "data"
	case reflect.Array:
		return fmt.Sprintf("data[%d]", p.typ.Len())
	case reflect.Interface:
		return "any"
	default:
		return k.String()
	}
}
