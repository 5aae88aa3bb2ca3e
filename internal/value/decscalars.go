package value

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"reflect"
	"time"
	"unsafe"

	"github.com/vatnet/vatnet/internal/capn"
)

// maxZone is the largest offset of a zone in minutes, either way.
const maxZone = 24*60 - 1

func decBool(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if k := KindOf(q); k != Bool {
		return wanted(k, v.Type().String())
	}
	v.SetBool(q.Bool(bitFlag))
	return nil
}

func decString(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if k := KindOf(q); k != Text {
		return wanted(k, v.Type().String())
	}
	s, err := d.text(q)
	v.SetString(s)
	return err
}

func decBytes(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case Null:
		v.SetZero()
		return nil
	case Data:
		b, err := d.data(q)
		if err == nil {
			v.SetBytes(b)
		}
		return err
	case List: // an empty list from a peer that does not know what it would be a list of
		if l, err := content(q); err == nil && (l.IsList() || l.IsNull()) && l.Len() == 0 {
			v.SetBytes([]byte{})
			return nil
		}
		return wanted(k, v.Type().String())
	default:
		return wanted(k, v.Type().String())
	}
}

func decByteArray(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if k := KindOf(q); k != Data {
		return wanted(k, v.Type().String())
	}
	l, err := content(q)
	if err != nil {
		return err
	}
	b, err := l.Bytes()
	if err != nil {
		return err
	}
	if len(b) != v.Len() {
		return fmt.Errorf("%d bytes where %s is wanted", len(b), v.Type())
	}
	copy(v.Bytes(), b)
	return nil
}

// number is a number as it stands in a message, of any kind that has one.
type number struct {
	kind Kind
	word uint64  // of int64, uint64 and float64
	big  big.Int // of bigInt, if it does not fit a word
}

// readNumber reads q. A bigInt that fits an int64 or uint64 becomes one.
func readNumber(q capn.Ptr) (n number, ok bool, err error) {
	n.kind = KindOf(q)
	switch n.kind {
	case Int64, Uint64, Float64:
		n.word = q.U64(offWord)
		return n, true, nil
	case BigInt:
		err = n.readBig(q)
		return n, err == nil, err
	}
	return n, false, nil
}

func (n *number) readBig(q capn.Ptr) error {
	mag, negative, err := magnitude(q)
	if err != nil {
		return err
	}
	if len(mag) <= 8 {
		for _, b := range mag {
			n.word = n.word<<8 | uint64(b)
		}
		switch {
		case !negative:
			n.kind = Uint64
			return nil
		case n.word <= 1<<63:
			n.kind, n.word = Int64, -n.word
			return nil
		}
	}
	n.big.SetBytes(mag)
	if negative {
		n.big.Neg(&n.big)
	}
	return nil
}

// magnitude returns sign and bytes, without leading zeros, of a bigInt. The
// bytes alias the message.
func magnitude(q capn.Ptr) (mag []byte, negative bool, err error) {
	l, err := content(q)
	if err != nil {
		return nil, false, err
	}
	if mag, err = l.Bytes(); err != nil {
		return nil, false, err
	}
	for len(mag) > 0 && mag[0] == 0 {
		mag = mag[1:]
	}
	return mag, q.Bool(bitFlag), nil
}

func bigInt(q capn.Ptr) (*big.Int, error) {
	mag, negative, err := magnitude(q)
	if err != nil {
		return nil, err
	}
	x := new(big.Int).SetBytes(mag)
	if negative {
		x.Neg(x)
	}
	return x, nil
}

// int64 returns the number as an int64, if it is one.
func (n *number) int64() (int64, bool) {
	switch n.kind {
	case Int64:
		return int64(n.word), true
	case Uint64:
		return int64(n.word), n.word <= math.MaxInt64
	case Float64:
		f := math.Float64frombits(n.word)
		if f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) {
			return int64(f), true
		}
	}
	return 0, false
}

// uint64 returns the number as a uint64, if it is one.
func (n *number) uint64() (uint64, bool) {
	switch n.kind {
	case Int64:
		return n.word, int64(n.word) >= 0
	case Uint64:
		return n.word, true
	case Float64:
		f := math.Float64frombits(n.word)
		if f >= 0 && f < 1<<64 && f == math.Trunc(f) {
			return uint64(f), true
		}
	}
	return 0, false
}

// float64 returns the number as a float64, if there is one that is equal to it.
func (n *number) float64() (float64, bool) {
	switch n.kind {
	case Float64:
		return math.Float64frombits(n.word), true
	case Int64:
		i := int64(n.word)
		return float64(i), exact53(uint64(max(i, -i)))
	case Uint64:
		return float64(n.word), exact53(n.word)
	case BigInt:
		f, accuracy := n.big.Float64()
		return f, accuracy == big.Exact
	}
	return 0, false
}

// exact53 reports whether a magnitude has at most 53 significant bits.
func exact53(u uint64) bool {
	return u == 0 || bits.Len64(u)-bits.TrailingZeros64(u) <= 53
}

