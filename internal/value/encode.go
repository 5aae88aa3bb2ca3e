package value

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/vatnet/vatnet/internal/capn"
)

// Encoder encodes values into the message that B builds. The zero value claims
// no types and refuses references. An Encoder is meant to be used again: its
// buffer is kept. It is not safe for concurrent use. After an error the message
// is to be thrown away.
type Encoder struct {
	B     capn.Builder
	Codec *Codec
	Hooks EncodeHooks

	depth    int // lists, maps and records around the current value
	pointers int // in use of seen
	seen     [2 * MaxDepth]seenPointer
}

// seenPointer is a pointer that is being followed.
type seenPointer struct {
	at   unsafe.Pointer
	plan *plan
}

// enter counts levels of nesting; leave takes them back.
func (e *Encoder) enter(levels int) error {
	if e.depth+levels > MaxDepth {
		return errDepth
	}
	e.depth += levels
	return nil
}

func (e *Encoder) leave(levels int) { e.depth -= levels }

// keptBuffer is the capacity up to which an Encoder keeps its buffer.
const keptBuffer = 64 << 10

// begin starts a message in the buffer of the one before.
func (e *Encoder) begin() {
	buf := e.B.Buffer()
	if cap(buf) > keptBuffer {
		buf = nil
	}
	e.B.Init(buf[:0])
	e.depth, e.pointers = 0, 0
}

// Any encodes x into dst, a Value struct of B. A failure is a *SendError whose
// path starts at x.
func (e *Encoder) Any(dst capn.StructB, x any) error {
	if err := e.any(dst, x); err != nil {
		return sendAt(err, "")
	}
	return e.B.Err()
}

// any encodes a value whose type is known only now.
func (e *Encoder) any(dst capn.StructB, x any) error {
	switch x := x.(type) {
	case nil:
		return nil
	case string:
		return e.text(dst, x)
	case int:
		return e.word(dst, Int64, uint64(x))
	case int64:
		return e.word(dst, Int64, uint64(x))
	case uint64:
		return e.word(dst, Uint64, x)
	case bool:
		return e.bool(dst, x)
	case float64:
		return e.float(dst, x)
	case []byte:
		return e.data(dst, x)
	}
	v := reflect.ValueOf(x)
	return orPlain(e.Codec).plan(v.Type()).enc(e, dst, v)
}

func encInterface(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	v = v.Elem()
	return orPlain(e.Codec).plan(v.Type()).enc(e, dst, v)
}

func (p *plan) encPointer(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	if err := e.follow(v, p); err != nil {
		return err
	}
	defer e.unfollow()
	return p.elem.enc(e, dst, v.Elem())
}

// follow notes that the pointer v, of plan p, is being followed; unfollow takes
// that back.
func (e *Encoder) follow(v reflect.Value, p *plan) error {
	at := seenPointer{v.UnsafePointer(), p}
	if slices.Contains(e.seen[:e.pointers], at) {
		return errCycle
	}
	if e.pointers == len(e.seen) {
		return errDepth
	}
	e.seen[e.pointers] = at
	e.pointers++
	return nil
}

func (e *Encoder) unfollow() {
	e.pointers--
	e.seen[e.pointers] = seenPointer{} // holds on to nothing of the user's
}

func (p *plan) encStruct(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	fs := p.fields
	n := len(fs.list)
	if fs.mayOmit {
		for i := range fs.list {
			if fs.list[i].omitted(v) {
				n--
			}
		}
	}
	dst.SetU16(offKind, uint16(RecordKind))
	rec := e.B.Struct(dst.Slot(0), 0, 2)
	if n == len(fs.list) {
		if err := e.B.Embed(rec.Slot(0), fs.names); err != nil {
			return err
		}
		return e.row(e.B.CompositeList(rec.Slot(1), n, valueWords, valuePtrs), 0, p, v)
	}
	names := e.B.PtrList(rec.Slot(0), n)
	values := e.B.CompositeList(rec.Slot(1), n, valueWords, valuePtrs)
	at := 0
	for i := range fs.list {
		f := &fs.list[i]
		if f.omitted(v) {
			continue
		}
		e.B.Text(names.Slot(at), f.name)
		if err := f.plan.enc(e, values.At(at), f.of(v)); err != nil {
			return sendAt(err, "."+f.goName)
		}
		at++
	}
	return nil
}

// row encodes all fields of the struct v as values from..from+k of l.
func (e *Encoder) row(l capn.ListB, from int, p *plan, v reflect.Value) error {
	for i := range p.fields.list {
		f := &p.fields.list[i]
		if err := f.plan.enc(e, l.At(from+i), f.of(v)); err != nil {
			return sendAt(err, "."+f.goName)
		}
	}
	return nil
}

