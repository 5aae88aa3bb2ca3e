package hostile

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/schemas"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"capnproto.org/go/capnp/v3/std/capnp/schema"

	"github.com/vatnet/vatnet/spec/object"
)

// nodes are the schemas of everything that a message can hold, by id.
var nodes = sync.OnceValue(func() map[uint64]schema.Node {
	reg := new(schemas.Registry)
	rpc.RegisterSchema(reg)
	object.RegisterSchema(reg)
	all := map[uint64]schema.Node{}
	for _, id := range []uint64{rpc.Message_TypeID, object.Value_TypeID} {
		data, err := reg.Find(id)
		if err != nil {
			panic(err) // the generated code carries it
		}
		msg, err := capnp.Unmarshal(data)
		if err != nil {
			panic(err)
		}
		msg.ResetReadLimit(1 << 40)
		req, err := schema.ReadRootCodeGeneratorRequest(msg)
		if err != nil {
			panic(err)
		}
		list, err := req.Nodes()
		if err != nil {
			panic(err)
		}
		for i := range list.Len() {
			all[list.At(i).Id()] = list.At(i)
		}
	}
	return all
})

// nodeNamed finds a struct by its short name, as "Value" or "send$Params".
func nodeNamed(name string) (schema.Node, error) {
	for _, n := range nodes() {
		full, err := n.DisplayName()
		if err == nil && n.Which() == schema.Node_Which_structNode && (strings.HasSuffix(full, ":"+name) || strings.HasSuffix(full, "."+name)) {
			return n, nil
		}
	}
	return schema.Node{}, fmt.Errorf("no struct %q", name)
}

// shorthands are names for what every other message says.
var shorthands = map[string]string{
	"q":    "questionId",
	"a":    "answerId",
	"cap":  "target.importedCap",
	"on":   "target.promisedAnswer.questionId",
	"path": "target.promisedAnswer.transform",
	"caps": "params.capTable",
}

// compile turns one message of the notation, as `call q=5 cap=$obj send="join"`, into a frame.
func compile(text string) ([]byte, error) {
	kind, rest, _ := strings.Cut(text, " ")
	fields, err := (&scanner{in: rest}).fields(0)
	if err != nil {
		return nil, err
	}
	msg, seg, err := capnp.NewMessage(capnp.SingleSegment(nil))
	if err != nil {
		return nil, err
	}
	root, err := rpc.NewRootMessage(seg)
	if err != nil {
		return nil, err
	}
	fields = expand(kind, fields)
	value := node{kind: '(', fields: fields}
	if len(fields) == 1 && fields[0].path == "" {
		value = fields[0].value
	}
	if err := setField(capnp.Struct(root), nodes()[rpc.Message_TypeID], kind, value); err != nil {
		return nil, err
	}
	return msg.Marshal()
}

// expand replaces shorthands: those above, and the ones for a call of an object or
// of the locator.
func expand(kind string, fields []field) (out []field) {
	set := func(path string, v node) { out = append(out, field{path, v}) }
	word := func(s string) node { return node{kind: 'w', text: s} }
	var args []field
	for _, f := range fields {
		if f.path == "args" {
			args = []field{f}
		}
	}
	for _, f := range fields {
		switch f.path {
		case "args":
		case "send":
			set("interfaceId", word(fmt.Sprint(uint64(object.Object_TypeID))))
			set("params.content", node{kind: '@', text: "send$Params", fields: append([]field{{"verb", f.value}}, args...)})
		case "settle":
			set("interfaceId", word(fmt.Sprint(uint64(object.Object_TypeID))))
			set("methodId", word("1"))
		case "lookup":
			set("interfaceId", word(fmt.Sprint(uint64(object.NonceLocator_TypeID))))
			set("params.content", node{kind: '@', text: "lookup$Params", fields: []field{{"swissnum", f.value}}})
		case "result":
			set("results.content", node{kind: '@', text: "send$Results", fields: f.value.fields})
		case "get":
			ops := node{kind: '['}
			for _, e := range f.value.elems {
				ops.elems = append(ops.elems, node{kind: '(', fields: []field{{"getPointerField", e}}})
			}
			set("target.promisedAnswer.transform", ops)
		case "caps":
			if kind == "return" {
				set("results.capTable", f.value)
			} else {
				set("params.capTable", f.value)
			}
		default:
			if long := shorthands[f.path]; long != "" {
				f.path = long
			}
			out = append(out, f)
		}
	}
	return out
}

// setField sets the field at a dotted path.
func setField(s capnp.Struct, n schema.Node, path string, v node) error {
	name, rest, _ := strings.Cut(path, ".")
	list, err := n.StructNode().Fields()
	if err != nil {
		return err
	}
	for i := range list.Len() {
		f := list.At(i)
		if have, err := f.Name(); err != nil || have != name {
			continue
		}
		if d := f.DiscriminantValue(); d != schema.Field_noDiscriminant {
			s.SetUint16(capnp.DataOffset(n.StructNode().DiscriminantOffset()*2), d)
		}
		if f.Which() == schema.Field_Which_group {
			group := nodes()[f.Group().TypeId()]
			if rest != "" {
				return setField(s, group, rest, v)
			}
			return setFields(s, group, v.fields)
		}
		return setSlot(s, f.Slot(), rest, v)
	}
	return fmt.Errorf("no field %q", name)
}