// errInexact says that a number does not fit.
func errInexact(k Kind, want string) error {
	return fmt.Errorf("%s that %s cannot hold exactly", k, want)
}

// set stores the number in v, whose kind is a number's, if that is exact.
func (n *number) set(k Kind, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		f, ok := n.float64()
		if ok && v.Kind() == reflect.Float32 {
			ok = f != f || float64(float32(f)) == f
		}
		if ok {
			v.SetFloat(f)
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u, ok := n.uint64(); ok && !v.OverflowUint(u) {
			v.SetUint(u)
			return nil
		}
	default:
		if i, ok := n.int64(); ok && !v.OverflowInt(i) {
			v.SetInt(i)
			return nil
		}
	}
	return errInexact(k, v.Type().String())
}

func decNumber(q capn.Ptr, v reflect.Value) error {
	n, ok, err := readNumber(q)
	if err != nil {
		return err
	}
	if !ok {
		return wanted(KindOf(q), v.Type().String())
	}
	return n.set(KindOf(q), v)
}

func decInt(_ *Decoder, q capn.Ptr, v reflect.Value) error   { return decNumber(q, v) }
func decUint(_ *Decoder, q capn.Ptr, v reflect.Value) error  { return decNumber(q, v) }
func decFloat(_ *Decoder, q capn.Ptr, v reflect.Value) error { return decNumber(q, v) }

// number decodes an element of a list of int64 or float64 into v.
func (p *plan) number(d *Decoder, list Kind, word uint64, v reflect.Value) error {
	n := number{kind: Int64, word: word}
	if list == Float64s {
		n.kind = Float64
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		if isPlainNumber(v.Type(), orPlain(d.Codec)) {
			return n.set(n.kind, v)
		}
	}
	if p.elem.shape == shapeAny {
		if list == Float64s {
			v.Set(reflect.ValueOf(math.Float64frombits(word)))
		} else {
			v.Set(reflect.ValueOf(int64(word)))
		}
		return nil
	}
	// Anything else takes it, or refuses it, as it would a value.
	var b capn.Builder
	b.Init(make([]byte, 0, 32))
	s := b.Root(valueWords, valuePtrs)
	s.SetU16(offKind, uint16(n.kind))
	s.SetU64(offWord, word)
	var m capn.Message
	if err := m.ParseFlat(b.Bytes(), nil); err != nil {
		return err
	}
	q, err := m.Root()
	if err != nil {
		return err
	}
	return d.decode(p.elem, q, v)
}

// settledFloat decodes a float64.
func (d *Decoder) settledFloat(q capn.Ptr) (f float64, err error) {
	if KindOf(q) == Float64 {
		return math.Float64frombits(q.U64(offWord)), nil
	}
	err = d.reflected(q, &f)
	return f, err
}

func decBigInt(_ *Decoder, q capn.Ptr, v reflect.Value) error {
	x := v.Addr().Interface().(*big.Int)
	n, ok, err := readNumber(q)
	if err != nil {
		return err
	}
	if !ok {
		return wanted(KindOf(q), "a number")
	}
	switch n.kind {
	case Int64:
		x.SetInt64(int64(n.word))
	case Uint64:
		x.SetUint64(n.word)
	case BigInt:
		x.Set(&n.big)
	case Float64:
		f := math.Float64frombits(n.word)
		if math.IsInf(f, 0) || f != math.Trunc(f) {
			return errInexact(Float64, "big.Int")
		}
		big.NewFloat(f).Int(x)
	}
	return nil
}

func durationOf(q capn.Ptr) time.Duration { return time.Duration(q.U64(offWord)) }

func decDuration(_ *Decoder, q capn.Ptr, v reflect.Value) error {
	if k := KindOf(q); k != Duration {
		return wanted(k, v.Type().String())
	}
	v.SetInt(int64(durationOf(q)))
	return nil
}

// timeOf returns the time q, in UTC, in the local zone if its offset then was
// the same, or else in a zone without a name.
func timeOf(q capn.Ptr) (time.Time, error) {
	nanos, zone := q.U32(offNanos), int(int16(q.U16(offZone)))
	if nanos >= 1e9 || zone < -maxZone || zone > maxZone {
		return time.Time{}, errMalformed
	}
	t := time.Unix(int64(q.U64(offWord)), int64(nanos))
	if zone == 0 {
		return t.UTC(), nil
	}
	if _, local := t.Zone(); local == zone*60 {
		return t, nil
	}
	return t.In(time.FixedZone("", zone*60)), nil
}

func decTime(_ *Decoder, q capn.Ptr, v reflect.Value) error {
	if k := KindOf(q); k != Time {
		return wanted(k, v.Type().String())
	}
	t, err := timeOf(q)
	if err != nil {
		return err
	}
	*(*time.Time)(unsafe.Pointer(v.UnsafeAddr())) = t // v is a time.Time; Addr would look *time.Time up
	return nil
}
