package value

import (
	"fmt"
	"reflect"
	"unicode/utf8"
	"unsafe"

	"github.com/vatnet/vatnet/internal/capn"
)

// Decoder decodes values. The zero value claims no types and refuses
// references. A Decoder may be used again, and by a hook while it is in use, but
// not concurrently. What it makes never aliases the message.
type Decoder struct {
	Codec *Codec
	Hooks DecodeHooks

	active int    // calls of Decode under way
	depth  int    // lists, maps and records around the current value
	texts  []byte // what is left of the allocation that small texts share
	fields []int  // scratch: which field each name of a record is
}

// Texts of at most smallText bytes that stand inside of other values share
// allocations of at most sharedTexts bytes.
const (
	smallText   = 256
	sharedTexts = 4096
)

// Decode decodes the Value p into what into points to: one of the everyday
// types, or any other pointer. What is there before is replaced; after an error
// it is unspecified. A failure is a *ReceiveError whose path starts at p.
func (d *Decoder) Decode(p capn.Ptr, into any) error {
	var err error
	switch x := into.(type) {
	case *string:
		if KindOf(p) == Text {
			*x, err = d.text(p)
			break
		}
		err = d.reflected(p, into)
	case *int:
		if KindOf(p) == Int64 && int64(int(p.U64(offWord))) == int64(p.U64(offWord)) {
			*x = int(p.U64(offWord))
			break
		}
		err = d.reflected(p, into)
	case *int64:
		if KindOf(p) == Int64 {
			*x = int64(p.U64(offWord))
			break
		}
		err = d.reflected(p, into)
	case *bool:
		if KindOf(p) == Bool {
			*x = p.Bool(bitFlag)
			break
		}
		err = d.reflected(p, into)
	case *float64:
		*x, err = d.settledFloat(p)
	case *[]byte:
		if KindOf(p) == Data {
			*x, err = d.data(p)
			break
		}
		err = d.reflected(p, into)
	default:
		err = d.reflected(p, into)
	}
	if err != nil {
		return receiveAt(err, "")
	}
	return nil
}

// DecodeValue is Decode for a settable reflect.Value.
func (d *Decoder) DecodeValue(p capn.Ptr, into reflect.Value) error {
	if err := d.value(orPlain(d.Codec).plan(into.Type()), p, into); err != nil {
		return receiveAt(err, "")
	}
	return nil
}

func (d *Decoder) reflected(p capn.Ptr, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("%T is not a pointer to decode into", into)
	}
	v = v.Elem()
	return d.value(orPlain(d.Codec).plan(v.Type()), p, v)
}

// value is the entry for a whole value.
func (d *Decoder) value(pl *plan, p capn.Ptr, v reflect.Value) error {
	if d.active == 0 {
		d.depth, d.fields = 0, d.fields[:0]
	}
	d.active++
	defer d.done() // also when a hook panics
	return d.decode(pl, p, v)
}

func (d *Decoder) done() {
	if d.active--; d.active == 0 {
		d.texts = nil // the user's now
	}
}

// decode decodes p by pl. All values that stand in others come through here.
func (d *Decoder) decode(pl *plan, p capn.Ptr, v reflect.Value) error {
	if KindOf(p) == Ref && pl.wantsPlain() {
		return d.decodeSettled(pl, p, v)
	}
	return pl.dec(d, p, v)
}

// decodeSettled decodes the data to which the reference p has settled.
func (d *Decoder) decodeSettled(pl *plan, p capn.Ptr, v reflect.Value) error {
	i, _, ok := RefOf(p)
	if !ok {
		return errMalformed
	}
	return d.settled(i, pl, v)
}

func (d *Decoder) settled(i uint32, pl *plan, v reflect.Value) error {
	if d.Hooks != nil {
		if q, h, ok := d.Hooks.Settled(i); ok {
			if err := d.enter(1); err != nil { // promises for promises end too
				return err
			}
			outer := d.Hooks
			d.Hooks = h
			err := d.decode(pl, q, v)
			d.Hooks = outer
			d.leave(1)
			return err
		}
	}
	return wanted(Ref, pl.typ.String())
}

