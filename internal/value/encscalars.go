package value

import (
	"cmp"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/vatnet/vatnet/internal/capn"
)

func (e *Encoder) word(dst capn.StructB, k Kind, w uint64) error {
	dst.SetU16(offKind, uint16(k))
	dst.SetU64(offWord, w)
	return nil
}

func (e *Encoder) bool(dst capn.StructB, x bool) error {
	dst.SetU16(offKind, uint16(Bool))
	dst.SetBit(bitFlag, x)
	return nil
}

func (e *Encoder) float(dst capn.StructB, x float64) error {
	return e.word(dst, Float64, math.Float64bits(x))
}

func (e *Encoder) text(dst capn.StructB, s string) error {
	if err := e.checkText(s); err != nil {
		return err
	}
	dst.SetU16(offKind, uint16(Text))
	e.B.Text(dst.Slot(0), s)
	return e.B.Err()
}

func (e *Encoder) checkText(s string) error {
	if !utf8.ValidString(s) {
		return errUTF8
	}
	return nil
}

func (e *Encoder) data(dst capn.StructB, p []byte) error {
	dst.SetU16(offKind, uint16(Data))
	e.B.Data(dst.Slot(0), p)
	return e.B.Err()
}

func encBool(e *Encoder, dst capn.StructB, v reflect.Value) error { return e.bool(dst, v.Bool()) }

func encInt(e *Encoder, dst capn.StructB, v reflect.Value) error {
	return e.word(dst, Int64, uint64(v.Int()))
}

func encUint(e *Encoder, dst capn.StructB, v reflect.Value) error {
	return e.word(dst, Uint64, v.Uint())
}

func encFloat(e *Encoder, dst capn.StructB, v reflect.Value) error { return e.float(dst, v.Float()) }

func encString(e *Encoder, dst capn.StructB, v reflect.Value) error { return e.text(dst, v.String()) }

func encBytes(e *Encoder, dst capn.StructB, v reflect.Value) error { return e.data(dst, v.Bytes()) }

func encByteArray(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if v.CanAddr() {
		return e.data(dst, v.Bytes())
	}
	c := reflect.New(v.Type()).Elem() // only an addressable array can be sliced
	c.Set(v)
	return e.data(dst, c.Bytes())
}

func encFloat64s(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if err := e.enter(1); err != nil {
		return err
	}
	defer e.leave(1)
	dst.SetU16(offKind, uint16(Float64s))
	l := e.B.U64List(dst.Slot(0), v.Len())
	for i := range l.Len() {
		l.SetU64(i, math.Float64bits(v.Index(i).Float()))
	}
	return nil
}

func encDuration(e *Encoder, dst capn.StructB, v reflect.Value) error {
	return e.word(dst, Duration, uint64(v.Int()))
}

func encTime(e *Encoder, dst capn.StructB, v reflect.Value) error {
	var t time.Time
	if v.CanAddr() {
		t = *(*time.Time)(unsafe.Pointer(v.UnsafeAddr())) // v is a time.Time; Addr would look *time.Time up
	} else {
		t = v.Interface().(time.Time)
	}
	dst.SetU32(offNanos, uint32(t.Nanosecond()))
	_, zone := t.Zone()
	dst.SetU16(offZone, uint16(int16(min(max(zone/60, -maxZone), maxZone))))
	return e.word(dst, Time, uint64(t.Unix()))
}

func encBigInt(e *Encoder, dst capn.StructB, v reflect.Value) error {
	var x *big.Int
	if v.CanAddr() {
		x = v.Addr().Interface().(*big.Int)
	} else {
		c := reflect.New(v.Type()) // a big.Int must not be copied by hand
		c.Elem().Set(v)
		x = c.Interface().(*big.Int)
	}
	dst.SetU16(offKind, uint16(BigInt))
	dst.SetBit(bitFlag, x.Sign() < 0)
	e.B.Data(dst.Slot(0), x.Bytes())
	return e.B.Err()
}

func encError(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if k := v.Kind(); (k == reflect.Interface || k == reflect.Pointer) && v.IsNil() {
		return nil
	}
	err := v.Interface().(error)
	code, text := "", ""
	if e.Hooks != nil {
		code, text = e.Hooks.EncodeError(err)
	} else {
		text = err.Error()
	}
	dst.SetU16(offKind, uint16(Error))
	s := e.B.Struct(dst.Slot(0), 0, 2)
	e.B.Text(s.Slot(0), strings.ToValidUTF8(text, "\uFFFD"))
	if code != "" {
		e.B.Text(s.Slot(1), strings.ToValidUTF8(code, "\uFFFD"))
	}
	return e.B.Err()
}

func encRef(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if e.Hooks == nil {
		return errNoHooks
	}
	i, promise, null, err := e.Hooks.EncodeRef(v)
	if err != nil || null {
		return err
	}
	dst.SetU16(offKind, uint16(Ref))
	dst.SetBit(bitFlag, promise)
	e.B.SetCap(dst.Slot(0), i)
	return nil
}

func encSturdyref(e *Encoder, dst capn.StructB, v reflect.Value) error {
	if e.Hooks == nil {
		return errNoHooks
	}
	uri, err := e.Hooks.EncodeSturdyref(v)
	if err != nil || uri == "" {
		return err
	}
	dst.SetU16(offKind, uint16(Sturdyref))
	e.B.Text(dst.Slot(0), uri)
	return e.B.Err()
}

// keyOrder returns the order in which the keys of a map are sent: numbers by
// size, texts by bytes, false before true. Nil for types that are no keys.
func keyOrder(t reflect.Type) func(a, b reflect.Value) int {
	switch t.Kind() {
	case reflect.String:
		return func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(a, b reflect.Value) int { return cmp.Compare(a.Int(), b.Int()) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(a, b reflect.Value) int { return cmp.Compare(a.Uint(), b.Uint()) }
	case reflect.Bool:
		return func(a, b reflect.Value) int {
			switch {
			case a.Bool() == b.Bool():
				return 0
			case b.Bool():
				return -1
			default:
				return 1
			}
		}
	}
	return nil
}
