package value_test

import (
	"math/big"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec"
)

// targets are pointers to one of each sort of type.
func targets() []any {
	return []any{
		new(any), new(bool), new(int), new(int8), new(uint64), new(float32), new(float64), new(string), new([]byte), new(Code), new(*big.Int),
		new(time.Time), new(time.Duration), new([]int), new([]string), new([]any), new([2]any), new([]bool), new([][]byte), new([]*big.Int),
		new(map[string]any), new(map[int]string), new(map[bool]any), new(value.Record), new([]value.Record), new([]map[string]any),
		new(Entry), new([]Entry), new([]*Entry), new(*Entry), new(Outer), new([]Outer), new(Tree), new(linkedList), new(struct{}), new([]struct{}),
		new(error), new([]error), new(*Far), new(*Promised), new([]*Promised), new(Secret), new(map[string]*Far),
	}
}

// refuse requires that every target refuses p.
func refuse(t *testing.T, p capn.Ptr, into ...any) {
	t.Helper()
	if into == nil {
		into = targets()
	}
	for _, x := range into {
		d := value.Decoder{Codec: codec, Hooks: &hooks{}}
		err := d.Decode(p, x)
		require.ErrorIs(t, err, value.ErrCannotReceive, "%T", x)
	}
}

func TestUnknownKinds(t *testing.T) {
	spec.Covers(t, "VAL-5")
	for _, k := range []value.Kind{value.Sturdyref + 1, 1000, 0xffff} {
		p := rawValue(k, func(raw) {})
		for _, x := range targets() {
			if _, ok := x.(**Promised); ok {
				continue // takes data, which is then refused
			}
			refuse(t, p, x)
		}
		require.Equal(t, "unknown", k.String())
	}
}

func TestElementsWithoutSize(t *testing.T) {
	spec.Covers(t, "VAL-10")
	for _, k := range []value.Kind{value.List, value.Int64s, value.Float64s, value.Map} {
		refuse(t, rawValue(k, func(r raw) { r.b.VoidList(r.s.Slot(0), 3) }))
		refuse(t, rawValue(k, func(r raw) { r.b.CompositeList(r.s.Slot(0), 3, 0, 0) }))
	}
	for _, k := range []value.Kind{value.RecordKind, value.Records} {
		p := rawValue(k, func(r raw) {
			rec := r.b.Struct(r.s.Slot(0), 0, 2)
			r.b.Text(r.b.PtrList(rec.Slot(0), 1).Slot(0), "line")
			r.b.VoidList(rec.Slot(1), 1)
		})
		refuse(t, p)
	}
	var d value.Decoder
	_, err := value.ParseArgs(rawValue(0, func(r raw) {}))
	require.NoError(t, err)
	require.NoError(t, d.Decode(rawValue(value.List, func(r raw) { r.b.VoidList(r.s.Slot(0), 0) }), new([]int)), "an empty one is a list")
}

func TestKeysTwice(t *testing.T) {
	spec.Covers(t, "VAL-12")
	p := rawValue(value.Map, func(r raw) {
		keys, _ := r.entries(3)
		keys[0].text("a")
		keys[1].text("b")
		keys[2].text("a")
	})
	refuse(t, p)
	p = rawValue(value.Map, func(r raw) {
		keys, _ := r.entries(2)
		for i, k := range keys { // the same number in two ways
			k.kind([]value.Kind{value.Int64, value.Uint64}[i]).s.SetU64(8, 5)
		}
	})
	refuse(t, p, new(map[int]any))
	p = rawValue(value.Map, func(r raw) {
		keys, _ := r.entries(2)
		keys[0].text("b")
		keys[1].text("a")
	})
	var d value.Decoder
	var m map[string]any
	require.NoError(t, d.Decode(p, &m), "the order is not checked")
	require.Len(t, m, 2)
}

func TestMalformedRecords(t *testing.T) {
	spec.Covers(t, "VAL-14", "VAL-15", "VAL-16")
	for _, n := range []int{0, 1, 3} {
		refuse(t, rawValue(value.RecordKind, func(r raw) { r.record(value.RecordKind, n, "at", "line") }))
	}
	wants := []any{new(any), new(Entry), new([]Entry), new(value.Record), new(map[string]any), new([]map[string]any), new([]any), new([]value.Record)}
	for _, k := range []value.Kind{value.RecordKind, value.Records} {
		refuse(t, rawValue(k, func(r raw) { r.record(k, 2, "line", "line") }), wants...)
	}
	many := make([]string, 300)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	many = append(many, "z", "a")
	refuse(t, rawValue(value.RecordKind, func(r raw) { r.record(value.RecordKind, len(many), many...) }), new(any), new(map[string]any))

	p := rawValue(value.RecordKind, func(r raw) { r.record(value.RecordKind, 3, "ignored", "ignored", "line")[2].text("x") })
	var en Entry
	var d value.Decoder
	require.NoError(t, d.Decode(p, &en), "what is ignored may stand twice")
	require.Equal(t, "x", en.Line)

	for _, n := range []int{1, 3} {
		refuse(t, rawValue(value.Records, func(r raw) { r.record(value.Records, n, "at", "line") }))
	}
	refuse(t, rawValue(value.Records, func(r raw) { r.record(value.Records, 2) }))
	refuse(t, rawValue(value.RecordKind, func(r raw) { r.b.Struct(r.b.Struct(r.s.Slot(0), 0, 2).Slot(0), 1, 0) }))
	require.NoError(t, d.Decode(rawValue(value.RecordKind, func(r raw) {}), new(any)), "a null pointer is a record without fields")
	require.NoError(t, d.Decode(rawValue(value.Records, func(r raw) {}), new([]Entry)), "or a list without records")
}