func (d *Decoder) enter(levels int) error {
	if d.depth+levels > MaxDepth {
		return errDepth
	}
	d.depth += levels
	return nil
}

func (d *Decoder) leave(levels int) { d.depth -= levels }

// content resolves the pointer of p.
func content(p capn.Ptr) (capn.Ptr, error) { return p.Field(0) }

// structContent is content for the kinds that point to a struct.
func structContent(p capn.Ptr) (capn.Ptr, error) {
	q, err := p.Field(0)
	if err == nil && !q.IsStruct() && !q.IsNull() {
		err = errMalformed
	}
	return q, err
}

// textBytes returns the text that q is. It aliases the message.
func textBytes(q capn.Ptr) ([]byte, error) {
	b, err := q.Text()
	if err == nil && !utf8.Valid(b) {
		err = errUTF8
	}
	return b, err
}

// text returns the text of the value p.
func (d *Decoder) text(p capn.Ptr) (string, error) {
	q, err := content(p)
	if err != nil {
		return "", err
	}
	b, err := textBytes(q)
	if err != nil {
		return "", err
	}
	return d.string(b, p), nil
}

// string copies b, a text of p's message.
func (d *Decoder) string(b []byte, p capn.Ptr) string {
	if d.depth == 0 || len(b) > smallText || len(b) == 0 {
		return string(b)
	}
	if cap(d.texts)-len(d.texts) < len(b) {
		d.texts = make([]byte, 0, max(len(b), min(sharedTexts, p.MessageBytes())))
	}
	at := len(d.texts)
	d.texts = append(d.texts, b...)
	return unsafe.String(&d.texts[at], len(b)) // these bytes are never written again
}

// data returns a copy of the data of the value p, never nil without an error.
func (d *Decoder) data(p capn.Ptr) ([]byte, error) {
	q, err := content(p)
	if err != nil {
		return nil, err
	}
	b, err := q.Bytes()
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(b)), b...), nil
}

// valueList resolves q as a list of values; null is an empty one. Elements
// without any size are refused: they would make a small message into a long list.
func valueList(q capn.Ptr) (capn.Ptr, error) {
	if q.IsNull() {
		return q, nil
	}
	if !q.IsList() {
		return q, errMalformed
	}
	if q.Len() > 0 && q.DataBytes() == 0 && q.Ptrs() == 0 {
		return q, errEmpty
	}
	return q, nil
}

func (p *plan) decPointer(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if KindOf(q) == Null {
		v.SetZero()
		return nil
	}
	n := reflect.New(p.typ.Elem())
	if err := d.decode(p.elem, q, n.Elem()); err != nil {
		return err
	}
	v.Set(n)
	return nil
}

// Slices are made as long as asked for only up to firstLen elements or
// firstBytes bytes; beyond that they grow with what was in fact there.
const (
	firstLen   = 64
	firstBytes = 64 << 10
)

// listTarget makes room for n elements in v, a slice or an array. It returns
// the number of elements that are there already.
func (p *plan) listTarget(v reflect.Value, n int) (have int, err error) {
	if v.Kind() == reflect.Array {
		if v.Len() != n {
			return 0, fmt.Errorf("list of %d elements where %s is wanted", n, p.typ)
		}
		return n, nil
	}
	size := max(int(p.typ.Elem().Size()), 1)
	have = min(n, max(firstLen, firstBytes/size))
	v.Set(reflect.MakeSlice(p.typ, have, have))
	return have, nil
}

// element returns the i-th element of v for decoding, growing a slice of which
// have elements are there towards n.
func element(v reflect.Value, i, n int, have *int) reflect.Value {
	if i == *have {
		more := min(n, 2**have)
		v.Grow(more - *have)
		v.SetLen(more)
		for j := *have; j < more; j++ {
			v.Index(j).SetZero()
		}
		*have = more
	}
	return v.Index(i)
}