func setFields(s capnp.Struct, n schema.Node, fields []field) error {
	for _, f := range fields {
		if err := setField(s, n, f.path, f.value); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

// setSlot sets one slot, or something within the struct that it points to.
func setSlot(s capnp.Struct, slot schema.Field_slot, rest string, v node) error {
	t, err := slot.Type()
	if err != nil {
		return err
	}
	off := slot.Offset()
	switch t.Which() {
	case schema.Type_Which_void:
		return nil
	case schema.Type_Which_bool:
		def, err := slot.DefaultValue()
		if err != nil {
			return err
		}
		s.SetBit(capnp.BitOffset(off), (v.text != "false") != (def.Which() == schema.Value_Which_bool && def.Bool()))
		return nil
	case schema.Type_Which_text, schema.Type_Which_data, schema.Type_Which_list, schema.Type_Which_interface:
		return setPointer(s, uint16(off), t, v)
	case schema.Type_Which_anyPointer:
		return setAny(s, uint16(off), v)
	case schema.Type_Which_structType:
		return setStruct(s, uint16(off), nodes()[t.StructType().TypeId()], rest, v)
	default:
		return setNumber(s, off, t.Which(), v.text)
	}
}

// setNumber sets a number. An enumerant is a number here.
func setNumber(s capnp.Struct, off uint32, t schema.Type_Which, text string) error {
	var bits uint64
	var err error
	switch t {
	case schema.Type_Which_float32, schema.Type_Which_float64:
		return setFloat(s, off, text)
	default:
		if strings.HasPrefix(text, "-") {
			var n int64
			n, err = strconv.ParseInt(text, 0, 64)
			bits = uint64(n)
		} else {
			bits, err = strconv.ParseUint(text, 0, 64)
		}
	}
	if err != nil {
		return err
	}
	switch t {
	case schema.Type_Which_int8, schema.Type_Which_uint8:
		s.SetUint8(capnp.DataOffset(off), uint8(bits))
	case schema.Type_Which_int16, schema.Type_Which_uint16, schema.Type_Which_enum:
		s.SetUint16(capnp.DataOffset(off*2), uint16(bits))
	case schema.Type_Which_int32, schema.Type_Which_uint32:
		s.SetUint32(capnp.DataOffset(off*4), uint32(bits))
	default:
		s.SetUint64(capnp.DataOffset(off*8), bits)
	}
	return nil
}

// setStruct sets a whole struct, or a field of the one that is there.
func setStruct(s capnp.Struct, i uint16, n schema.Node, rest string, v node) error {
	p, err := s.Ptr(i)
	if err != nil {
		return err
	}
	child := p.Struct()
	if !child.IsValid() {
		size := capnp.ObjectSize{
			DataSize: capnp.Size(n.StructNode().DataWordCount()) * 8, PointerCount: n.StructNode().PointerCount(),
		}
		if child, err = capnp.NewStruct(s.Segment(), size); err != nil {
			return err
		}
		if err := s.SetPtr(i, child.ToPtr()); err != nil {
			return err
		}
	}
	if rest != "" {
		return setField(child, n, rest, v)
	}
	return setFields(child, n, v.fields)
}

// setAny sets a pointer of any type, as the value looks.
func setAny(s capnp.Struct, i uint16, v node) error {
	switch {
	case v.kind == '@':
		n, err := nodeNamed(v.text)
		if err != nil {
			return err
		}
		return setStruct(s, i, n, "", node{kind: '(', fields: v.fields})
	case v.kind == '"':
		return s.SetNewText(i, v.text)
	case v.kind == '(':
		n, err := nodeNamed("Value")
		if err != nil {
			return err
		}
		return setStruct(s, i, n, "", v)
	default:
		return setPointer(s, i, schema.Type{}, v)
	}
}

// setPointer sets a text, data, a list, or a capability.
func setPointer(s capnp.Struct, i uint16, t schema.Type, v node) error {
	if index, ok := strings.CutPrefix(v.text, "cap:"); ok && v.kind == 'w' {
		n, err := strconv.ParseUint(index, 0, 32)
		if err != nil {
			return err
		}
		return s.SetPtr(i, capnp.NewInterface(s.Segment(), capnp.CapabilityID(n)).ToPtr())
	}
	if v.kind == '"' {
		if t.IsValid() && t.Which() == schema.Type_Which_data {
			return s.SetData(i, []byte(v.text))
		}
		return s.SetNewText(i, v.text)
	}
	if v.kind != '[' {
		data, err := hex.DecodeString(strings.TrimPrefix(v.text, "0x"))
		if err != nil {
			return err
		}
		return s.SetData(i, data)
	}
	return setList(s, i, t, v)
}
