package value_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec"
)

func encodeResult(t *testing.T, x any) capn.Ptr {
	t.Helper()
	e := value.Encoder{Codec: codec, Hooks: &hooks{}}
	require.NoError(t, value.EncodeResult(&e, x))
	return parse(e.B.Bytes())
}

func TestArgs(t *testing.T) {
	spec.Covers(t, "VAL-4")
	e := value.Encoder{Codec: codec, Hooks: &hooks{}}
	require.NoError(t, value.EncodeArgs(&e, "log", []any{"foot", 5, &Promised{index: 2}, &Far{1}}))
	a, err := value.ParseArgs(parse(e.B.Bytes()))
	require.NoError(t, err)
	require.Equal(t, "log", string(a.Verb()))
	require.Equal(t, 4, a.Len())
	require.Equal(t, []value.Kind{value.Text, value.Int64, value.Ref, value.Ref, value.Null},
		[]value.Kind{a.KindOf(0), a.KindOf(1), a.KindOf(2), a.KindOf(3), a.KindOf(4)})
	i, promise, ok := value.RefOf(a.At(2))
	require.True(t, ok && promise && i == 2)
	d := value.Decoder{Codec: codec, Hooks: &hooks{settled: map[uint32]any{2: "data"}}}
	var s string
	into := reflect.ValueOf(&s).Elem()
	require.NoError(t, a.Decode(&d, 0, into))
	require.Equal(t, "foot", s)
	require.NoError(t, a.Decode(&d, 2, into), "a promise that settled to data stands for it")
	require.Equal(t, "data", s)
	require.EqualError(t, a.Decode(&d, 1, into), "args[1]: int64 where string is wanted")
	require.EqualError(t, a.Decode(&d, 3, into), "args[3]: ref where string is wanted")

	empty, err := value.ParseArgs(capn.Ptr{})
	require.NoError(t, err)
	require.Empty(t, empty.Verb())
	require.Zero(t, empty.Len())

	var b capn.Builder
	b.Init(nil)
	b.Text(b.Root(0, 2).Slot(0), "\xff")
	_, err = value.ParseArgs(parse(b.Bytes()))
	require.ErrorIs(t, err, value.ErrCannotReceive)
	b.Init(nil)
	b.VoidList(b.Root(0, 2).Slot(1), 9)
	_, err = value.ParseArgs(parse(b.Bytes()))
	require.ErrorIs(t, err, value.ErrCannotReceive)
}