func (p *plan) decList(d *Decoder, q capn.Ptr, v reflect.Value) error {
	k := KindOf(q)
	switch k {
	case Null:
		if v.Kind() == reflect.Slice {
			v.SetZero()
			return nil
		}
		return wanted(Null, p.typ.String())
	case List, Int64s, Float64s:
	case Records:
		return p.decRecords(d, q, v)
	default:
		return wanted(k, p.typ.String())
	}
	if err := d.enter(1); err != nil {
		return err
	}
	defer d.leave(1)
	l, err := content(q)
	if err != nil {
		return err
	}
	if l, err = valueList(l); err != nil {
		return err
	}
	n := l.Len()
	have, err := p.listTarget(v, n)
	if err != nil {
		return err
	}
	for i := range n {
		at := element(v, i, n, &have)
		if k == List {
			err = d.decode(p.elem, l.Elem(i), at)
		} else {
			err = p.number(d, k, l.U64At(i), at)
		}
		if err != nil {
			return receiveAt(err, index(i))
		}
	}
	return nil
}

// decRecords decodes a list of records into a list of anything that takes records.
func (p *plan) decRecords(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if err := d.enter(2); err != nil {
		return err
	}
	defer d.leave(2)
	names, values, err := recordParts(q)
	if err != nil {
		return err
	}
	k := names.Len()
	if k == 0 && values.Len() > 0 || k > 0 && values.Len()%k != 0 {
		return errMalformed
	}
	n := 0
	if k > 0 {
		n = values.Len() / k
	}
	have, err := p.listTarget(v, n)
	if err != nil {
		return err
	}
	rec := p.elem
	for rec.shape == shapePointer { // ends: compile refuses types that are pointers for ever
		rec = rec.elem
	}
	var row func(at reflect.Value, from int) error
	switch rec.shape {
	case shapeStruct:
		mark := len(d.fields)
		defer func() { d.fields = d.fields[:mark] }()
		if err := d.match(rec.fields, names); err != nil {
			return err
		}
		row = func(at reflect.Value, from int) error { return d.row(rec, mark, values, from, k, at) }
	case shapeAny, shapeRecord:
		known, err := d.names(names, q)
		if err != nil {
			return err
		}
		row = func(at reflect.Value, from int) error {
			r, err := d.anyRow(known, values, from)
			if err == nil {
				at.Set(reflect.ValueOf(r))
			}
			return err
		}
	case shapeMap:
		row = func(at reflect.Value, from int) error { return rec.mapRow(d, names, values, from, k, at) }
	default:
		return wanted(Records, p.typ.String())
	}
	for i := range n {
		at := element(v, i, n, &have)
		for at.Kind() == reflect.Pointer && rec.typ != at.Type() {
			at.Set(reflect.New(at.Type().Elem()))
			at = at.Elem()
		}
		if err := row(at, i*k); err != nil {
			return receiveAt(err, index(i))
		}
	}
	return nil
}

func (p *plan) decMap(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case Null:
		v.SetZero()
		return nil
	case Map:
	case RecordKind:
		return p.decRecordMap(d, q, v)
	default:
		return wanted(k, p.typ.String())
	}
	if err := d.enter(1); err != nil {
		return err
	}
	defer d.leave(1)
	l, err := content(q)
	if err != nil {
		return err
	}
	if l, err = valueList(l); err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(p.typ, min(l.Len(), firstLen))
	for i := range l.Len() {
		en := l.Elem(i)
		qk, err := en.Field(0)
		if err != nil {
			return err
		}
		qv, err := en.Field(1)
		if err != nil {
			return err
		}
		key, val := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		if err := d.decode(p.key, qk, key); err != nil {
			return receiveAt(err, ".key"+index(i))
		}
		if err := d.decode(p.elem, qv, val); err != nil {
			return receiveAt(err, mapStep(key))
		}
		if m.SetMapIndex(key, val); m.Len() != i+1 {
			return errDuplicate
		}
	}
	v.Set(m)
	return nil
}
