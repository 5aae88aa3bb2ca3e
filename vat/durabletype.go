package vat

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Migration makes the state of one version of a type into that of the next: exported
// fields by name, first rune in lower case, references as *[Ref]. It returns the record
// that it was given, changed, or another one.
type Migration func(old Record) (Record, error)

// Register says under which name objects of a type that embeds [Durable] are kept, so that
// another incarnation of the vat, maybe of a later program, finds it again. It is done once,
// before any vat has such an object, usually in an init function:
//
//	func init() { vat.Register[Log]("log") }
//
// Fields that are new need no more than that: they are zero in objects that were kept
// before. For everything else there are migrations. The first makes version 1, that of a
// type without any, into version 2, and so on; an object is migrated when it is loaded
// for the first time, and kept in the new form from when it next changes:
//
//	func init() {
//		vat.Register[Log]("log", func(old vat.Record) (vat.Record, error) { … })
//	}
//
// It panics if T is nothing that can be kept, or if name or T are registered already. It
// is safe for concurrent use.
func Register[T any](name string, migrations ...Migration) {
	typ, err := newDurableType(reflect.TypeFor[T](), name, migrations)
	if err == nil {
		err = durableTypes.add(typ)
	}
	if err != nil {
		panic(fmt.Sprintf("vat: Register[%s](%q): %v", reflect.TypeFor[T](), name, err))
	}
}

// durableType is a registered type.
type durableType struct {
	name       string
	typ        reflect.Type // the struct
	migrations []Migration
	state      reflect.Type // a struct of what is kept in the record
	fields     []int        // where each field of state stands in typ
	lists      []durableField
	unkept     *trail // where the fields lead that are not kept
}

// durableField is a field that is kept entry by entry.
type durableField struct {
	index int
	name  string
}

// version is the version of the state that the program knows.
func (t *durableType) version() uint64 { return uint64(len(t.migrations)) + 1 }

// collection is implemented by pointers to List and Map.
type collection interface {
	// bind says whose field it is, and what the field is called, and reports whether that is new.
	bind(r *resident, name string) bool
	// clear removes what the heap has.
	clear()
	// flush puts what was added before bind into the heap.
	flush()
}

var (
	timeType       = reflect.TypeFor[time.Time]()
	durableStruct  = reflect.TypeFor[Durable]()
	collectionType = reflect.TypeFor[collection]()
)

// newDurableType looks at a struct type that embeds Durable.
func newDurableType(t reflect.Type, name string, migrations []Migration) (*durableType, error) {
	if t.Kind() != reflect.Struct || !embedsDurable(t) {
		return nil, errors.New("it is no struct that embeds vat.Durable itself")
	}
	if name == "" || len(name) > 255 {
		return nil, errors.New("a name has 1 to 255 bytes")
	}
	if _, err := verbsOf(reflect.PointerTo(t)); err != nil {
		return nil, err
	}
	typ := &durableType{name: name, typ: t, migrations: migrations}
	var state []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("vat"), ",")
		if f.Type == durableStruct {
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if reflect.PointerTo(f.Type).Implements(collectionType) {
			if tag == "" {
				tag = verbName(f.Name)
			}
			if len(tag) > 255 {
				return nil, fmt.Errorf("the name of the field %s is too long", f.Name)
			}
			typ.lists = append(typ.lists, durableField{i, tag})
			continue
		}
		f.Anonymous, f.Offset, f.Index = false, 0, nil
		state = append(state, f)
		typ.fields = append(typ.fields, i)
	}
	typ.state = reflect.StructOf(state)
	typ.unkept = fieldTrail(t, nil, func(f reflect.StructField) bool {
		tag, _, _ := strings.Cut(f.Tag.Get("vat"), ",")
		return !f.IsExported() || tag == "-"
	})
	return typ, nil
}

// embedsDurable reports whether a struct type embeds Durable, not by way of another one, whose
// fields would be another object's.
func embedsDurable(t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type == durableStruct {
			return true
		}
	}
	return false
}

// leadsAnywhere reports whether a value of type t may lead to a durable object. around are the
// types that lead to t.
func leadsAnywhere(t reflect.Type, around []reflect.Type) bool {
	if slices.Contains(around, t) || t == refType || t.Implements(promiseType) || t == sturdyrefType || t == timeType {
		return false
	}
	around = append(around, t)
	switch t.Kind() {
	case reflect.Pointer:
		return t.Implements(objectType) || leadsAnywhere(t.Elem(), around)
	case reflect.Slice, reflect.Array:
		return leadsAnywhere(t.Elem(), around)
	case reflect.Map:
		return leadsAnywhere(t.Key(), around) || leadsAnywhere(t.Elem(), around)
	case reflect.Struct:
		for i := range t.NumField() {
			if leadsAnywhere(t.Field(i).Type, around) {
				return true
			}
		}
		return false
	case reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	return false
}

// bind tells the lists and maps of r whose they are.
func (t *durableType) bind(r *resident) {
	for _, f := range t.lists {
		r.obj.Elem().Field(f.index).Addr().Interface().(collection).bind(r, f.name)
	}
}

// flush has the lists and maps of r put into the heap what they had before.
func (t *durableType) flush(r *resident) error {
	for _, f := range t.lists {
		if err := flush(r, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func flush(r *resident, f durableField) (err error) {
	defer caught(&err)
	x := r.obj.Elem().Field(f.index).Addr().Interface().(collection)
	if x.bind(r, f.name) && r.last != nil {
		x.clear() // another list was put into the field
	}
	x.flush()
	return nil
}

// typeRegistry maps names and types to each other.
type typeRegistry struct {
	mu     sync.RWMutex
	byName map[string]*durableType
	byType map[reflect.Type]*durableType
}

var durableTypes = typeRegistry{byName: map[string]*durableType{}, byType: map[reflect.Type]*durableType{}}

func (r *typeRegistry) add(t *durableType) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.byName[t.name] != nil:
		return fmt.Errorf("%s has that name", r.byName[t.name].typ)
	case r.byType[t.typ] != nil:
		return fmt.Errorf("it has the name %q", r.byType[t.typ].name)
	}
	r.byName[t.name], r.byType[t.typ] = t, t
	return nil
}

// durableTypeOf returns what is known of a struct type.
func durableTypeOf(t reflect.Type) (*durableType, error) {
	durableTypes.mu.RLock()
	defer durableTypes.mu.RUnlock()
	if typ := durableTypes.byType[t]; typ != nil {
		return typ, nil
	}
	return nil, fmt.Errorf("%w: %s has no name in the store: see vat.Register", ErrNotKept, t)
}

// durableTypeNamed returns the type that has a name.
func durableTypeNamed(name string) (*durableType, error) {
	durableTypes.mu.RLock()
	defer durableTypes.mu.RUnlock()
	if typ := durableTypes.byName[name]; typ != nil {
		return typ, nil
	}
	return nil, fmt.Errorf("%w: the store has objects of a type %q, and no type is registered by that name", ErrNotKept, name)
}