func TestRefsWithoutCapability(t *testing.T) {
	spec.Covers(t, "VAL-17")
	for _, p := range []capn.Ptr{
		rawValue(value.Ref, func(r raw) {}),
		rawValue(value.Ref, func(r raw) { r.b.Text(r.s.Slot(0), "not a capability") }),
	} {
		refuse(t, p)
		_, _, ok := value.RefOf(p)
		require.False(t, ok)
	}
	var e value.Encoder
	e.Codec, e.Hooks = codec, &hooks{}
	e.B.Init(nil)
	require.NoError(t, e.Any(e.B.Root(2, 1), &Promised{index: 9}))
	i, promise, ok := value.RefOf(parse(e.B.Bytes()))
	require.True(t, ok && promise)
	require.Equal(t, uint32(9), i)
}

func TestWrongPointers(t *testing.T) {
	for k := value.Text; k <= value.Sturdyref; k++ {
		if k == value.Time || k == value.Duration {
			continue
		}
		wrong := rawValue(k, func(r raw) { r.b.U16List(r.s.Slot(0), 3) })
		if k == value.List || k == value.Int64s || k == value.Float64s || k == value.Map || k == value.RecordKind || k == value.Records || k == value.Error {
			wrong = rawValue(k, func(r raw) { r.b.SetCap(r.s.Slot(0), 3) })
		}
		if k == value.Error || k == value.RecordKind || k == value.Records {
			continue // a struct of another shape reads as one without fields
		}
		t.Run(k.String(), func(t *testing.T) { refuse(t, wrong) })
	}
}

// A list says that it is long, with pointers at the same few bytes or with none:
// memory is set aside for what is there.
func TestMemoryFollowsTheBytes(t *testing.T) {
	spec.Covers(t, "VAL-19")
	type Fat struct {
		A [4096]byte
		B string
	}
	const n = 50_000
	p := rawValue(value.List, func(r raw) {
		for i, el := range r.list(n) {
			if i == 10 {
				el.text("not a record") // fails here; 200 MB would have been set aside before
			} else {
				el.record(value.RecordKind, 0)
			}
		}
	})
	for _, into := range []any{new([]Fat), new([]*Fat)} {
		before := allocated()
		var d value.Decoder
		require.ErrorIs(t, d.Decode(p, into), value.ErrCannotReceive)
		require.Less(t, allocated()-before, uint64(1<<20))
	}
	long := rawValue(value.List, func(r raw) { r.list(n) })
	var got []any
	var d value.Decoder
	require.NoError(t, d.Decode(long, &got))
	require.Len(t, got, n)
	ptrs := []*int{new(int)}
	require.NoError(t, d.Decode(long, &ptrs))
	require.Len(t, ptrs, n, "slices grow to their length")
	var maps map[string]int
	require.Error(t, d.Decode(rawValue(value.Map, func(r raw) { r.entries(2) }), &maps))
}

func allocated() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.TotalAlloc
}

// FuzzDecode decodes anything into each sort of type. What was decoded as `any`
// can be sent again, and arrives the same.
func FuzzDecode(f *testing.F) {
	for _, x := range []any{
		"text", 5, []int{1, 2}, []Entry{{Line: "a"}, {Line: "b"}}, map[string]any{"k": []any{nil, true, 1.5, []byte{1}}}, Outer{Note: "n"}, errKnown,
		&Far{1}, &Promised{index: 2}, big.NewInt(-7), time.Unix(5, 6), Secret{"captp://"}, nested(5), map[int]string{1: "x"},
	} {
		f.Add(must(encode(x)))
	}
	f.Fuzz(func(t *testing.T, flat []byte) {
		var m capn.Message
		if m.ParseFlat(flat, nil) != nil {
			return
		}
		for _, x := range targets() {
			if m.ParseFlat(flat, nil) != nil {
				return
			}
			p, err := m.Root()
			if err != nil {
				return
			}
			h := &hooks{settled: map[uint32]any{0: "settled", 1: []int{1}, 2: &Promised{index: 2}}}
			d := value.Decoder{Codec: codec, Hooks: h}
			_ = codec.ScanPromises(p, reflect.TypeOf(x).Elem(), func(uint32, reflect.Type) {})
			if err := d.Decode(p, x); err != nil {
				require.ErrorIs(t, err, value.ErrCannotReceive)
				continue
			}
			if a, ok := x.(*any); ok {
				again, err := encode(*a)
				require.NoError(t, err)
				var b any
				require.NoError(t, decode(again, &b))
				twice, err := encode(b)
				require.NoError(t, err)
				require.Equal(t, again, twice)
			}
		}
	})
}
