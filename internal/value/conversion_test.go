package value_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec"
)

func pow2(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

func TestNumbersConvertOnlyIfExact(t *testing.T) {
	spec.Covers(t, "VAL-7")
	const no = "refused"
	tests := []struct {
		sent any
		want any // a value of the type that receives; or {type's zero, no}
	}{
		{int64(127), int8(127)}, {int64(128), [2]any{int8(0), no}}, {int64(-129), [2]any{int8(0), no}},
		{int64(-1), [2]any{uint64(0), no}}, {int64(math.MaxInt64), uint64(math.MaxInt64)},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)}, {uint64(1 << 63), [2]any{int64(0), no}}, {uint64(5), int(5)},
		{uint64(256), [2]any{uint8(0), no}}, {uint64(65535), uint16(65535)},
		{1.0, int(1)}, {1.5, [2]any{int(0), no}}, {-1.0, [2]any{uint(0), no}}, {math.NaN(), [2]any{int(0), no}},
		{math.Inf(1), [2]any{int64(0), no}}, {float64(1 << 63), [2]any{int64(0), no}}, {-float64(1 << 63), int64(math.MinInt64)},
		{float64(1 << 63), uint64(1 << 63)}, {math.Ldexp(1, 64), [2]any{uint64(0), no}}, {math.Copysign(0, -1), int(0)},
		{int64(1 << 53), float64(1 << 53)}, {int64(1<<53 + 1), [2]any{float64(0), no}}, {int64(math.MinInt64), -float64(1 << 63)},
		{uint64(math.MaxUint64), [2]any{float64(0), no}}, {uint64(1<<63 + 1<<11), float64(1<<63 + 1<<11)},
		{int64(1 << 24), float32(1 << 24)}, {int64(1<<24 + 1), [2]any{float32(0), no}}, {0.5, float32(0.5)}, {0.1, [2]any{float32(0), no}},
		{math.Inf(-1), float32(math.Inf(-1))}, {1e300, [2]any{float32(0), no}},
		{big.NewInt(-128), int8(-128)}, {pow2(63), [2]any{int64(0), no}}, {new(big.Int).Neg(pow2(63)), int64(math.MinInt64)},
		{pow2(63), uint64(1 << 63)}, {pow2(64), [2]any{uint64(0), no}}, {pow2(70), math.Ldexp(1, 70)}, {big.NewInt(-1), [2]any{uint8(0), no}},
		{new(big.Int).Add(pow2(70), big.NewInt(1)), [2]any{float64(0), no}}, {pow2(2000), [2]any{float64(0), no}},
		{int64(-7), *big.NewInt(-7)}, {uint64(math.MaxUint64), *new(big.Int).Sub(pow2(64), big.NewInt(1))}, {math.Ldexp(1, 80), *pow2(80)},
		{1.5, [2]any{big.Int{}, no}}, {math.NaN(), [2]any{big.Int{}, no}}, {math.Inf(1), [2]any{big.Int{}, no}},
		{"1", [2]any{int(0), no}}, {true, [2]any{int(0), no}}, {time.Second, [2]any{int64(0), no}}, {int64(1), [2]any{time.Duration(0), no}},
		{int64(1), [2]any{false, no}}, {int64(1), [2]any{"", no}}, {nil, [2]any{int(0), no}}, {[]byte{1}, [2]any{int(0), no}},
		{"x", [2]any{big.Int{}, no}}, {"x", [2]any{0.0, no}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T %v", tt.sent, tt.sent), func(t *testing.T) {
			want, refused := tt.want, false
			if pair, ok := want.([2]any); ok {
				want, refused = pair[0], true
			}
			flat, err := encode(tt.sent)
			require.NoError(t, err)
			got := reflect.New(reflect.TypeOf(want))
			err = decode(flat, got.Interface())
			if refused {
				require.ErrorIs(t, err, value.ErrCannotReceive, "got %v", got.Elem())
				return
			}
			require.NoError(t, err)
			if b, ok := want.(big.Int); ok { //nolint:govet // only read
				require.Zero(t, b.Cmp(got.Interface().(*big.Int)))
				return
			}
			require.Equal(t, want, got.Elem().Interface())
		})
	}
	require.True(t, math.IsNaN(float64(carry[float32](t, math.NaN()))))
	require.Equal(t, []Small{1, 2}, carry[[]Small](t, []any{1, 2.0}), "elements convert like numbers")
}

