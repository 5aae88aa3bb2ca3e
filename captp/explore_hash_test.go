package captp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// Two histories of a vat often leave it in the same state: then only one of them
// need be followed. Whether the states are the same is read off everything that
// can be reached from the vat, field by field, with pointers numbered in the
// order in which they are met. What is left out cannot change what a vat will do: pools
// of entries to be used again, what is derived from something else, and serial
// numbers, which order only what happens when a session ends. Which ids are free does
// not matter either: what follows from two states that differ in nothing else differs in
// nothing but names. So it is with what only was: a question whose id has been freed, what
// went the way of a promise that is resolved and to which nothing is pinned, a
// resolved promise that is but a hop on the way from another one.

// leftOut names fields by type.
var leftOut = map[string][]string{
	"Machine":  {"caps", "cfg", "lim", "words", "serial", "bufs", "pool", "b", "other", "frame", "scratch", "loose"},
	"Session":  {"m", "partial", "tag", "booked", "mostOpen", "nextEmbargo"},
	"Ref":      {"m", "serial"},
	"Call":     {"m"},
	"question": {"serial", "owner"},
	"stored":   {"msg", "content"},
	"payload":  {"content"},
	"xVat":     {"s", "steps", "arrivals"}, // of the arrivals, what is wrong with their order is in bad
	"xObject":  {"v", "on", "wait"},
	"xMsg":     {"o"},
	"xSent":    {"v"},

	"idle Ref": {"used", "busy", "path"},
}

// xHash is the state of a vat.
type xHash [2]uint64

var hashSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func newDumper() *dumper {
	return &dumper{seen: map[uintptr]uint64{}, plans: map[reflect.Type]*typePlan{}}
}

// hash reads the state off a vat. The dumper is used again and again.
func (d *dumper) hash(v *xVat) xHash {
	clear(d.seen)
	d.out = d.out[:0]
	d.number(uint64(len(v.steps)))
	arrived := slices.Clone(v.arrivals)
	slices.Sort(arrived)
	d.value(reflect.ValueOf(arrived))
	d.value(reflect.ValueOf(v).Elem())
	d.later()
	return xHash{maphash.Bytes(hashSeeds[0], d.out), maphash.Bytes(hashSeeds[1], d.out)}
}

// typePlan says what of a struct is compared.
type typePlan struct {
	table  string // the field with the entries, if it is one
	fields []int
	idle   []int // of a Ref that is idle
}

func (d *dumper) planOf(t reflect.Type) *typePlan {
	p := d.plans[t]
	if p == nil {
		p = &typePlan{}
		switch {
		case strings.HasPrefix(t.Name(), "ownTable"):
			p.table = "entries"
		case strings.HasPrefix(t.Name(), "idTable"):
			p.table = "dense"
		}
		for i := range t.NumField() {
			if !slices.Contains(leftOut[t.Name()], t.Field(i).Name) {
				p.fields = append(p.fields, i)
				if t == reflect.TypeFor[Ref]() && !slices.Contains(leftOut["idle Ref"], t.Field(i).Name) {
					p.idle = append(p.idle, i)
				}
			}
		}
		d.plans[t] = p
	}
	return p
}

type dumper struct {
	out     []byte
	seen    map[uintptr]uint64
	maps    []reflect.Value // by pointers; looked at when the rest has been numbered
	plans   map[reflect.Type]*typePlan
	unnamed uint64
}

func (d *dumper) number(n uint64) { d.out = binary.AppendUvarint(d.out, n) }

