package value_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec"
)

type (
	pointerForEver *pointerForEver
	twoNames       struct {
		A int `vat:"x"`
		B int `vat:"x"`
	}
	opaque struct{ hidden int }
)

// What cannot be carried fails at the sender, and says where it stands.
func TestCannotBeSent(t *testing.T) {
	cycle := &Linked{}
	cycle.Next = &Linked{Next: cycle}
	selfList := []any{nil}
	selfList[0] = selfList
	var forEver pointerForEver
	forEver = &forEver
	tests := []struct {
		x    any
		want string
	}{
		{make(chan int), "args[1]: chan int cannot be sent"},
		{&Linked{Next: &Linked{Ch: make(chan int)}}, "args[1].Next.Ch: chan int cannot be sent"},
		{func() {}, "args[1]: func() cannot be sent"},
		{(func())(nil), "args[1]: func() cannot be sent"},
		{complex(1, 2), "args[1]: complex128 cannot be sent"},
		{unsafe.Pointer(t), "args[1]: unsafe.Pointer cannot be sent"},
		{uintptr(1), "args[1]: uintptr cannot be sent"},
		{[]any{1, map[string]any{"k\n": func() {}}}, `args[1][1]["k\n"]: func() cannot be sent`},
		{map[int]any{3: func() {}}, `args[1][3]: func() cannot be sent`},
		{value.Record{{Name: "f", Value: func() {}}}, `args[1]."f": func() cannot be sent`},
		{map[float64]int{1: 1}, "args[1]: a map with keys of type float64 cannot be sent"},
		{map[any]int{1: 1}, "args[1]: a map with keys of type interface {} cannot be sent"},
		{opaque{1}, "args[1]: value_test.opaque, which has no exported fields, cannot be sent"},
		{twoNames{}, `args[1]: value_test.twoNames, which has two fields with the name "x", cannot be sent`},
		{value.Record{{Name: "x"}, {Name: "x"}}, `args[1]: record with the name "x" twice`},
		{cycle, "args[1].Next.Next: contains itself"},
		{selfList, "args[1]" + strings.Repeat("[0]", 24) + ": nested deeper than 24 levels"},
		{forEver, "args[1]: value_test.pointerForEver cannot be sent"},
		{Far{1}, "args[1]: value_test.Far, which goes by reference and so only as a pointer, cannot be sent"},
		{"\xff", "args[1]: text is not valid UTF-8"},
		{[]Linked{{Ch: "\xff"}}, "args[1][0].Ch: text is not valid UTF-8"},
		{value.Record{{Name: "\xff"}}, "args[1]: text is not valid UTF-8"},
		{map[string]int{"\xff": 1}, `args[1]["\xff"]: text is not valid UTF-8`},
	}
	e := value.Encoder{Codec: codec, Hooks: &hooks{}}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T", tt.x), func(t *testing.T) {
			err := value.EncodeArgs(&e, "verb", []any{0, tt.x})
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, value.ErrCannotSend)
		})
	}
	require.NoError(t, value.EncodeArgs(&e, "verb", []any{1}), "an Encoder recovers from errors")
	shared := &Linked{}
	require.NoError(t, value.EncodeArgs(&e, "verb", []any{shared, shared, []*Linked{shared, shared}}), "twice is not a cycle")
	require.NoError(t, value.EncodeArgs(&e, "verb", []any{struct{ R io.Reader }{}}), "a nil of any interface is null")

	require.EqualError(t, value.EncodeArgs(&e, "\xff", nil), "verb: text is not valid UTF-8")
	require.EqualError(t, value.EncodeResult(&e, func() {}), "result: func() cannot be sent")
}

func TestTextIsUTF8AtTheSender(t *testing.T) {
	spec.Covers(t, "VAL-6")
	for _, x := range []any{"\xff", []string{"\xc0\x80"}, map[string]int{"\xff": 1}, value.Record{{Name: "\xff"}}} {
		_, err := encode(x)
		require.ErrorIs(t, err, value.ErrCannotSend)
	}
	for _, into := range []any{new(string), new(any), new(map[string]int), new(value.Record), new(Entry), new([]Entry), new(error)} {
		for _, p := range badTexts() {
			var d value.Decoder
			require.ErrorIs(t, d.Decode(p, into), value.ErrCannotReceive, "%T", into)
		}
	}
}

func nested(levels int) any {
	var x any = "core"
	for i := range levels {
		switch i % 3 {
		case 0:
			x = []any{x}
		case 1:
			x = map[string]any{"k": x}
		default:
			x = value.Record{{Name: "f", Value: x}}
		}
	}
	return x
}

func TestDepth(t *testing.T) {
	spec.Covers(t, "VAL-18")
	require.Equal(t, nested(24), carry[any](t, nested(24)))
	_, err := encode(nested(25))
	require.ErrorIs(t, err, value.ErrCannotSend)

	var records any = "core" // a level for the list, and one for the record
	for range 24 {
		records = []Linked{{Ch: records}}
	}
	_, err = encode(records)
	require.ErrorIs(t, err, value.ErrCannotSend)
	records = "core"
	for range 12 {
		records = []Linked{{Ch: records}}
	}
	_, err = encode(records)
	require.NoError(t, err)

	for _, levels := range []int{24, 25} {
		p := rawNested(levels)
		var x any
		var l linkedList
		var d value.Decoder
		errAny, errTyped := d.Decode(p, &x), d.Decode(p, &l)
		if levels == 24 {
			require.NoError(t, errAny)
			require.NoError(t, errTyped)
		} else {
			require.ErrorContains(t, errAny, "nested deeper than 24 levels")
			require.ErrorContains(t, errTyped, "nested deeper than 24 levels")
		}
	}
}

type linkedList []linkedList

func TestReferencesNeedHooks(t *testing.T) {
	e := value.Encoder{Codec: codec}
	require.ErrorIs(t, value.EncodeArgs(&e, "v", []any{&Far{}}), value.ErrCannotSend)
	require.ErrorIs(t, value.EncodeArgs(&e, "v", []any{Secret{"x"}}), value.ErrCannotSend)
	require.ErrorIs(t, value.EncodeResult(&e, &Far{}), value.ErrCannotSend)
	d := value.Decoder{Codec: codec}
	for _, x := range []any{&Far{1}, Secret{"x"}} {
		p := parse(must(encode(x)))
		for _, into := range []any{new(any), new(*Far), new(Secret), new(string), new(value.Record)} {
			require.ErrorIs(t, d.Decode(p, into), value.ErrCannotReceive)
		}
	}
}
