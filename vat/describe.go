package vat

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// verbDescribe is the verb by which every object describes itself.
const verbDescribe = "__describe"

// Description is what an object says of itself when it is sent __describe. Types
// are written as they travel, such as "[]{at time, line text}".
type Description struct {
	Type  string // name of the Go type; it means nothing to programs
	Verbs []VerbDescription
}

// VerbDescription is one verb of a [Description].
type VerbDescription struct {
	Name     string
	Params   []string
	Variadic bool   // the last parameter may be given any number of times
	Result   string // "" if nothing comes but that it is done
	Promise  bool   // the answer may take its time: the method returns a promise
}

// String writes the description as lines like "search(text) []{at time, line text}".
func (d *Description) String() string {
	var b strings.Builder
	for _, v := range d.Verbs {
		b.WriteString(v.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String writes the verb as it would be declared.
func (v VerbDescription) String() string {
	params := strings.Join(v.Params, ", ")
	if v.Variadic {
		params += "..."
	}
	s := v.Name + "(" + params + ")"
	if v.Result != "" {
		s += " " + v.Result
	}
	return s
}

// Describe asks what t's verbs are. Errors: ErrUndescribed if the object declines,
// and those of [Call].
func Describe(ctx context.Context, t Target) (*Description, error) {
	return Call[*Description](ctx, t, verbDescribe)
}

// describe makes the description of a type.
func describe(t *verbTable) (*Description, error) {
	if t.undescribed {
		return nil, ErrUndescribed
	}
	d := &Description{Type: typeName(t.typ)}
	for _, name := range t.names() {
		d.Verbs = append(d.Verbs, t.byName[name].describe())
	}
	return d, nil
}

func (v *verb) describe() VerbDescription {
	d := VerbDescription{Name: v.name, Variadic: v.variadic, Promise: v.promise}
	for i, p := range v.params {
		if v.variadic && i == len(v.params)-1 {
			p = p.Elem()
		}
		d.Params = append(d.Params, describeType(p))
	}
	if v.result != nil {
		d.Result = describeType(v.result)
	}
	return d
}

// describeType writes a type; a promise as what it promises.
func describeType(t reflect.Type) string {
	if t.Kind() == reflect.Pointer && t.Implements(promiseType) {
		return describeType(reflect.New(t.Elem()).Interface().(anyPromise).valueType())
	}
	return codec.Describe(t)
}

// mismatch says where a function type of a Bind struct does not fit a verb; "" if
// it fits.
func (d VerbDescription) mismatch(f *boundVerb) string {
	fixed, least := len(f.params), len(d.Params)
	if f.variadic {
		fixed--
	}
	if d.Variadic {
		least--
	}
	switch {
	case d.Variadic && !f.variadic && fixed < least:
		return fmt.Sprintf("takes %d arguments or more, not %d", least, fixed)
	case !d.Variadic && (fixed > least || !f.variadic && fixed < least):
		return fmt.Sprintf("takes %d arguments, not %d", least, fixed)
	}
	for i, p := range f.params {
		if f.variadic && i == fixed {
			p = p.Elem() // in the place of whatever is still wanted, or of nothing
		}
		if i >= len(d.Params) && !d.Variadic {
			break
		}
		if want := d.Params[min(i, len(d.Params)-1)]; !fits(describeType(p), want) {
			return fmt.Sprintf("wants %s as argument %d, not %s", want, i+1, describeType(p))
		}
	}
	if f.result != nil && !fits(describeType(f.result), d.Result) {
		return fmt.Sprintf("gives %s, not %s", orNothing(d.Result), describeType(f.result))
	}
	return ""
}

// fits reports whether two descriptions may be of the same values. Records are
// compared by the receiver, field by field, so here they fit each other; so do
// numbers, which convert if they are exact.
func fits(a, b string) bool {
	if a == b || a == "any" || b == "any" {
		return true
	}
	return kindOfDescription(a) == kindOfDescription(b)
}

func kindOfDescription(s string) string {
	s = strings.TrimPrefix(s, "?")
	switch {
	case strings.HasPrefix(s, "{"), strings.HasPrefix(s, "map[text]"), s == "record":
		return "{"
	case strings.HasPrefix(s, "["):
		return "[" + kindOfDescription(s[strings.IndexByte(s, ']')+1:])
	case strings.HasPrefix(s, "data"):
		return "data"
	case strings.HasPrefix(s, "int"), strings.HasPrefix(s, "uint"), strings.HasPrefix(s, "float"), s == "bigInt":
		return "number"
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