func TestResults(t *testing.T) {
	spec.Covers(t, "VAL-1", "VAL-2", "VAL-3")
	field := func(p capn.Ptr, i int) capn.Ptr { return must(p.Field(i)) }

	r := encodeResult(t, "text")
	require.True(t, field(r, 0).IsNull())
	require.Equal(t, value.Text, value.KindOf(field(r, 1)))
	r = encodeResult(t, nil)
	require.True(t, field(r, 0).IsNull())
	require.Equal(t, value.Null, value.KindOf(field(r, 1)))
	r = encodeResult(t, (*Far)(nil))
	require.True(t, field(r, 0).IsNull())
	require.Equal(t, value.Null, value.KindOf(field(r, 1)))
	for _, x := range []any{&Far{5}, &Promised{index: 5}} {
		r = encodeResult(t, x)
		require.Equal(t, uint32(5), field(r, 0).Cap())
		v := field(r, 1)
		require.Equal(t, value.Ref, value.KindOf(v))
		require.True(t, field(v, 0).IsNull())
		_, i, promise, isRef, err := value.ResultOf(r)
		require.NoError(t, err)
		require.True(t, isRef)
		require.Equal(t, uint32(5), i)
		_, want := x.(*Promised)
		require.Equal(t, want, promise)
		d := value.Decoder{Codec: codec, Hooks: &hooks{settled: map[uint32]any{5: 7}}}
		var got any
		require.NoError(t, d.Result(r, &got))
		require.Equal(t, x, got)
		typed := reflect.New(reflect.TypeOf(x))
		require.NoError(t, d.Result(r, typed.Interface()))
		require.Equal(t, x, typed.Elem().Interface())
		var n int
		require.NoError(t, d.Result(r, &n), "what it settled to is taken where data is wanted")
		require.Equal(t, 7, n)
	}

	// A peer that fills in ref alone, or says nonsense in value.
	for _, text := range []bool{false, true} {
		var b capn.Builder
		b.Init(nil)
		root := b.Root(0, 2)
		b.SetCap(root.Slot(0), 3)
		if text {
			raw{&b, b.Struct(root.Slot(1), 2, 1)}.text("nonsense")
		}
		var got any
		d := value.Decoder{Codec: codec, Hooks: &hooks{}}
		require.NoError(t, d.Result(parse(b.Bytes()), &got))
		require.Equal(t, &Far{3}, got)
		require.EqualError(t, d.Result(parse(b.Bytes()), new(string)), "result: ref where string is wanted")
	}

	var b capn.Builder
	b.Init(nil)
	b.Text(b.Root(0, 2).Slot(0), "not a capability")
	var d value.Decoder
	require.ErrorIs(t, d.Result(parse(b.Bytes()), new(any)), value.ErrCannotReceive)
	require.ErrorIs(t, d.Result(encodeResult(t, 1), 5), value.ErrCannotReceive)
	require.ErrorIs(t, d.Result(encodeResult(t, &Far{}), new(any)), value.ErrCannotReceive)
	require.EqualError(t, d.Result(encodeResult(t, []Entry{{}}), new([]struct{ At int })), "result[0].At: time where int is wanted")

	e := value.Encoder{Codec: codec, Hooks: &hooks{}}
	e.B.Init(nil)
	var iface any = "x"
	require.NoError(t, e.Result(e.B.RootSlot(), reflect.ValueOf(&iface).Elem()))
	var s string
	require.NoError(t, d.Result(parse(e.B.Bytes()), &s))
	require.Equal(t, "x", s)
}

