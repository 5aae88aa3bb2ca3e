package value

import (
	"errors"
	"math"
	"reflect"

	"github.com/vatnet/vatnet/internal/capn"
)

func decAny(d *Decoder, q capn.Ptr, v reflect.Value) error {
	x, err := d.any(q)
	if err != nil {
		return err
	}
	if x == nil {
		v.SetZero()
	} else {
		v.Set(reflect.ValueOf(x))
	}
	return nil
}

// any decodes q as what an `any` receives.
func (d *Decoder) any(q capn.Ptr) (any, error) {
	switch k := KindOf(q); k {
	case Null:
		return nil, nil
	case Bool:
		return q.Bool(bitFlag), nil
	case Int64:
		return int64(q.U64(offWord)), nil
	case Uint64:
		return q.U64(offWord), nil
	case Float64:
		return math.Float64frombits(q.U64(offWord)), nil
	case Text:
		return d.text(q)
	case Data:
		return d.data(q)
	case BigInt:
		return bigInt(q)
	case Time:
		return timeOf(q)
	case Duration:
		return durationOf(q), nil
	case List, Int64s, Float64s:
		return d.anyList(k, q)
	case Records:
		return d.anyRecords(q)
	case Map:
		return d.anyMap(q)
	case RecordKind:
		return d.record(q)
	case Error:
		return d.error(q)
	case Ref:
		i, promise, ok := RefOf(q)
		if !ok {
			return nil, errMalformed
		}
		if d.Hooks == nil {
			return nil, errNoHooks
		}
		return d.Hooks.AnyRef(i, promise)
	case Sturdyref:
		if d.Hooks == nil {
			return nil, errNoHooks
		}
		uri, err := d.text(q)
		if err != nil {
			return nil, err
		}
		return d.Hooks.AnySturdyref(uri)
	}
	return nil, errUnknown
}

func (d *Decoder) anyList(k Kind, q capn.Ptr) ([]any, error) {
	if err := d.enter(1); err != nil {
		return nil, err
	}
	defer d.leave(1)
	l, err := content(q)
	if err != nil {
		return nil, err
	}
	if l, err = valueList(l); err != nil {
		return nil, err
	}
	out := make([]any, 0, min(l.Len(), firstBytes/16))
	for i := range l.Len() {
		var x any
		switch k {
		case Int64s:
			x = int64(l.U64At(i))
		case Float64s:
			x = math.Float64frombits(l.U64At(i))
		default:
			if x, err = d.any(l.Elem(i)); err != nil {
				return nil, receiveAt(err, index(i))
			}
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *Decoder) anyRecords(q capn.Ptr) ([]any, error) {
	if err := d.enter(2); err != nil {
		return nil, err
	}
	defer d.leave(2)
	names, values, err := recordParts(q)
	if err != nil {
		return nil, err
	}
	k := names.Len()
	if k == 0 && values.Len() > 0 || k > 0 && values.Len()%k != 0 {
		return nil, errMalformed
	}
	known, err := d.names(names, q)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for from := 0; from < values.Len(); from += k {
		r, err := d.anyRow(known, values, from)
		if err != nil {
			return nil, receiveAt(err, index(from/k))
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *Decoder) anyMap(q capn.Ptr) (map[string]any, error) {
	if err := d.enter(1); err != nil {
		return nil, err
	}
	defer d.leave(1)
	l, err := content(q)
	if err != nil {
		return nil, err
	}
	if l, err = valueList(l); err != nil {
		return nil, err
	}
	m := make(map[string]any, min(l.Len(), firstLen))
	for i := range l.Len() {
		qk, err := l.Elem(i).Field(0)
		if err != nil {
			return nil, err
		}
		qv, err := l.Elem(i).Field(1)
		if err != nil {
			return nil, err
		}
		if KindOf(qk) != Text {
			return nil, receiveAt(wanted(KindOf(qk), "a text, the key of a map[string]any,"), ".key"+index(i))
		}
		key, err := d.text(qk)
		if err != nil {
			return nil, receiveAt(err, ".key"+index(i))
		}
		x, err := d.any(qv)
		if err != nil {
			return nil, receiveAt(err, "["+quoted([]byte(key))+"]")
		}
		if m[key] = x; len(m) != i+1 {
			return nil, errDuplicate
		}
	}
	return m, nil
}

// error decodes an error value.
func (d *Decoder) error(q capn.Ptr) (error, error) {
	s, err := structContent(q)
	if err != nil {
		return nil, err
	}
	var parts [2]string
	for i := range parts {
		t, err := s.Field(i)
		if err != nil {
			return nil, err
		}
		b, err := textBytes(t)
		if err != nil {
			return nil, err
		}
		parts[i] = string(b)
	}
	if d.Hooks == nil {
		return errors.New(parts[0]), nil
	}
	return d.Hooks.DecodeError(parts[1], parts[0]), nil
}

func decError(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case Null:
		v.SetZero()
		return nil
	case Error:
	default:
		return wanted(k, "an error")
	}
	x, err := d.error(q)
	if err != nil {
		return err
	}
	if x == nil {
		return errMalformed
	}
	ev := reflect.ValueOf(x)
	if !ev.Type().AssignableTo(v.Type()) {
		return wanted(Error, v.Type().String())
	}
	v.Set(ev)
	return nil
}

func decRef(d *Decoder, q capn.Ptr, v reflect.Value) error {
	k := KindOf(q)
	if k == Null {
		v.SetZero()
		return nil
	}
	if d.Hooks == nil {
		return errNoHooks
	}
	if k != Ref {
		return d.Hooks.DecodeData(d, q, v)
	}
	i, promise, ok := RefOf(q)
	if !ok {
		return errMalformed
	}
	return d.Hooks.DecodeRef(i, promise, v)
}

func decSturdyref(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case Null:
		v.SetZero()
		return nil
	case Sturdyref:
	default:
		return wanted(k, "a sturdyref")
	}
	if d.Hooks == nil {
		return errNoHooks
	}
	p, err := content(q)
	if err != nil {
		return err
	}
	b, err := textBytes(p) // never into the shared texts: it is a secret
	if err != nil {
		return err
	}
	return d.Hooks.DecodeSturdyref(string(b), v)
}
