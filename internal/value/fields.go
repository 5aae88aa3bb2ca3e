package value

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vatnet/vatnet/internal/capn"
)

// fields is how a struct becomes a record.
type fields struct {
	list    []field
	byName  map[string]int // index into list
	names   []byte         // the list of all names, as a flat segment
	mayOmit bool           // some field is omitted when empty
}

// field is one field of a record.
type field struct {
	name      string // on the wire
	goName    string // for paths of errors
	index     []int  // for reflect, through embedded structs
	plan      *plan
	omitEmpty bool
}

// of returns the field in the struct v.
func (f *field) of(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	return v.FieldByIndex(f.index)
}

// omitted reports whether the field is left out of v's record.
func (f *field) omitted(v reflect.Value) bool {
	if !f.omitEmpty {
		return false
	}
	v = f.of(v)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

// collect compiles the fields of the struct type t. Fields of embedded structs
// count as t's own by Go's rule: the shallowest of a name wins, and of several
// equally deep ones none.
func (fs *fields) collect(c *Codec, t reflect.Type, building map[reflect.Type]*plan) error {
	type candidate struct {
		field
		typ reflect.Type
	}
	best := map[string][]candidate{}
	var order []string
	exported := t.NumField() == 0
	var walk func(t reflect.Type, at []int)
	walk = func(t reflect.Type, at []int) {
		for i := range t.NumField() {
			sf := t.Field(i)
			tag := sf.Tag.Get("vat")
			if tag == "-" {
				exported = true
				continue
			}
			name, options, _ := strings.Cut(tag, ",")
			index := append(at[:len(at):len(at)], i)
			if sf.Anonymous && name == "" && c.isPlainStruct(sf.Type) {
				walk(sf.Type, index)
				continue
			}
			if !sf.IsExported() {
				continue
			}
			exported = true
			if name == "" {
				name = wireName(sf.Name)
			}
			f := field{name: name, goName: sf.Name, index: index, omitEmpty: options == "omitempty"}
			if old := best[name]; len(old) == 0 {
				order = append(order, name)
			} else if len(old[0].index) < len(index) {
				continue
			} else if len(old[0].index) > len(index) {
				best[name] = nil
			}
			best[name] = append(best[name], candidate{f, sf.Type})
		}
	}
	walk(t, nil)
	if !exported {
		return fmt.Errorf("%s, which has no exported fields,", t)
	}
	fs.byName = map[string]int{}
	for _, name := range order {
		found := best[name]
		if len(found) > 1 {
			if len(found[0].index) == 1 {
				return fmt.Errorf("%s, which has two fields with the name %q,", t, name)
			}
			continue
		}
		f := found[0].field
		f.plan = c.compile(found[0].typ, building)
		fs.mayOmit = fs.mayOmit || f.omitEmpty
		fs.byName[name] = len(fs.list)
		fs.list = append(fs.list, f)
	}
	var b capn.Builder
	b.Init(nil)
	l := b.PtrList(b.RootSlot(), len(fs.list))
	for i := range fs.list {
		b.Text(l.Slot(i), fs.list[i].name)
	}
	fs.names = b.Bytes()
	return nil
}

// isPlainStruct reports whether t is a struct that travels as a record.
func (c *Codec) isPlainStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != typeTime && t != typeBigInt && c.claim(t) == Unclaimed &&
		c.claim(reflect.PointerTo(t)) == Unclaimed && !t.Implements(typeError)
}

// find returns the index of the field called name, or -1. hint is where it
// stands if the sender's type is the same.
func (fs *fields) find(name []byte, hint int) int {
	if hint < len(fs.list) && fs.list[hint].name == string(name) {
		return hint
	}
	if i, ok := fs.byName[string(name)]; ok {
		return i
	}
	return -1
}
