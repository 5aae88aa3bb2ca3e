package value_test

import (
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
)

// raw builds values by hand, also such as no Encoder makes.
type raw struct {
	b *capn.Builder
	s capn.StructB
}

func (r raw) kind(k value.Kind) raw {
	r.s.SetU16(0, uint16(k))
	return r
}

// text makes the value a text, unchecked.
func (r raw) text(s string) {
	r.kind(value.Text)
	r.b.Text(r.s.Slot(0), s)
}

// list makes the value a list of n values.
func (r raw) list(n int) (elems []raw) {
	r.kind(value.List)
	return r.values(r.s.Slot(0), n)
}

func (r raw) values(slot capn.Slot, n int) (elems []raw) {
	l := r.b.CompositeList(slot, n, 2, 1)
	for i := range n {
		elems = append(elems, raw{r.b, l.At(i)})
	}
	return elems
}

// record makes the value of kind k, record or records, with these names and n values.
func (r raw) record(k value.Kind, n int, names ...string) (elems []raw) {
	r.kind(k)
	rec := r.b.Struct(r.s.Slot(0), 0, 2)
	l := r.b.PtrList(rec.Slot(0), len(names))
	for i, s := range names {
		r.b.Text(l.Slot(i), s)
	}
	return r.values(rec.Slot(1), n)
}

// entries makes the value a map of n entries.
func (r raw) entries(n int) (keys, values []raw) {
	r.kind(value.Map)
	l := r.b.CompositeList(r.s.Slot(0), n, 0, 2)
	for i := range n {
		keys = append(keys, raw{r.b, r.b.Struct(l.At(i).Slot(0), 2, 1)})
		values = append(values, raw{r.b, r.b.Struct(l.At(i).Slot(1), 2, 1)})
	}
	return keys, values
}

// rawValue builds one value of kind k.
func rawValue(k value.Kind, fill func(r raw)) capn.Ptr {
	var b capn.Builder
	b.Init(nil)
	r := raw{&b, b.Root(2, 1)}
	fill(r.kind(k))
	return parse(b.Bytes())
}

// badTexts are values of every kind that has texts, with one that is not UTF-8.
func badTexts() []capn.Ptr {
	const bad = "x\xff"
	return []capn.Ptr{
		rawValue(value.Text, func(r raw) { r.text(bad) }),
		rawValue(value.List, func(r raw) { r.list(2)[1].text(bad) }),
		rawValue(value.Map, func(r raw) { k, _ := r.entries(1); k[0].text(bad) }),
		rawValue(value.RecordKind, func(r raw) { r.record(value.RecordKind, 1, bad) }),
		rawValue(value.Records, func(r raw) { r.record(value.Records, 1, bad) }),
		rawValue(value.Error, func(r raw) { r.b.Text(r.b.Struct(r.s.Slot(0), 0, 2).Slot(0), bad) }),
		rawValue(value.Error, func(r raw) { r.b.Text(r.b.Struct(r.s.Slot(0), 0, 2).Slot(1), bad) }),
		rawValue(value.Text, func(r raw) { r.b.Data(r.s.Slot(0), []byte("no end")) }),
	}
}

// rawNested builds lists in lists.
func rawNested(levels int) capn.Ptr {
	return rawValue(value.List, func(r raw) {
		for range levels - 1 {
			r = r.list(1)[0]
		}
		r.list(0)
	})
}
