package value

import (
	"fmt"
	"math/big"
	"reflect"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vatnet/vatnet/internal/capn"
)

// Codec compiles, for each Go type, how it is encoded and decoded, and keeps
// the result. It is safe for concurrent use. A nil Codec claims no types.
type Codec struct {
	claims func(reflect.Type) Claim
	plans  sync.Map // reflect.Type → *plan
}

// NewCodec returns a Codec for programs in which claims says which types are
// references. claims must depend on nothing but the type; nil claims none.
func NewCodec(claims func(reflect.Type) Claim) *Codec { return &Codec{claims: claims} }

// plainCodec serves where no Codec was given.
var plainCodec = NewCodec(nil)

func orPlain(c *Codec) *Codec {
	if c == nil {
		return plainCodec
	}
	return c
}

// shape is what a plan does, in so far as others have to know.
type shape uint8

const (
	shapeScalar  shape = iota // holds no other values
	shapeRef                  // claimed as a reference
	shapeAny                  // any: takes whatever comes
	shapeRecord               // a Record
	shapeStruct               // a record
	shapePointer              // elem, or null
	shapeList                 // elem, many times
	shapeMap                  // key, elem
)

// plan is what a Codec knows about a type. It is complete once compile returned;
// while types that contain themselves are compiled, others hold on to it.
type plan struct {
	typ    reflect.Type
	shape  shape
	enc    func(e *Encoder, dst capn.StructB, v reflect.Value) error
	dec    func(d *Decoder, p capn.Ptr, v reflect.Value) error
	elem   *plan
	key    *plan
	fields *fields // of a struct

	sturdyref bool // claimed as a sturdyref
	refused   bool // cannot be carried
}

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeBigInt   = reflect.TypeFor[big.Int]()
	typeRecord   = reflect.TypeFor[Record]()
	typeAny      = reflect.TypeFor[any]()
	typeError    = reflect.TypeFor[error]()
)

// wantsPlain reports whether p takes a reference only by what it settles to.
func (p *plan) wantsPlain() bool {
	for p.shape == shapePointer {
		p = p.elem
	}
	return p.shape != shapeRef && p.shape != shapeAny
}

// claim returns what t is claimed as.
func (c *Codec) claim(t reflect.Type) Claim {
	if c.claims == nil {
		return Unclaimed
	}
	return c.claims(t)
}

// plan returns the plan for t.
func (c *Codec) plan(t reflect.Type) *plan {
	if got, ok := c.plans.Load(t); ok {
		return got.(*plan)
	}
	// Plans refer to one another, so all that a type needs are compiled together
	// and published when the last of them is complete.
	building := map[reflect.Type]*plan{}
	c.compile(t, building)
	for bt, p := range building {
		c.plans.LoadOrStore(bt, p)
	}
	got, _ := c.plans.Load(t)
	return got.(*plan)
}

// compile makes the plan for t and for all that it contains.
func (c *Codec) compile(t reflect.Type, building map[reflect.Type]*plan) *plan {
	if got, ok := c.plans.Load(t); ok {
		return got.(*plan)
	}
	if got := building[t]; got != nil {
		return got
	}
	p := &plan{typ: t}
	building[t] = p
	switch c.claim(t) {
	case ClaimRef:
		p.shape, p.enc, p.dec = shapeRef, encRef, decRef
		return p
	case ClaimSturdyref:
		p.sturdyref, p.enc, p.dec = true, encSturdyref, decSturdyref
		return p
	}
	switch t {
	case typeTime:
		p.enc, p.dec = encTime, decTime
	case typeDuration:
		p.enc, p.dec = encDuration, decDuration
	case typeBigInt:
		p.enc, p.dec = encBigInt, decBigInt
	case typeRecord:
		p.shape, p.enc, p.dec = shapeRecord, encRecordValue, decRecordValue
	case typeAny:
		p.shape, p.enc, p.dec = shapeAny, encInterface, decAny
	case typeError:
		p.enc, p.dec = encError, decError
	default:
		if t.Kind() == reflect.Interface {
			p.enc, p.dec = encInterface, p.refuseReceive("")
		} else if t.Implements(typeError) {
			p.enc, p.dec = encError, decError
		} else {
			c.compileKind(p, building)
		}
	}
	return p
}