func (d *dumper) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			d.number(1)
		} else {
			d.number(0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.out = binary.AppendVarint(d.out, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		d.number(v.Uint())
	case reflect.String:
		d.number(uint64(v.Len()))
		d.out = append(d.out, v.String()...)
	case reflect.Slice:
		d.slice(v)
	case reflect.Array:
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.Map:
		d.mapping(v)
	case reflect.Pointer:
		d.pointer(v)
	case reflect.Interface:
		if v.IsNil() {
			d.number(0)
			return
		}
		d.number(1)
		d.value(v.Elem())
	case reflect.Struct:
		p := d.planOf(v.Type())
		if p.table != "" {
			d.table(v, p.table)
			return
		}
		fields := p.fields
		if p.idle != nil && (*Ref)(v.Addr().UnsafePointer()).idle() {
			fields = p.idle
		}
		for _, i := range fields {
			d.value(v.Field(i))
		}
	case reflect.Func:
		// Behaviour: the same in every history, see xVat.
	default:
		panic(fmt.Sprintf("the explorer cannot compare a %s", v.Type()))
	}
}

func (d *dumper) slice(v reflect.Value) {
	d.number(uint64(v.Len()))
	if v.Type().Elem().Kind() == reflect.Uint8 {
		d.out = append(d.out, v.Bytes()...)
		return
	}
	for i := range v.Len() {
		d.value(v.Index(i))
	}
}

// table dumps what is in a table, by its ids.
func (d *dumper) table(v reflect.Value, field string) {
	entries := v.FieldByName(field)
	for i := range entries.Len() {
		if e := entries.Index(i); !e.IsNil() {
			d.number(uint64(i + 1))
			d.value(e)
		}
	}
	d.number(0)
	if high := v.FieldByName("sparse"); high.IsValid() {
		d.value(high)
	}
}

// idle reports whether nothing goes the way of r itself any more, so that what did does not matter.
func (r *Ref) idle() bool {
	switch r.route {
	case routeForward:
		return r.pins == 0
	case routeImport:
		return !r.imp.promise && r.imp.hand == nil
	}
	return false
}

// pass returns what r stands for: where it leads, if all that it does is to be on somebody's way there.
func (d *dumper) pass(r *Ref) *Ref {
	for r.route == routeForward && r.holders == 1 && r.pins == 0 && len(r.exports)+len(r.watchers) == 0 && r.origin == nil &&
		d.seen[uintptr(unsafe.Pointer(r))] == 0 {
		r = r.to
	}
	return r
}

// retired reports whether q is over: its id has been freed.
func (q *question) retired() bool { return q.s == nil || q.s.questions.get(q.id) != q }

func (d *dumper) pointer(v reflect.Value) {
	if v.IsNil() {
		d.number(0)
		return
	}
	switch v.Type() {
	case reflect.TypeFor[*Ref]():
		v = reflect.ValueOf(d.pass((*Ref)(v.UnsafePointer())))
	case reflect.TypeFor[*question]():
		if (*question)(v.UnsafePointer()).retired() {
			d.number(0)
			return
		}
	}
	p := v.Pointer()
	if n := d.seen[p]; n != 0 {
		d.number(n)
		return
	}
	d.seen[p] = uint64(len(d.seen) + 1)
	d.number(d.seen[p])
	d.value(v.Elem())
}

// mapping dumps a map by its keys' order; one whose keys hold pointers later.
func (d *dumper) mapping(v reflect.Value) {
	d.number(uint64(v.Len()))
	switch k := v.Type().Key(); k.Kind() {
	case reflect.String, reflect.Uint32:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			if k.Kind() == reflect.String {
				return bytes.Compare([]byte(a.String()), []byte(b.String()))
			}
			return int(int64(a.Uint()) - int64(b.Uint()))
		})
		for _, key := range keys {
			d.value(key)
			d.value(v.MapIndex(key))
		}
	default:
		if v.Len() > 0 {
			d.maps = append(d.maps, v)
		}
	}
}

// later dumps the maps that were left for the end, by the numbers of their keys.
func (d *dumper) later() {
	for len(d.maps) > 0 {
		v := d.maps[0]
		d.maps = d.maps[1:]
		keys := v.MapKeys()
		type entry struct {
			name []byte
			val  reflect.Value
		}
		var entries []entry
		for _, key := range keys {
			entries = append(entries, entry{d.name(key), v.MapIndex(key)})
		}
		slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.name, b.name) })
		for _, e := range entries {
			d.out = append(d.out, e.name...)
			d.value(e.val)
		}
	}
}

// name is what a key of pointers is called: by their numbers. One that is met
// nowhere else gets a name that no other state has.
func (d *dumper) name(key reflect.Value) (name []byte) {
	switch key.Kind() {
	case reflect.Struct:
		for i := range key.NumField() {
			name = append(name, d.name(key.Field(i))...)
		}
		return name
	case reflect.Interface:
		if key.IsNil() {
			return []byte{0}
		}
		return d.name(key.Elem())
	case reflect.Pointer:
		if key.IsNil() {
			return []byte{0}
		}
		n := d.seen[key.Pointer()]
		if n == 0 {
			d.unnamed++
			name = append(name, 0xff)
			return binary.BigEndian.AppendUint64(name, d.unnamed)
		}
		return binary.BigEndian.AppendUint32([]byte{1}, uint32(n))
	}
	panic(fmt.Sprintf("the explorer cannot name a %s", key.Type()))
}