func TestScanPromises(t *testing.T) {
	type Plain struct {
		Name  string
		Any   any
		P     *Promised
		Kids  []string
		Named map[string]int
		Next  *Plain
	}
	p := func(i uint32) *Promised { return &Promised{index: i} }
	rec := func(base uint32) value.Record {
		return value.Record{
			{Name: "name", Value: p(base)}, {Name: "any", Value: p(base + 1)}, {Name: "p", Value: p(base + 2)},
			{Name: "kids", Value: []any{"x", p(base + 3)}}, {Name: "named", Value: map[string]any{"k": p(base + 4)}},
			{Name: "unknown", Value: p(base + 5)}, {Name: "next", Value: value.Record{{Name: "name", Value: p(base + 6)}}},
		}
	}
	scan := func(x any, into reflect.Type) (got []uint32) {
		err := codec.ScanPromises(parse(must(encode(x))), into, func(i uint32, want reflect.Type) {
			require.True(t, codec.WantsPlain(want))
			got = append(got, i)
		})
		require.NoError(t, err)
		return got
	}
	require.Equal(t, []uint32{10, 13, 14, 16}, scan(rec(10), reflect.TypeFor[Plain]()))
	require.Equal(t, []uint32{10, 13, 14, 16}, scan(rec(10), reflect.TypeFor[*Plain]()))
	require.Equal(t, []uint32{10, 20}, scan([]any{p(10), p(20)}, reflect.TypeFor[[]string]()))
	require.Equal(t, []uint32{10, 13, 14, 16, 20, 23, 24, 26}, scan([]any{rec(10), rec(20)}, reflect.TypeFor[[]Plain]()))
	require.Empty(t, scan(rec(10), reflect.TypeFor[any]()))
	require.Empty(t, scan(p(1), reflect.TypeFor[*Promised]()))
	require.Equal(t, []uint32{1}, scan(p(1), reflect.TypeFor[int]()))
	require.Equal(t, []uint32{1}, scan(p(1), reflect.TypeFor[value.Record]()))
	require.Equal(t, []uint32{2, 1}, scan([]*holder{{p(2)}, {p(1)}}, reflect.TypeFor[[]map[string]int]()))
	require.Equal(t, []uint32{2}, scan(holder{p(2)}, reflect.TypeFor[map[string]int]()))

	require.False(t, codec.WantsPlain(reflect.TypeFor[any]()))
	require.False(t, codec.WantsPlain(reflect.TypeFor[*Promised]()))
	require.True(t, codec.WantsPlain(reflect.TypeFor[value.Record]()))
	require.True(t, codec.WantsPlain(reflect.TypeFor[string]()))
	require.True(t, codec.WantsPlain(reflect.TypeFor[error]()))
	require.False(t, codec.WantsPlain(reflect.TypeFor[**Promised]()))
	require.True(t, codec.WantsPlain(reflect.TypeFor[*string]()))

	// What was scanned can be decoded once it has settled.
	h := &hooks{settled: map[uint32]any{10: "name", 13: "kid", 14: 4, 16: &Promised{index: 17}, 17: "next"}}
	d := value.Decoder{Codec: codec, Hooks: h}
	var got Plain
	require.NoError(t, d.Decode(parse(must(encode(rec(10)))), &got))
	want := Plain{Name: "name", Any: p(11), P: p(12), Kids: []string{"x", "kid"}, Named: map[string]int{"k": 4}, Next: &Plain{Name: "next"}}
	require.Equal(t, want, got)
	h.settled[17] = &Promised{index: 17}
	require.ErrorIs(t, d.Decode(parse(must(encode(rec(10)))), &got), value.ErrCannotReceive, "a promise for itself ends")
	err := d.Decode(parse(must(encode(rec(20)))), &got)
	require.EqualError(t, err, ".Name: ref where string is wanted")

	pp := new(*Promised)
	require.NoError(t, d.Decode(parse(must(encode(p(3)))), &pp), "a pointer to a reference takes it as it is")
	require.Equal(t, p(3), *pp)
	pp = nil
	require.NoError(t, d.Result(encodeResult(t, p(3)), &pp))
	require.Equal(t, p(3), *pp)
	h.settled[30] = rec(40)
	var r value.Record
	require.NoError(t, d.Decode(parse(must(encode(p(30)))), &r), "a Record wants data")
	require.Len(t, r, 7)

	var settled *Promised
	require.NoError(t, d.Decode(parse(must(encode("plain"))), &settled), "plain data for a promise settles it")
	require.Equal(t, &Promised{settled: "plain"}, settled)
}

type holder struct{ P *Promised }

func TestDescribe(t *testing.T) {
	for want, x := range map[string]any{
		"[]{at time, line text}": []Entry{},
		"bool":                   true,
		"int8":                   int8(0),
		"uint64":                 uint64(0),
		"float32":                float32(0),
		"data":                   []byte{},
		"data[4]":                Code{},
		"[2]any":                 [2]any{},
		"?int":                   new(int),
		"?bigInt":                big1,
		"map[text][]duration":    map[string][]time.Duration{},
		"{kids []tree}":          Tree{},
		"error":                  errKnown,
		"record":                 value.Record{},
		"[]ref":                  []*Far{},
		"sturdyref":              Secret{},
		"unsendable":             make(chan int),
		"{}":                     struct{}{},
		"{iD int, shadowed text, deep text, uRL2 text, note? text, when? time, next ?outer, tags map[text][]int, any any}": Outer{},
	} {
		got := codec.Describe(reflect.TypeOf(x))
		if strings.HasPrefix(want, "error") {
			got = codec.Describe(reflect.TypeFor[error]())
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, "text", value.Describe(reflect.TypeFor[Named]()))
}