// compileKind makes the plan for a type that is nothing but what its kind is.
func (c *Codec) compileKind(p *plan, building map[reflect.Type]*plan) {
	switch t := p.typ; t.Kind() {
	case reflect.Bool:
		p.enc, p.dec = encBool, decBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.enc, p.dec = encInt, decInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.enc, p.dec = encUint, decUint
	case reflect.Float32, reflect.Float64:
		p.enc, p.dec = encFloat, decFloat
	case reflect.String:
		p.enc, p.dec = encString, decString
	case reflect.Pointer:
		if pointsForEver(t) {
			p.refuse("")
			return
		}
		p.shape, p.elem = shapePointer, c.compile(t.Elem(), building)
		p.enc, p.dec = p.encPointer, p.decPointer
	case reflect.Slice, reflect.Array:
		c.compileList(p, building)
	case reflect.Map:
		p.shape = shapeMap
		p.key, p.elem = c.compile(t.Key(), building), c.compile(t.Elem(), building)
		p.enc, p.dec = p.encMap, p.decMap
		if order := keyOrder(t.Key()); order == nil || p.key.shape != shapeScalar {
			p.refuse("a map with keys of type " + t.Key().String())
		}
	case reflect.Struct:
		if c.claim(reflect.PointerTo(t)) == ClaimRef {
			p.refuse(t.String() + ", which goes by reference and so only as a pointer,")
			return
		}
		p.shape = shapeStruct
		p.fields = &fields{}
		if err := p.fields.collect(c, t, building); err != nil {
			p.refuse(err.Error())
			return
		}
		p.enc, p.dec = p.encStruct, p.decStruct
	default: // chan, func, complex, uintptr, unsafe.Pointer
		p.refuse("")
	}
}

// compileList makes the plan for slices and arrays.
func (c *Codec) compileList(p *plan, building map[reflect.Type]*plan) {
	t := p.typ
	if t.Elem().Kind() == reflect.Uint8 && c.claim(t.Elem()) == Unclaimed && !t.Elem().Implements(typeError) {
		if t.Kind() == reflect.Slice {
			p.enc, p.dec = encBytes, decBytes
		} else {
			p.enc, p.dec = encByteArray, decByteArray
		}
		return
	}
	p.shape, p.elem = shapeList, c.compile(t.Elem(), building)
	p.enc, p.dec = p.encList, p.decList
	switch t.Elem().Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if isPlainNumber(t.Elem(), c) {
			p.enc = encInt64s
		}
	case reflect.Float32, reflect.Float64:
		if isPlainNumber(t.Elem(), c) {
			p.enc = encFloat64s
		}
	}
}

// pointsForEver reports whether t is a type like `type P *P`, which no value ends.
func pointsForEver(t reflect.Type) bool {
	for range MaxDepth {
		if t.Kind() != reflect.Pointer {
			return false
		}
		t = t.Elem()
	}
	return true
}

// isPlainNumber reports whether t is nothing but a number.
func isPlainNumber(t reflect.Type, c *Codec) bool {
	return t != typeDuration && c.claim(t) == Unclaimed && !t.Implements(typeError)
}

// refuse has p neither sent nor received; what says what it is, "" means its type.
func (p *plan) refuse(what string) {
	p.shape, p.refused = shapeScalar, true
	if what == "" {
		what = p.typ.String()
	}
	p.enc = func(*Encoder, capn.StructB, reflect.Value) error {
		return &SendError{Err: fmt.Errorf("%s cannot be sent", what)}
	}
	p.dec = p.refuseReceive(what)
}

func (p *plan) refuseReceive(what string) func(*Decoder, capn.Ptr, reflect.Value) error {
	if what == "" {
		what = p.typ.String()
	}
	return func(*Decoder, capn.Ptr, reflect.Value) error {
		return fmt.Errorf("%s cannot be received", what)
	}
}

// wireName is the name under which a Go field travels.
func wireName(goName string) string {
	r, n := utf8.DecodeRuneInString(goName)
	return string(unicode.ToLower(r)) + goName[n:]
}
