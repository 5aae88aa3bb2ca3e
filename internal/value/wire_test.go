package value_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	stock "capnproto.org/go/capnp/v3"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/spec/object"
)

var rewrite = flag.Bool("rewrite", false, "write spec/vectors/values.json anew")

// vector is one known answer: a value and its bytes, as a flat segment.
type vector struct {
	Name    string   `json:"name"`
	Meaning string   `json:"meaning"`
	Words   []string `json:"words"` // each word of the segment, in hex, bytes in their order on the wire
}

func vectors() (xs []any, vs []vector) {
	add := func(x any, name, meaning string) {
		flat := must(encode(x))
		v := vector{Name: name, Meaning: meaning}
		for i := 0; i < len(flat); i += 8 {
			v.Words = append(v.Words, hex.EncodeToString(flat[i:i+8]))
		}
		xs, vs = append(xs, x), append(vs, v)
	}
	add(nil, "null", "null")
	add(true, "bool", "true")
	add(int64(-2), "int64", "-2")
	add(uint64(1<<63), "uint64", "2^63")
	add(1.5, "float64", "1.5")
	add("foot", "text", `"foot"`)
	add([]byte{1, 2, 255}, "data", "bytes 1, 2, 255")
	add(new(big.Int).Neg(pow2(64)), "bigInt", "-(2^64)")
	add(time.Date(2026, 11, 23, 2, 40, 0, 5, time.FixedZone("", -90*60)), "time", "2026-11-23T02:40:00.000000005-01:30")
	add(1500*time.Millisecond, "duration", "1.5 s")
	add([]any{"a", int64(1)}, "list", `["a", 1]`)
	add(map[string]any{"b": true, "a": nil}, "map", `{"a": null, "b": true}`)
	add(value.Record{{Name: "line", Value: "foot"}}, "record", `record with line "foot"`)
	add([]struct{ Line string }{{"foot"}, {"shoe"}}, "records", `records with line "foot" and "shoe"`)
	add([]int64{-1, 2}, "int64s", "[-1, 2]")
	add([]float64{0.5}, "float64s", "[0.5]")
	add(errKnown, "error", `error with text "known" and code "test.known"`)
	add(&Far{3}, "ref", "capability 3")
	add(&Promised{index: 4}, "promise", "capability 4, a promise")
	add(Secret{"captp://"}, "sturdyref", `"captp://", not a whole URI`)
	return xs, vs
}

