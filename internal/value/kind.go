package value

import "github.com/vatnet/vatnet/internal/capn"

// Kind is the kind of a value on the wire: the discriminant of the union in
// struct Value of spec/object.capnp.
type Kind uint16

// The kinds, numbered as on the wire.
const (
	Null Kind = iota
	Bool
	Int64
	Uint64
	Float64
	Text
	Data
	BigInt
	Time
	Duration
	List
	Map
	RecordKind
	Records
	Int64s
	Float64s
	Error
	Ref
	Sturdyref
	kinds // the number of kinds
)

var kindNames = [kinds]string{
	"null", "bool", "int64", "uint64", "float64", "text", "data", "bigInt", "time", "duration", "list", "map", "record",
	"records", "int64s", "float64s", "error", "ref", "sturdyref",
}

// String returns the name of the kind in the schema, or "unknown".
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// Where the fields of Value lie: byte and bit offsets as `capnp compile -ocapnp
// spec/object.capnp` prints them. The tests compare them with the generated types.
const (
	valueWords = 2
	valuePtrs  = 1

	offKind  = 0  // UInt16
	offWord  = 8  // int64, uint64, float64, duration; time: seconds
	offNanos = 4  // UInt32
	offZone  = 2  // Int16
	bitFlag  = 16 // bool; bigInt: negative; ref: promise
)

// KindOf returns the kind of the value p. A null pointer is a null value.
func KindOf(p capn.Ptr) Kind { return Kind(p.U16(offKind)) }

// RefOf returns the reference that the value p is: its index in the capability
// table of its message, and whether what it designates may turn out to be data.
// ok is false if p is anything else, or malformed.
func RefOf(p capn.Ptr) (index uint32, promise, ok bool) {
	if KindOf(p) != Ref {
		return 0, false, false
	}
	c, err := p.Field(0)
	if err != nil || !c.IsCap() {
		return 0, false, false
	}
	return c.Cap(), p.Bool(bitFlag), true
}
