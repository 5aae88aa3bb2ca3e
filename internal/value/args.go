package value

import (
	"reflect"

	"github.com/vatnet/vatnet/internal/capn"
)

// EncodeArgs builds in e.B, as a flat segment, the parameters of Object.send:
// the verb and its arguments. e.B.Bytes() is valid until e is used again.
// Failures are a *SendError whose path is "verb" or starts at args.
func EncodeArgs(e *Encoder, verb string, args []any) error {
	e.begin()
	return e.Args(e.B.RootSlot(), verb, args)
}

// Args is EncodeArgs into a slot of the message that e.B builds already.
func (e *Encoder) Args(slot capn.Slot, verb string, args []any) error {
	e.depth, e.pointers = 0, 0
	params := e.B.Struct(slot, 0, 2)
	if err := e.checkText(verb); err != nil {
		return sendAt(err, "verb")
	}
	e.B.Text(params.Slot(0), verb)
	l := e.B.CompositeList(params.Slot(1), len(args), valueWords, valuePtrs)
	if err := e.B.Err(); err != nil {
		return sendAt(err, "args")
	}
	for i, x := range args {
		if err := e.any(l.At(i), x); err != nil {
			return sendAt(err, "args"+index(i))
		}
	}
	if err := e.B.Err(); err != nil {
		return sendAt(err, "args")
	}
	return nil
}

// EncodeResult builds in e.B, as a flat segment, the results of Object.send or
// Object.settle for the result x; nil for a verb that returns nothing. A
// reference goes to where callers may have pipelined to. Failures are a
// *SendError whose path starts at result.
func EncodeResult(e *Encoder, x any) error {
	e.begin()
	return e.Result(e.B.RootSlot(), reflect.ValueOf(x))
}

// Result is EncodeResult into a slot of the message that e.B builds already. The
// zero reflect.Value stands for nothing.
func (e *Encoder) Result(slot capn.Slot, v reflect.Value) error {
	e.depth, e.pointers = 0, 0
	results := e.B.Struct(slot, 0, 2)
	if v.IsValid() && v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	pl := orPlain(e.Codec).plan(v.Type())
	if pl.shape != shapeRef {
		err := pl.enc(e, e.B.Struct(results.Slot(1), valueWords, valuePtrs), v)
		if err == nil {
			err = e.B.Err()
		}
		if err != nil {
			return sendAt(err, "result")
		}
		return nil
	}
	if e.Hooks == nil {
		return sendAt(errNoHooks, "result")
	}
	i, promise, null, err := e.Hooks.EncodeRef(v)
	if err != nil {
		return sendAt(err, "result")
	}
	if null {
		return nil
	}
	e.ResultRef(results, i, promise)
	return nil
}

// ResultRef makes the results a reference: results has the size of those of
// Object.send (no data, two pointers) and is still empty.
func (e *Encoder) ResultRef(results capn.StructB, index uint32, promise bool) {
	e.B.SetCap(results.Slot(0), index)
	val := e.B.Struct(results.Slot(1), valueWords, valuePtrs)
	val.SetU16(offKind, uint16(Ref))
	val.SetBit(bitFlag, promise)
}

// Args are the received parameters of Object.send. They alias the message. The
// zero value has no verb and no arguments.
type Args struct {
	verb []byte
	list capn.Ptr
}

// ParseArgs reads the parameters of Object.send. Failures are a *ReceiveError.
func ParseArgs(params capn.Ptr) (Args, error) {
	q, err := params.Field(0)
	if err != nil {
		return Args{}, receiveAt(err, "verb")
	}
	verb, err := textBytes(q)
	if err != nil {
		return Args{}, receiveAt(err, "verb")
	}
	list, err := params.Field(1)
	if err == nil {
		list, err = valueList(list)
	}
	if err != nil {
		return Args{}, receiveAt(err, "args")
	}
	return Args{verb: verb, list: list}, nil
}

// Verb returns the verb, valid UTF-8. It aliases the message.
func (a Args) Verb() []byte { return a.verb }

// Len returns the number of arguments.
func (a Args) Len() int { return a.list.Len() }

// At returns the i-th argument, a Value; null if there is none.
func (a Args) At(i int) capn.Ptr { return a.list.Elem(i) }

// KindOf returns the kind of the i-th argument without decoding it.
func (a Args) KindOf(i int) Kind { return KindOf(a.list.Elem(i)) }

// Decode decodes the i-th argument into into, a settable value. Failures are a
// *ReceiveError whose path starts at args.
func (a Args) Decode(d *Decoder, i int, into reflect.Value) error {
	if err := d.value(orPlain(d.Codec).plan(into.Type()), a.At(i), into); err != nil {
		return receiveAt(err, "args"+index(i))
	}
	return nil
}

// ResultOf takes the results of Object.send or Object.settle apart: they are a
// reference (isRef, its index, and whether it is a promise), or the Value v.
// Failures are a *ReceiveError.
func ResultOf(results capn.Ptr) (v capn.Ptr, index uint32, promise, isRef bool, err error) {
	ref, err := results.Field(0)
	if err == nil {
		v, err = results.Field(1)
	}
	if err == nil && !ref.IsNull() && !ref.IsCap() {
		err = errMalformed
	}
	if err != nil {
		return capn.Ptr{}, 0, false, false, receiveAt(err, "result")
	}
	if ref.IsCap() {
		return v, ref.Cap(), KindOf(v) == Ref && v.Bool(bitFlag), true, nil
	}
	if index, promise, isRef = RefOf(v); isRef {
		return v, index, promise, true, nil
	}
	return v, 0, false, false, nil
}

// Result decodes the results of Object.send or Object.settle into what into
// points to, as Decode does. Failures are a *ReceiveError whose path starts at result.
func (d *Decoder) Result(results capn.Ptr, into any) error {
	v, i, promise, isRef, err := ResultOf(results)
	if err != nil {
		return err
	}
	if isRef {
		to := reflect.ValueOf(into)
		if to.Kind() != reflect.Pointer || to.IsNil() {
			return receiveAt(errNoTarget, "result")
		}
		err = d.resultRef(i, promise, to.Elem())
	} else {
		err = d.Decode(v, into)
	}
	if err != nil {
		return receiveAt(err, "result")
	}
	return nil
}

// resultRef decodes the reference i into v.
func (d *Decoder) resultRef(i uint32, promise bool, v reflect.Value) error {
	pl := orPlain(d.Codec).plan(v.Type())
	switch {
	case pl.wantsPlain():
		return d.settled(i, pl, v)
	case d.Hooks == nil:
		return errNoHooks
	case pl.shape == shapePointer:
		v.Set(reflect.New(pl.typ.Elem()))
		return d.resultRef(i, promise, v.Elem())
	case pl.shape == shapeRef:
		return d.Hooks.DecodeRef(i, promise, v)
	}
	x, err := d.Hooks.AnyRef(i, promise)
	if err == nil && x != nil {
		v.Set(reflect.ValueOf(x))
	}
	return err
}
