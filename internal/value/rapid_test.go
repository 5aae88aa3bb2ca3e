package value_test

import (
	"math/big"
	"testing"
	"time"

	stock "capnproto.org/go/capnp/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec/object"
)

var (
	genText = rapid.String()
	genBig  = rapid.Custom(func(t *rapid.T) *big.Int {
		x := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "magnitude"))
		if rapid.Bool().Draw(t, "negative") {
			x.Neg(x)
		}
		return x
	})
	genTime = rapid.Custom(func(t *rapid.T) time.Time {
		tm := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanos"))
		if zone := rapid.IntRange(-1439, 1439).Draw(t, "zone"); zone != 0 {
			return tm.In(time.FixedZone("", zone*60))
		}
		return tm.UTC()
	})
	genDuration = rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) })
)

// genAny generates what an `any` can receive.
func genAny(depth int) *rapid.Generator[any] {
	gens := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Float64().AsAny(), genText.AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(), genBig.AsAny(), genTime.AsAny(), genDuration.AsAny(), rapid.Just[any](errKnown),
		rapid.Map(rapid.Uint32(), func(i uint32) any { return &Far{i} }), rapid.Map(rapid.Uint32(), func(i uint32) any { return &Promised{index: i} }),
		rapid.Map(rapid.StringN(1, 9, -1), func(s string) any { return Secret{s} }),
	}
	if depth > 0 {
		inner := rapid.Deferred(func() *rapid.Generator[any] { return genAny(depth - 1) })
		gens = append(gens,
			rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(genText, inner, 0, 4).AsAny(),
			rapid.Map(rapid.MapOfN(genText, inner, 0, 4), func(m map[string]any) any {
				r := value.Record{}
				for k, v := range m {
					r = append(r, value.Field{Name: k, Value: v})
				}
				return r
			}))
	}
	return rapid.OneOf(gens...)
}

func TestAnyRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := genAny(4).Draw(t, "x")
		flat, err := encode(x)
		require.NoError(t, err)
		var got any
		require.NoError(t, decode(flat, &got))
		requireSame(t, x, got)

		// The stock library reads and copies it; the copy means the same.
		msg, err := stock.Unmarshal(append(capn.AppendFrameHeader(nil, len(flat)), flat...))
		require.NoError(t, err)
		v, err := object.ReadRootValue(msg)
		require.NoError(t, err)
		require.Equal(t, uint16(value.KindOf(parse(flat))), uint16(v.Which()))
	})
}

// requireSame is Equal with times compared as times, and to within their zone's name.
func requireSame(t require.TestingT, want, got any) {
	switch w := want.(type) {
	case time.Time:
		g, ok := got.(time.Time)
		require.True(t, ok)
		_, wz := w.Zone()
		_, gz := g.Zone()
		require.True(t, w.Equal(g) && wz == gz, "%s, got %s", w, g)
	case []any:
		g, ok := got.([]any)
		require.True(t, ok)
		require.Len(t, g, len(w))
		for i := range w {
			requireSame(t, w[i], g[i])
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		require.True(t, ok)
		require.Len(t, g, len(w))
		for k := range w {
			requireSame(t, w[k], g[k])
		}
	case value.Record:
		g, ok := got.(value.Record)
		require.True(t, ok)
		require.Len(t, g, len(w))
		for i := range w {
			require.Equal(t, w[i].Name, g[i].Name)
			requireSame(t, w[i].Value, g[i].Value)
		}
	case float64:
		g, ok := got.(float64)
		require.True(t, ok)
		require.True(t, w == g || w != w && g != g)
	case *big.Int:
		g, ok := got.(*big.Int)
		require.True(t, ok)
		require.Zero(t, w.Cmp(g))
	default:
		require.Equal(t, want, got)
	}
}

// Everything has a field of every sort of type.
type Everything struct {
	B    bool
	I    int
	I8   int8
	I16  int16
	I32  int32
	I64  int64 `vat:",omitempty"`
	U    uint
	U8   uint8
	U16  uint16
	U32  uint32
	U64  uint64
	F32  float32
	F64  float64
	S    string `vat:"text,omitempty"`
	D    []byte
	A4   [4]byte
	P    *int
	Is   []int32
	Fs   []float32
	Ss   []string
	Bs   []bool
	Nest []Nested
	Ptrs []*Nested
	Arr  [2]Nested
	M    map[string]uint16
	MI   map[int8]Nested
	MB   map[bool]*Nested
	N    Named
}

// Nested is what Everything contains several of.
type Nested struct {
	X     int `vat:",omitempty"`
	Texts []string
	Deep  *Nested
}

// A struct arrives as it left, but that an empty slice or map may stand for a nil
// one: so what arrived is encoded again and must be the same bytes.
func TestStructsRoundTrip(t *testing.T) {
	gen := rapid.Make[Everything]()
	rapid.Check(t, func(t *rapid.T) {
		x := gen.Draw(t, "x")
		flat, err := encode(&x)
		if err != nil {
			require.ErrorIs(t, err, value.ErrCannotSend)
			require.ErrorContains(t, err, "nested deeper")
			return
		}
		var y Everything
		require.NoError(t, decode(flat, &y))
		again, err := encode(y)
		require.NoError(t, err)
		require.Equal(t, flat, again)
		var z Everything
		require.NoError(t, decode(again, &z))
		third, err := encode(z)
		require.NoError(t, err)
		require.Equal(t, flat, third)

		// By way of `any`, too: numbers and records lose nothing there. A
		// map[string]any has room for texts as keys only.
		if len(x.MI)+len(x.MB) > 0 {
			return
		}
		var a any
		require.NoError(t, decode(flat, &a))
		viaAny, err := encode(a)
		require.NoError(t, err)
		var w Everything
		require.NoError(t, decode(viaAny, &w))
		last, err := encode(w)
		require.NoError(t, err)
		require.Equal(t, flat, last)
	})
}
