package vat

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"sync"
	"unicode"
	"unicode/utf8"
)

// verbTable is what a type's methods look like to callers; compiled once per type.
type verbTable struct {
	byName       map[string]*verb
	typ          reflect.Type
	unreferenced bool  // has the hook Unreferenced()
	undescribed  bool  // has the hook Undescribed()
	unmatched    *verb // the hook Unmatched(*Message), if it has it
	unsettled    *verb // the hook Unsettled(*Message), if it has it
}

// verb is one method, ready to be called.
type verb struct {
	name     string
	fn       reflect.Value  // the method as a function, receiver first
	params   []reflect.Type // without receiver and context
	variadic bool
	hasCtx   bool
	result   reflect.Type // nil: none
	hasErr   bool
	promise  bool // the result is a *Promise
	errAt    int  // index of the error among the outputs
}

var (
	ctxType    = reflect.TypeFor[context.Context]()
	errType    = reflect.TypeFor[error]()
	anyType    = reflect.TypeFor[any]()
	refType    = reflect.TypeFor[*Ref]()
	vatType    = reflect.TypeFor[*Vat]()
	objectType = reflect.TypeFor[objecter]()

	durablerType = reflect.TypeFor[durabler]()

	promiseType = reflect.TypeFor[anyPromise]()
	messageType = reflect.TypeFor[*Message]()
)

var verbTables sync.Map // reflect.Type -> *verbTable or error

// verbsOf compiles the verbs of a pointer type that embeds Object.
func verbsOf(t reflect.Type) (*verbTable, error) {
	if got, ok := verbTables.Load(t); ok {
		if err, bad := got.(error); bad {
			return nil, err
		}
		return got.(*verbTable), nil
	}
	table, err := compileVerbs(t)
	if err != nil {
		verbTables.Store(t, err)
		return nil, err
	}
	got, _ := verbTables.LoadOrStore(t, table)
	return got.(*verbTable), nil
}

func compileVerbs(t reflect.Type) (*verbTable, error) {
	table := &verbTable{byName: map[string]*verb{}, typ: t}
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Name == "Vat" && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 && m.Type.Out(0) == vatType {
			continue // promoted from Object
		}
		if hook := m.Type.NumIn() == 1 && m.Type.NumOut() == 0; hook && m.Name == "Unreferenced" {
			table.unreferenced = true
			continue
		} else if hook && m.Name == "Undescribed" {
			table.undescribed = true
			continue
		} else if hook && m.Name == "Revived" && t.Implements(durablerType) {
			continue
		}
		v, err := compileVerb(m)
		if err != nil {
			return nil, fmt.Errorf("%w: method %s of %s: %w", ErrNotSendable, m.Name, t, err)
		}
		if hook := len(v.params) == 1 && v.params[0] == messageType; hook && m.Name == "Unmatched" {
			table.unmatched = v
			continue
		} else if hook && m.Name == "Unsettled" {
			table.unsettled = v
			continue
		}
		if table.byName[v.name] != nil {
			return nil, fmt.Errorf("%w: two methods of %s have the verb %q", ErrNotSendable, t, v.name)
		}
		table.byName[v.name] = v
	}
	return table, nil
}

func compileVerb(m reflect.Method) (*verb, error) {
	v := &verb{name: verbName(m.Name), fn: m.Func, variadic: m.Type.IsVariadic(), errAt: -1}
	in := 1
	if m.Type.NumIn() > in && m.Type.In(in) == ctxType {
		v.hasCtx = true
		in++
	}
	for ; in < m.Type.NumIn(); in++ {
		v.params = append(v.params, m.Type.In(in))
	}
	outs := m.Type.NumOut()
	if outs > 0 && m.Type.Out(outs-1) == errType {
		v.hasErr, v.errAt = true, outs-1
		outs--
	}
	switch {
	case outs > 1:
		return nil, fmt.Errorf("it returns %d values; a verb returns nothing, T, error, or (T, error)", m.Type.NumOut())
	case outs == 1:
		v.result = m.Type.Out(0)
		v.promise = v.result.Implements(promiseType)
	}
	return v, nil
}

// verbName is the verb of a method: its name with the first rune in lower case.
func verbName(method string) string {
	r, n := utf8.DecodeRuneInString(method)
	return string(unicode.ToLower(r)) + method[n:]
}

// names returns the verbs in alphabetical order.
func (t *verbTable) names() []string {
	names := make([]string, 0, len(t.byName))
	for n := range t.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
