package vat

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"weak"
)

// What a turn may have changed is found by following pointers, from object to object: from the one whose
// method runs, and from what Near gives. Only objects are read, for these are the turns' alone; what else a
// field may lead to may be other goroutines'. So some pointers are hidden: those in closures, in
// channels, behind pointers to what is no object, and beside a lock. For turns that may have such
// some objects are looked at that were not reached, others each time: a change that was not announced by Changed
// is found early in a small vat, and some time in a large one.

// reach is what a turn may have changed, and so the callbacks may that it asked for.
type reach struct {
	objects []*resident
	hidden  bool // it may have had pointers that nobody sees
}

// Changed says that the turn that runs changes x, a pointer to what embeds [Durable], before or after it does
// so. It is for changes by pointers that the vat cannot see, see [Durable]; for others it does nothing. It
// panics if x is not durable, or outside of a turn of the vat that keeps x.
func Changed(x any) {
	o, ok := x.(durabler)
	if !ok {
		panic(fmt.Sprintf("vat: Changed: %T does not embed vat.Durable", x))
	}
	r := o.vatDurable().kept
	if r == nil { // it is not kept
		return
	}
	if !r.dur.core.holds() {
		panic("vat: Changed was called outside of a turn of the object's vat")
	}
	must(r.dur.touch(r))
}

// trailKind says how a value leads to objects.
type trailKind uint8

const (
	trailHidden  trailKind = iota // in a way that is not followed
	trailObject                   // it is a pointer to one
	trailDynamic                  // as what is in the interface does
	trailFields                   // by fields
	trailElems                    // by elements of a slice or array
	trailEntries                  // by keys and elements of a map
)

// trail is what is known of a type; nil: its values lead to no object.
type trail struct {
	kind      trailKind
	key, elem *trail
	fields    []trailField
}

// trailField is a field of a struct that leads somewhere.
type trailField struct {
	index int
	trail *trail
}

var hiddenTrail = &trail{kind: trailHidden}

// trails are those of the types of plain objects, and of what was found in interfaces.
var trails sync.Map // reflect.Type → *trail

// trailOf returns the trail of a type: of an object's struct, or of what an interface has.
func trailOf(t reflect.Type) *trail {
	if got, ok := trails.Load(t); ok {
		return got.(*trail)
	}
	got, _ := trails.LoadOrStore(t, newTrail(t, nil))
	return got.(*trail)
}

// vatPackage is the package of types that lead to no object but in turns, with Near.
var vatPackage = refType.Elem().PkgPath()

// newTrail looks at a type; around are the types that lead to it.
func newTrail(t reflect.Type, around []reflect.Type) *trail {
	if t.PkgPath() == vatPackage && !reflect.PointerTo(t).Implements(collectionType) || !leadsAnywhere(t, nil) {
		return nil
	}
	if slices.Contains(around, t) {
		return hiddenTrail
	}
	around = append(around, t)
	switch t.Kind() {
	case reflect.Pointer:
		if t.Implements(objectType) {
			return &trail{kind: trailObject}
		}
		if t.Elem().PkgPath() == vatPackage {
			return nil
		}
	case reflect.Interface:
		return &trail{kind: trailDynamic}
	case reflect.Slice, reflect.Array:
		return within(&trail{kind: trailElems, elem: newTrail(t.Elem(), around)})
	case reflect.Map:
		return within(&trail{kind: trailEntries, key: newTrail(t.Key(), around), elem: newTrail(t.Elem(), around)})
	case reflect.Struct:
		return fieldTrail(t, around, func(reflect.StructField) bool { return true })
	}
	return hiddenTrail
}

// within is x, or less if that says as much.
func within(x *trail) *trail {
	switch {
	case x.key == nil && x.elem == nil:
		return nil
	case (x.key == nil || x.key == hiddenTrail) && (x.elem == nil || x.elem == hiddenTrail):
		return hiddenTrail
	}
	return x
}

// fieldTrail is the trail of some fields of a struct. What is beside a lock is guarded by it, and not the turn's alone.
func fieldTrail(t reflect.Type, around []reflect.Type, wanted func(reflect.StructField) bool) *trail {
	x, locked, open := &trail{kind: trailFields}, false, false
	for i := range t.NumField() {
		f := t.Field(i)
		locked = locked || f.Type.PkgPath() == "sync" || f.Type.Kind() == reflect.Pointer && f.Type.Elem().PkgPath() == "sync"
		if !wanted(f) {
			continue
		}
		if way := newTrail(f.Type, around); way != nil {
			x.fields = append(x.fields, trailField{i, way})
			open = open || way != hiddenTrail
		}
	}
	switch {
	case len(x.fields) == 0:
		return nil
	case locked || !open:
		return hiddenTrail
	}
	return x
}

// follow notes that the turn may change x and what pointers lead to from there, and sees to it that the fields of those that
// are kept are there. Turn right.
func (d *durable) follow(x objecter) error {
	d.meet(x)
	return d.followAll()
}