func TestListsOfAnyKind(t *testing.T) {
	spec.Covers(t, "VAL-9")
	require.Equal(t, []any{int64(1), int64(2)}, carry[any](t, []int{1, 2}))
	require.Equal(t, []any{1.5}, carry[any](t, []float32{1.5}))
	require.Equal(t, []int{1, 2}, carry[[]int](t, []any{1, uint8(2)}))
	require.Equal(t, []uint16{1, 2}, carry[[]uint16](t, []int{1, 2}))
	require.Equal(t, []float64{1, 2}, carry[[]float64](t, []int{1, 2}))
	require.Equal(t, []int{1}, carry[[]int](t, []float64{1}))
	require.Equal(t, [2]any{int64(1), int64(2)}, carry[[2]any](t, []int{1, 2}))
	require.Equal(t, []*big.Int{big.NewInt(4)}, carry[[]*big.Int](t, []int{4}))
	rec := value.Record{{Name: "iD", Value: int64(1)}, {Name: "shadowed", Value: int64(2)}}
	require.Equal(t, []any{rec}, carry[any](t, []Base{{1, 2}}))
	require.Equal(t, []value.Record{rec}, carry[[]value.Record](t, []Base{{1, 2}}))
	require.Equal(t, []Base{{1, 2}}, carry[[]Base](t, []any{rec}))
	require.Equal(t, []*Base{{1, 2}}, carry[[]*Base](t, []Base{{1, 2}}))
	require.Equal(t, []Base{{1, 2}}, carry[[]Base](t, []*Base{{1, 2}}))
	require.Equal(t, []map[string]int{{"iD": 1, "shadowed": 2}}, carry[[]map[string]int](t, []Base{{1, 2}}))
	for _, bad := range []error{
		second(tryCarry[[]string]([]int{1})), second(tryCarry[[3]int]([]int{1, 2})), second(tryCarry[[]int8]([]int{300})),
		second(tryCarry[[]int]([]Base{{1, 2}})), second(tryCarry[[]byte]([]int{1})), second(tryCarry[[2]byte]([]byte{1})),
	} {
		require.ErrorIs(t, bad, value.ErrCannotReceive)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnyReceives(t *testing.T) {
	for _, tt := range []struct{ sent, want any }{
		{true, true}, {int8(1), int64(1)}, {uint16(1), uint64(1)}, {float32(0.5), 0.5}, {Named("x"), "x"}, {Code{1}, []byte{1, 0, 0, 0}},
		{big.NewInt(3), big.NewInt(3)}, {time.Unix(1, 0).UTC(), time.Unix(1, 0).UTC()}, {time.Second, time.Second},
		{[]string{"a"}, []any{"a"}}, {map[Named]int{"a": 1}, map[string]any{"a": int64(1)}}, {struct{ A any }{}, value.Record{{Name: "a"}}},
		{errKnown, errKnown}, {errors.New("other"), errors.New("other")}, {&Far{3}, &Far{3}}, {&Promised{index: 4}, &Promised{index: 4}},
		{Secret{"captp://"}, Secret{"captp://"}}, {(*Entry)(nil), nil}, {[]struct{}{{}, {}}, []any{value.Record{}, value.Record{}}},
	} {
		t.Run(fmt.Sprintf("%T", tt.sent), func(t *testing.T) {
			require.Equal(t, tt.want, carry[any](t, tt.sent))
		})
	}
	_, err := tryCarry[any](map[int]int{1: 1})
	require.ErrorIs(t, err, value.ErrCannotReceive, "a map[string]any has texts as keys")
}

func TestRecordsByName(t *testing.T) {
	spec.Covers(t, "VAL-13")
	type Wide struct {
		Line  string
		Extra int
		At    time.Time
	}
	w := Wide{"x", 3, time.Unix(1, 0).UTC()}
	require.Equal(t, Entry{w.At, "x"}, carry[Entry](t, w), "order does not matter, unknown fields are ignored")
	require.Equal(t, []Entry{{w.At, "x"}}, carry[[]Entry](t, []Wide{w}))
	require.Equal(t, Wide{"x", 0, w.At}, carry[Wide](t, Entry{w.At, "x"}), "missing fields are zero")
	require.Equal(t, Wide{Line: "x"}, carry[Wide](t, value.Record{{Name: "line", Value: "x"}, {Name: "extra"}}), "so are null ones")
	require.Equal(t, map[string]any{"line": "x", "at": w.At}, carry[map[string]any](t, Entry{w.At, "x"}))

	old := Wide{Line: "old", Extra: 9}
	require.NoError(t, decode(must(encode(Base{1, 2})), &old))
	require.Equal(t, Wide{}, old, "what was there before is replaced")

	got := carry[value.Record](t, Outer{Base: Base{1, 2}, inner: inner{"deep"}, Shadowed: "own", Hidden: 4, private: 5})
	var names []string
	for _, f := range got {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"iD", "shadowed", "deep", "uRL2", "next", "tags", "any"}, names, "empty note and when are omitted")
	v, ok := got.Get("shadowed")
	require.True(t, ok)
	require.Equal(t, "own", v, "the shallower field wins")
	_, ok = got.Get("note")
	require.False(t, ok)
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func TestPointersAreOptional(t *testing.T) {
	one := 1
	require.Equal(t, &one, carry[*int](t, 1))
	require.Equal(t, 1, carry[int](t, &one))
	require.Nil(t, carry[*int](t, nil))
	require.Nil(t, carry[*int](t, (*string)(nil)))
	p := &one
	require.Equal(t, 1, **carry[**int](t, &p))
	require.Nil(t, carry[[]int](t, nil), "null is a nil slice")
	require.Nil(t, carry[map[string]int](t, nil))
	require.Equal(t, []int{}, carry[[]int](t, []int(nil)), "a nil slice is an empty list")
	require.Equal(t, struct{}{}, carry[struct{}](t, nil), "a verb that returns nothing")
}

func TestTimes(t *testing.T) {
	spec.Covers(t, "VAL-8")
	here := time.Unix(1e9, 5).In(time.FixedZone("X", 5*3600+30*60))
	got := carry[time.Time](t, here)
	require.True(t, here.Equal(got))
	_, off := got.Zone()
	require.Equal(t, 5*3600+30*60, off)
	local := time.Unix(1e9, 5)
	require.True(t, local.Equal(carry[time.Time](t, local)))

	for name, bad := range map[string]struct {
		nanos uint32
		zone  int16
	}{"nanoseconds": {1e9, 0}, "zone": {0, 1440}, "zone west": {0, -1440}} {
		t.Run(name, func(t *testing.T) {
			var tm time.Time
			p := rawValue(value.Time, func(r raw) {
				r.s.SetU32(4, bad.nanos)
				r.s.SetU16(2, uint16(bad.zone))
			})
			var d value.Decoder
			require.ErrorIs(t, d.Decode(p, &tm), value.ErrCannotReceive)
			var x any
			require.ErrorIs(t, d.Decode(p, &x), value.ErrCannotReceive)
		})
	}
}

func TestErrorsAsValues(t *testing.T) {
	require.Equal(t, errKnown, carry[error](t, fmt.Errorf("wrapped: %w", errKnown)))
	require.EqualError(t, carry[error](t, errors.New("plain")), "plain")
	require.NoError(t, carry[error](t, nil))
	type Failed struct{ Err error }
	require.Equal(t, Failed{errKnown}, carry[Failed](t, Failed{errKnown}))
	require.Equal(t, Failed{}, carry[Failed](t, Failed{}))
	require.EqualError(t, carry[error](t, errors.New("bad \xff text")), "bad \uFFFD text")

	var e value.Encoder // without hooks errors travel by their text
	e.B.Init(nil)
	require.NoError(t, e.Any(e.B.Root(2, 1), errKnown))
	var err error
	var d value.Decoder
	require.NoError(t, d.Decode(parse(e.B.Bytes()), &err))
	require.EqualError(t, err, "known")
}
