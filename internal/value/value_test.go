package value_test

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
)

// Far stands for a reference, Promised for a promise and Secret for a sturdyref.
type (
	Far      struct{ index uint32 }
	Promised struct {
		index   uint32
		settled any
	}
	Secret struct{ uri string }
)

func claims(t reflect.Type) value.Claim {
	switch t {
	case reflect.TypeFor[*Far](), reflect.TypeFor[*Promised]():
		return value.ClaimRef
	case reflect.TypeFor[Secret]():
		return value.ClaimSturdyref
	}
	return value.Unclaimed
}

var codec = value.NewCodec(claims)

var errKnown = errors.New("known")

// hooks implements both sides for Far, Promised and Secret.
type hooks struct {
	settled map[uint32]any
}

func (h *hooks) EncodeRef(v reflect.Value) (uint32, bool, bool, error) {
	switch x := v.Interface().(type) {
	case *Far:
		if x == nil {
			return 0, false, true, nil
		}
		return x.index, false, false, nil
	case *Promised:
		return x.index, true, false, nil
	}
	return 0, false, false, errors.New("what is this")
}

func (h *hooks) EncodeError(err error) (string, string) {
	if errors.Is(err, errKnown) {
		return "test.known", err.Error()
	}
	return "", err.Error()
}

func (h *hooks) EncodeSturdyref(v reflect.Value) (string, error) {
	return v.Interface().(Secret).uri, nil
}

func (h *hooks) DecodeRef(i uint32, promise bool, into reflect.Value) error {
	var x any = &Far{i}
	if promise {
		x = &Promised{index: i}
	}
	if !reflect.TypeOf(x).AssignableTo(into.Type()) {
		return fmt.Errorf("%T where %s is wanted", x, into.Type())
	}
	into.Set(reflect.ValueOf(x))
	return nil
}

func (h *hooks) DecodeData(d *value.Decoder, v capn.Ptr, into reflect.Value) error {
	if into.Type() != reflect.TypeFor[*Promised]() {
		return errors.New("data where a reference is wanted")
	}
	p := &Promised{}
	into.Set(reflect.ValueOf(p))
	return d.Decode(v, &p.settled)
}

func (h *hooks) AnyRef(i uint32, promise bool) (any, error) {
	if promise {
		return &Promised{index: i}, nil
	}
	return &Far{i}, nil
}

func (h *hooks) DecodeError(code, text string) error {
	if code == "test.known" {
		return errKnown
	}
	return errors.New(text)
}

func (h *hooks) DecodeSturdyref(uri string, into reflect.Value) error {
	into.Set(reflect.ValueOf(Secret{uri}))
	return nil
}

func (h *hooks) AnySturdyref(uri string) (any, error) { return Secret{uri}, nil }

func (h *hooks) Settled(i uint32) (capn.Ptr, value.DecodeHooks, bool) {
	x, ok := h.settled[i]
	if !ok {
		return capn.Ptr{}, nil, false
	}
	flat, err := encode(x)
	if err != nil {
		panic(err)
	}
	return parse(flat), h, true
}

func encode(x any) ([]byte, error) {
	e := value.Encoder{Codec: codec, Hooks: &hooks{}}
	e.B.Init(nil)
	err := e.Any(e.B.Root(2, 1), x)
	return e.B.Bytes(), err
}

func parse(flat []byte) capn.Ptr {
	var m capn.Message
	if err := m.ParseFlat(flat, nil); err != nil {
		panic(err)
	}
	p, err := m.Root()
	if err != nil {
		panic(err)
	}
	return p
}

func decode(flat []byte, into any) error {
	d := value.Decoder{Codec: codec, Hooks: &hooks{}}
	return d.Decode(parse(flat), into)
}

// carry encodes x and decodes it as a T.
func carry[T any](t *testing.T, x any) T {
	t.Helper()
	out, err := tryCarry[T](x)
	require.NoError(t, err)
	return out
}

func tryCarry[T any](x any) (out T, err error) {
	flat, err := encode(x)
	if err != nil {
		return out, err
	}
	return out, decode(flat, &out)
}

type (
	Entry struct {
		At   time.Time
		Line string
	}
	Base  struct{ ID, Shadowed int }
	inner struct{ Deep string }
	Outer struct {
		Base
		inner
		Shadowed string
		URL      string    `vat:"uRL2"`
		Hidden   int       `vat:"-"`
		Note     string    `vat:",omitempty"`
		When     time.Time `vat:"when,omitempty"`
		private  int
		Next     *Outer
		Tags     map[string][]int
		Any      any
	}
	Named  string
	Small  int8
	Code   [4]byte
	Tree   struct{ Kids []Tree }
	Linked struct {
		Next *Linked
		Ch   any
	}
)

func TestRoundTrips(t *testing.T) {
	zone := time.FixedZone("", -90*60)
	tests := []any{
		nil, true, false, 0, -1, int8(-128), int64(-1 << 63), uint64(1<<64 - 1), uint16(7), 3.5, float32(0.25),
		"", "hällo", Named("named"), []byte{}, []byte{1, 2, 3}, Code{1, 2, 3, 4},
		big.NewInt(-5), new(big.Int).Lsh(big.NewInt(1), 200), new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 200)),
		time.Date(2026, 11, 23, 2, 40, 0, 123456789, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 0, zone), time.Time{},
		3 * time.Second, -time.Hour,
		[]string{"a", ""}, []string{}, []int{1, -2}, []int8{1}, []float64{1.5}, []float32{1.5}, []bool{true}, []uint16{1, 2},
		[2]string{"x", "y"}, [3]int{1, 2, 3}, [][]string{{"a"}, {}}, []Small{1, 2},
		map[string]int{"b": 1, "a": 2}, map[int]string{-1: "m"}, map[bool]int{true: 1}, map[Named][]byte{"k": {1}}, map[uint8]int{3: 4},
		Entry{time.Unix(5, 6).UTC(), "x"}, []Entry{{time.Unix(5, 6).UTC(), "x"}, {time.Unix(7, 8).UTC(), "y"}}, []Entry{},
		[]*Entry{{Line: "x"}, {Line: "y"}}, []*Entry{{Line: "x"}, nil}, [1]Entry{{Line: "z"}},
		Tree{[]Tree{{[]Tree{}}, {[]Tree{}}}}, struct{}{}, []struct{}{{}, {}}, &Far{7}, (*Far)(nil), []*Far{{1}, nil}, Secret{"captp://x"},
		value.Record{{Name: "b", Value: int64(1)}, {Name: "a", Value: "x"}}, value.Record{}, []any{int64(1), "x", nil, []any{}, map[string]any{"k": uint64(1)}},
		&Entry{Line: "pointer"}, (*Entry)(nil), []time.Duration{time.Second},
		Outer{Base: Base{ID: 1}, inner: inner{"deep"}, Shadowed: "s", URL: "u", Next: &Outer{Tags: map[string][]int{}}, Tags: map[string][]int{"t": {1}}, Any: int64(5)},
	}
	for _, x := range tests {
		t.Run(fmt.Sprintf("%T", x), func(t *testing.T) {
			flat, err := encode(x)
			require.NoError(t, err)
			if x == nil {
				var got any = 1
				require.NoError(t, decode(flat, &got))
				require.Nil(t, got)
				return
			}
			got := reflect.New(reflect.TypeOf(x))
			require.NoError(t, decode(flat, got.Interface()))
			require.Equal(t, x, got.Elem().Interface())
		})
	}
}