// followAll does so for what was found.
func (d *durable) followAll() error {
	var first error
	for len(d.found) > 0 {
		x := d.found[len(d.found)-1]
		d.found = d.found[:len(d.found)-1]
		at := reflect.ValueOf(x).Elem()
		r := d.keeps(x)
		if r == nil {
			d.walk(at, trailOf(at.Type()))
			continue
		}
		d.touched = append(d.touched, r)
		if !r.loaded {
			d.loads = append(d.loads, r)
			if err := d.load(); err != nil && first == nil {
				first = err
			}
		}
		d.walk(at, r.typ.unkept) // its record leads on from the other fields
	}
	return first
}

// keeps returns what x is known as if it is durable and kept; nil if not.
func (d *durable) keeps(x objecter) *resident {
	if o, ok := x.(durabler); ok && o.vatDurable().kept != nil && o.vatDurable().kept.dur == d {
		return o.vatDurable().kept
	}
	return nil
}

// meet notes that a pointer leads to x, if it is not another vat's and was not found yet.
func (d *durable) meet(x objecter) {
	if h := x.vatObject().host.Load(); h != nil && h.core != d.core {
		return
	}
	if r := d.keeps(x); r != nil {
		if r.found == d.turn {
			return
		}
		r.found = d.turn
	} else if trailOf(reflect.TypeOf(x).Elem()) == nil {
		return
	} else if _, again := d.passed[x.vatObject()]; again {
		return
	} else {
		d.passed[x.vatObject()] = struct{}{}
	}
	d.found = append(d.found, x)
}

// walk finds what a value leads to.
func (d *durable) walk(v reflect.Value, way *trail) {
	if way == nil {
		return
	}
	switch way.kind {
	case trailHidden:
		d.hidden = d.hidden || !v.IsZero()
	case trailObject:
		if !v.IsNil() { // it may be in a field that is not exported, which gives no value
			d.meet(reflect.NewAt(v.Type().Elem(), v.UnsafePointer()).Interface().(objecter))
		}
	case trailDynamic:
		if !v.IsNil() {
			d.walk(v.Elem(), trailOf(v.Elem().Type()))
		}
	case trailFields:
		for _, f := range way.fields {
			d.walk(v.Field(f.index), f.trail)
		}
	case trailElems:
		for i := range v.Len() {
			d.walk(v.Index(i), way.elem)
		}
	case trailEntries:
		for it := v.MapRange(); it.Next(); {
			d.walk(it.Key(), way.key)
			d.walk(it.Value(), way.elem)
		}
	}
}

// lookedAt is how many objects are looked at that a turn has not reached, if it may have had pointers that nobody sees.
const lookedAt = 64

// lookAround takes what such a turn, or one before it, has changed of some other objects, and complains. Turn right.
func (d *durable) lookAround() error {
	for range min(lookedAt, len(d.objects.ring)) {
		r := d.objects.sample()
		if r == nil {
			return nil
		}
		saves, touched := len(d.saves), len(d.touched)
		if err := d.captureOne(r); err != nil {
			return err
		}
		if len(d.saves) > saves {
			if !sameButFar(r.last, d.saves[saves].record) {
				d.core.log.Error("vat: an object was changed by a turn that had no pointer to it that can be seen, and did not call "+
					"vat.Changed; the change is kept only now", "type", r.typ.name, "id", r.id)
			}
		} else { // what it leads to is not changed by that, but may be new
			d.touched = slices.DeleteFunc(d.touched, func(x *resident) bool { return x.last != nil && x.seen != d.turn })
		}
		if err := d.captureFrom(min(touched, len(d.touched))); err != nil {
			return err
		}
	}
	return nil
}

// sameButFar reports whether two records differ in no more than the sturdyrefs of their far references: these the vat itself
// replaces, with those of successors.
func sameButFar(a, b []byte) bool {
	name, version, rest, err := headOf(a)
	other, number, also, bad := headOf(b)
	if err != nil || bad != nil || name != other || version != number {
		return false
	}
	x, y := cutter{b: rest}, cutter{b: also}
	n := x.uvarint()
	if y.uvarint() != n {
		return false
	}
	for ; n > 0; n-- {
		v, w := x.b, y.b
		k, l := x.ref(), y.ref()
		far := k.kind == keptFar && l.kind == keptFar
		if x.bad || y.bad || !far && !bytes.Equal(v[:len(v)-len(x.b)], w[:len(w)-len(y.b)]) {
			return false
		}
	}
	return bytes.Equal(x.b, y.b)
}

// sample returns the next of the objects in memory, and then the first again; nil if there is none.
func (o *objects) sample() *resident {
	for len(o.ring) > 0 {
		if o.at >= len(o.ring) {
			o.at = 0
		}
		if r := o.ring[o.at].Value(); r != nil && r.attached() {
			o.at++
			return r
		}
		last := len(o.ring) - 1 // it is gone
		o.ring[o.at], o.ring[last] = o.ring[last], weak.Pointer[resident]{}
		o.ring = o.ring[:last]
	}
	return nil
}