func TestVectors(t *testing.T) {
	const file = "../../spec/vectors/values.json"
	xs, vs := vectors()
	if *rewrite {
		out, err := json.MarshalIndent(vs, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, append(out, '\n'), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var want []vector
	require.NoError(t, json.Unmarshal(text, &want))
	require.Equal(t, want, vs)
	for i, x := range xs {
		flat, err := hex.DecodeString(strings.Join(want[i].Words, ""))
		require.NoError(t, err)
		if x == nil {
			continue
		}
		got := reflect.New(reflect.TypeOf(x))
		require.NoError(t, decode(flat, got.Interface()))
		if x == errKnown {
			continue // its type cannot be decoded into, see TestErrorsAsValues
		}
		require.Equal(t, x, got.Elem().Interface(), want[i].Name)
	}
}

// stockValue reads an encoded value through the generated types.
func stockValue(t require.TestingT, x any) object.Value {
	flat, err := encode(x)
	require.NoError(t, err)
	msg, err := stock.Unmarshal(append(capn.AppendFrameHeader(nil, len(flat)), flat...))
	require.NoError(t, err)
	v, err := object.ReadRootValue(msg)
	require.NoError(t, err)
	return v
}

// The generated types are the oracle for where each field lies.
func TestGeneratedTypesAgree(t *testing.T) {
	kinds := map[value.Kind]object.Value_Which{
		value.Null: object.Value_Which_null, value.Bool: object.Value_Which_bool, value.Int64: object.Value_Which_int64,
		value.Uint64: object.Value_Which_uint64, value.Float64: object.Value_Which_float64, value.Text: object.Value_Which_text,
		value.Data: object.Value_Which_data, value.BigInt: object.Value_Which_bigInt, value.Time: object.Value_Which_time,
		value.Duration: object.Value_Which_duration, value.List: object.Value_Which_list, value.Map: object.Value_Which_map,
		value.RecordKind: object.Value_Which_record, value.Records: object.Value_Which_records, value.Int64s: object.Value_Which_int64s,
		value.Float64s: object.Value_Which_float64s, value.Error: object.Value_Which_error, value.Ref: object.Value_Which_ref,
		value.Sturdyref: object.Value_Which_sturdyref,
	}
	require.Len(t, kinds, int(value.Sturdyref)+1)
	for k, which := range kinds {
		require.Equal(t, uint16(which), uint16(k))
		require.Equal(t, which.String(), k.String())
	}
	require.True(t, stockValue(t, true).Bool())
	require.Equal(t, int64(-2), stockValue(t, -2).Int64())
	require.Equal(t, uint64(1<<63), stockValue(t, uint64(1<<63)).Uint64())
	require.Equal(t, 1.5, stockValue(t, 1.5).Float64())
	require.Equal(t, "x", must(stockValue(t, "x").Text()))
	require.Equal(t, []byte{1}, must(stockValue(t, []byte{1}).Data()))
	b := stockValue(t, big.NewInt(-258)).BigInt()
	require.True(t, b.Negative())
	require.Equal(t, []byte{1, 2}, must(b.Magnitude()))
	tm := stockValue(t, time.Unix(-5, 7).In(time.FixedZone("", -3600))).Time()
	require.Equal(t, []any{int64(-5), uint32(7), int16(-60)}, []any{tm.Seconds(), tm.Nanoseconds(), tm.Zone()})
	require.Equal(t, int64(time.Second), stockValue(t, time.Second).Duration())
	l := must(stockValue(t, []any{"a", 1}).List())
	require.Equal(t, 2, l.Len())
	require.Equal(t, int64(1), l.At(1).Int64())
	m := must(stockValue(t, map[string]int{"b": 2, "a": 1}).Map())
	require.Equal(t, "a", must(must(m.At(0).Key()).Text()))
	require.Equal(t, int64(2), must(m.At(1).Value()).Int64())
	r := must(stockValue(t, Base{1, 2}).Record())
	require.Equal(t, "iD", must(must(r.Names()).At(0)))
	require.Equal(t, int64(2), must(r.Values()).At(1).Int64())
	rs := must(stockValue(t, []Base{{1, 2}, {3, 4}}).Records())
	require.Equal(t, 2, must(rs.Names()).Len())
	require.Equal(t, int64(3), must(rs.Values()).At(2).Int64())
	require.Equal(t, int64(-1), must(stockValue(t, []int{5, -1}).Int64s()).At(1))
	require.Equal(t, 0.5, must(stockValue(t, []float32{0.5}).Float64s()).At(0))
	er := must(stockValue(t, errKnown).Error())
	require.Equal(t, []string{"known", "test.known"}, []string{must(er.Text()), must(er.Code())})
	ref := stockValue(t, &Promised{index: 6})
	require.Equal(t, object.Value_Which_ref, ref.Which())
	require.True(t, ref.Ref().Promise())
	ptr, err := stock.Struct(ref).Ptr(0)
	require.NoError(t, err)
	require.Equal(t, stock.CapabilityID(6), ptr.Interface().Capability())
	require.Equal(t, "captp://", must(stockValue(t, Secret{"captp://"}).Sturdyref()))
}

// What the generated types wrote, we read.
func TestReadsGeneratedTypes(t *testing.T) {
	msg, seg, err := stock.NewMessage(stock.MultiSegment(nil))
	require.NoError(t, err)
	params, err := object.NewRootObject_send_Params(seg)
	require.NoError(t, err)
	require.NoError(t, params.SetVerb("search"))
	args, err := params.NewArgs(3)
	require.NoError(t, err)
	require.NoError(t, args.At(0).SetText("foo"))
	bi := args.At(1)
	bi.SetBigInt()
	bi.BigInt().SetNegative(true)
	require.NoError(t, bi.BigInt().SetMagnitude([]byte{0, 0, 7}))
	rs, err := args.At(2).NewRecords()
	require.NoError(t, err)
	names, err := rs.NewNames(2)
	require.NoError(t, err)
	require.NoError(t, names.Set(0, "line"))
	require.NoError(t, names.Set(1, "at"))
	values, err := rs.NewValues(4)
	require.NoError(t, err)
	require.NoError(t, values.At(0).SetText("foot"))
	require.NoError(t, values.At(2).SetText("shoe"))
	values.At(3).SetTime()
	values.At(3).Time().SetSeconds(9)
	frame, err := msg.Marshal()
	require.NoError(t, err)

	var m capn.Message
	require.NoError(t, m.Parse(frame, nil))
	root, err := m.Root()
	require.NoError(t, err)
	a, err := value.ParseArgs(root)
	require.NoError(t, err)
	require.Equal(t, "search", string(a.Verb()))
	require.Equal(t, 3, a.Len())
	require.Equal(t, value.Records, a.KindOf(2))
	var s string
	var n int
	var es []Entry
	d := value.Decoder{Codec: codec}
	for i, into := range []any{&s, &n, &es} {
		require.NoError(t, a.Decode(&d, i, reflect.ValueOf(into).Elem()))
	}
	require.Equal(t, "foo", s)
	require.Equal(t, -7, n)
	require.Equal(t, []Entry{{Line: "foot"}, {Line: "shoe", At: time.Unix(9, 0).UTC()}}, es)
}

func TestMapsAreSorted(t *testing.T) {
	spec.Covers(t, "VAL-11")
	texts, ints, uints := map[string]int{}, map[int]int{}, map[uint8]int{}
	for i := range 50 {
		texts[strings.Repeat("k", i%7)+string(rune('a'+i))] = i
		ints[i-25] = i
		uints[uint8(i*5)] = i
	}
	for _, x := range []any{texts, ints, uints, map[bool]int{true: 1, false: 0}} {
		m := must(stockValue(t, x).Map())
		for i := 1; i < m.Len(); i++ {
			a, b := must(m.At(i-1).Key()), must(m.At(i).Key())
			require.Equal(t, a.Which(), b.Which())
			switch a.Which() {
			case object.Value_Which_text:
				require.Less(t, must(a.Text()), must(b.Text()))
			case object.Value_Which_int64:
				require.Less(t, a.Int64(), b.Int64())
			case object.Value_Which_uint64:
				require.Less(t, a.Uint64(), b.Uint64())
			default:
				require.True(t, !a.Bool() && b.Bool())
			}
		}
	}
}
