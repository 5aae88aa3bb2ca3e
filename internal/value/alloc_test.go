package value_test

import (
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
)

var big1 = big.NewInt(1)

func entries(n int) (es []Entry) {
	for i := range n {
		es = append(es, Entry{time.Unix(int64(i), 0).UTC(), "sixteen bytes ok"})
	}
	return es
}

// Encoding an everyday call allocates nothing, nor does a list of structs;
// decoding allocates what is handed over.
func TestAllocations(t *testing.T) {
	var e value.Encoder
	args := []any{"sixteen bytes ok"}
	others := []any{5, int64(6), true, 1.5, []byte{1, 2}, uint64(7), nil, time.Second, entries(100), &Entry{}, []int{1, 2}}
	result := reflect.ValueOf(entries(100))
	run := func(f func()) float64 {
		f()
		return testing.AllocsPerRun(100, f)
	}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	require.Zero(t, run(func() { check(value.EncodeArgs(&e, "log", args)) }), "verb and one text")
	require.Zero(t, run(func() { check(value.EncodeArgs(&e, "log", others)) }), "other everyday types")
	require.Zero(t, run(func() { e.B.Init(e.B.Buffer()[:0]); check(e.Result(e.B.RootSlot(), result)) }), "a list of structs")

	var m capn.Message
	var d value.Decoder
	decodeArg := func(into reflect.Value) func() {
		return func() {
			check(m.ParseFlat(e.B.Bytes(), nil))
			p, err := m.Root()
			check(err)
			a, err := value.ParseArgs(p)
			check(err)
			check(a.Decode(&d, 0, into))
		}
	}
	var s string
	var n int
	check(value.EncodeArgs(&e, "log", args))
	require.Equal(t, 1.0, run(decodeArg(reflect.ValueOf(&s).Elem())), "the text")
	check(value.EncodeArgs(&e, "log", []any{5}))
	require.Zero(t, run(decodeArg(reflect.ValueOf(&n).Elem())), "a number")
	es := []any{entries(100)}
	check(value.EncodeArgs(&e, "log", es))
	var got []Entry
	require.LessOrEqual(t, run(decodeArg(reflect.ValueOf(&got).Elem())), 8.0, "100 entries: the slice, and the texts together")
	require.Equal(t, es[0], got)
}

func BenchmarkEncodeArgs(b *testing.B) {
	var e value.Encoder
	args := []any{"sixteen bytes ok"}
	for b.Loop() {
		if err := value.EncodeArgs(&e, "log", args); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeArg(b *testing.B) {
	var e value.Encoder
	if err := value.EncodeArgs(&e, "log", []any{"sixteen bytes ok"}); err != nil {
		b.Fatal(err)
	}
	var m capn.Message
	var d value.Decoder
	var s string
	for b.Loop() {
		_ = m.ParseFlat(e.B.Bytes(), nil)
		p, _ := m.Root()
		a, err := value.ParseArgs(p)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Decode(a.At(0), &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntries100(b *testing.B) {
	var e value.Encoder
	es := reflect.ValueOf(entries(100))
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.B.Init(e.B.Buffer()[:0])
			if err := e.Result(e.B.RootSlot(), es); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		e.B.Init(e.B.Buffer()[:0])
		if err := e.Result(e.B.RootSlot(), es); err != nil {
			b.Fatal(err)
		}
		var m capn.Message
		var d value.Decoder
		for b.Loop() {
			_ = m.ParseFlat(e.B.Bytes(), nil)
			p, _ := m.Root()
			var got []Entry
			if err := d.Result(p, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
}