func (p *plan) encList(e *Encoder, dst capn.StructB, v reflect.Value) error {
	n := v.Len()
	if rec := p.recordsOf(v, n); rec != nil {
		return p.encRecords(e, dst, v, rec)
	}
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	dst.SetU16(offKind, uint16(List))
	l := e.B.CompositeList(dst.Slot(0), n, valueWords, valuePtrs)
	if err := e.B.Err(); err != nil {
		return err
	}
	for i := range n {
		if err := p.elem.enc(e, l.At(i), v.Index(i)); err != nil {
			return sendAt(err, index(i))
		}
	}
	return nil
}

// recordsOf returns the plan of the records if the list v is one of structs, or
// of pointers to structs of which none is nil, that carries its names once.
func (p *plan) recordsOf(v reflect.Value, n int) *plan {
	rec := p.elem
	if rec.shape == shapePointer {
		rec = rec.elem
		for i := range n {
			if rec.shape != shapeStruct || v.Index(i).IsNil() {
				return nil
			}
		}
	}
	if rec.shape != shapeStruct || n == 0 || len(rec.fields.list) == 0 {
		return nil
	}
	return rec
}

// encRecords encodes a list of structs or of pointers to structs. Fields that are
// omitted when empty travel as they are: a missing value would need names of its own.
func (p *plan) encRecords(e *Encoder, dst capn.StructB, v reflect.Value, rec *plan) error {
	if err := e.enter(2); err != nil {
		return err
	}
	defer e.leave(2)
	n, k := v.Len(), len(rec.fields.list)
	dst.SetU16(offKind, uint16(Records))
	s := e.B.Struct(dst.Slot(0), 0, 2)
	if err := e.B.Embed(s.Slot(0), rec.fields.names); err != nil {
		return err
	}
	l := e.B.CompositeList(s.Slot(1), n*k, valueWords, valuePtrs)
	if err := e.B.Err(); err != nil {
		return err
	}
	for i := range n {
		var err error
		if el := v.Index(i); p.elem == rec {
			err = e.row(l, i*k, rec, el)
		} else if err = e.follow(el, p.elem); err == nil {
			err = e.row(l, i*k, rec, el.Elem())
			e.unfollow()
		}
		if err != nil {
			return sendAt(err, index(i))
		}
	}
	return nil
}

func encInt64s(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	dst.SetU16(offKind, uint16(Int64s))
	l := e.B.U64List(dst.Slot(0), v.Len())
	for i := range l.Len() {
		l.SetU64(i, uint64(v.Index(i).Int()))
	}
	return nil
}

func (p *plan) encMap(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	type entry struct{ key, value reflect.Value }
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, entry{it.Key(), it.Value()})
	}
	order := keyOrder(p.typ.Key())
	slices.SortFunc(entries, func(a, b entry) int { return order(a.key, b.key) })
	dst.SetU16(offKind, uint16(Map))
	l := e.B.CompositeList(dst.Slot(0), len(entries), 0, 2)
	if err := e.B.Err(); err != nil {
		return err
	}
	for i, en := range entries {
		at := l.At(i)
		err := p.key.enc(e, e.B.Struct(at.Slot(0), valueWords, valuePtrs), en.key)
		if err == nil {
			err = p.elem.enc(e, e.B.Struct(at.Slot(1), valueWords, valuePtrs), en.value)
		}
		if err != nil {
			return sendAt(err, mapStep(en.key))
		}
	}
	return nil
}

// mapStep is the step of a path to the value of a key.
func mapStep(key reflect.Value) string {
	if key.Kind() == reflect.String {
		return "[" + quoted([]byte(key.String())) + "]"
	}
	return fmt.Sprintf("[%v]", key)
}

func encRecordValue(e *Encoder, dst capn.StructB, v reflect.Value) error {
	r := v.Interface().(Record)
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	dst.SetU16(offKind, uint16(RecordKind))
	rec := e.B.Struct(dst.Slot(0), 0, 2)
	names := e.B.PtrList(rec.Slot(0), len(r))
	values := e.B.CompositeList(rec.Slot(1), len(r), valueWords, valuePtrs)
	if err := e.B.Err(); err != nil {
		return err
	}
	known := make(map[string]struct{}, len(r))
	for i := range r {
		known[r[i].Name] = struct{}{}
		if len(known) != i+1 {
			return fmt.Errorf("record with the name %s twice", quoted([]byte(r[i].Name)))
		}
		if err := e.checkText(r[i].Name); err != nil {
			return err
		}
		e.B.Text(names.Slot(i), r[i].Name)
		if err := e.any(values.At(i), r[i].Value); err != nil {
			return sendAt(err, "."+quoted([]byte(r[i].Name)))
		}
	}
	return nil
}
