package vat

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// Bind makes a typed client of t without generated code: T is a struct of func
// fields, each of which sends the verb of its name (first rune in lower case; a tag
// `vat:"verb"` gives another).
//
//	type LogClient struct {
//		Log    func(line string)                                             // SendOnly
//		Search func(ctx context.Context, sub string) ([]Entry, error)        // Call
//		Find   func(sub string) *vat.Promise[[]Entry] `vat:"search"`         // Send
//	}
//	log := vat.Bind[LogClient](ref)
//
// A field that returns nothing sends only; one that returns a *[Promise] sends; one
// that takes a context first and returns error or (R, error) calls. Bind panics if
// T is anything else: that is a mistake in the program. Nothing is asked of t; see
// [Check].
func Bind[T any](t Target) T {
	var client T
	rv := reflect.ValueOf(&client).Elem()
	for i, f := range boundVerbs(rv.Type()) {
		if f != nil {
			rv.Field(i).Set(f.bind(t))
		}
	}
	return client
}

// Check asks what t's verbs are, and compares them with the fields of T; see
// [Bind]. It returns an error that matches ErrBadArguments if they do not fit,
// ErrUndescribed if the object declines to say, and those of [Call].
func Check[T any](ctx context.Context, t Target) error {
	d, err := Describe(ctx, t)
	if err != nil {
		return err
	}
	verbs := map[string]VerbDescription{}
	for _, v := range d.Verbs {
		verbs[v.Name] = v
	}
	var bad []string
	for _, f := range boundVerbs(reflect.TypeFor[T]()) {
		if f == nil {
			continue
		}
		v, ok := verbs[f.verb]
		if !ok {
			bad = append(bad, fmt.Sprintf("there is no verb %q", f.verb))
		} else if m := v.mismatch(f); m != "" {
			bad = append(bad, fmt.Sprintf("%q %s", f.verb, m))
		}
	}
	if bad != nil {
		return fmt.Errorf("%w: %s: %s", ErrBadArguments, reflect.TypeFor[T](), strings.Join(bad, "; "))
	}
	return nil
}

// boundVerb is one func field of a Bind struct.
type boundVerb struct {
	verb     string
	typ      reflect.Type
	params   []reflect.Type // without the context
	variadic bool
	call     bool         // waits: context first, error last
	result   reflect.Type // nil: none
	promise  reflect.Type // result of a send: *Promise[R]
}

// boundVerbs reads the fields of a Bind struct; unexported ones are nil.
func boundVerbs(t reflect.Type) []*boundVerb {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("vat: Bind[%s]: not a struct of func fields", t))
	}
	fs := make([]*boundVerb, t.NumField())
	for i := range fs {
		if f := t.Field(i); f.IsExported() {
			b, err := newBoundVerb(f)
			if err != nil {
				panic(fmt.Sprintf("vat: Bind[%s]: field %s: %v", t, f.Name, err))
			}
			fs[i] = b
		}
	}
	return fs
}

func newBoundVerb(f reflect.StructField) (*boundVerb, error) {
	t := f.Type
	if t.Kind() != reflect.Func {
		return nil, fmt.Errorf("%s is not a func", t)
	}
	b := &boundVerb{verb: verbName(f.Name), typ: t, variadic: t.IsVariadic()}
	if tag := f.Tag.Get("vat"); tag != "" {
		b.verb = tag
	}
	in := 0
	ctx := t.NumIn() > 0 && t.In(0) == ctxType
	if ctx {
		in = 1
	}
	for ; in < t.NumIn(); in++ {
		b.params = append(b.params, t.In(in))
	}
	outs := t.NumOut()
	fails := outs > 0 && t.Out(outs-1) == errType
	switch {
	case ctx && fails && outs <= 2:
		b.call = true
		if outs == 2 {
			b.result = t.Out(0)
		}
	case !ctx && outs == 0:
	case !ctx && outs == 1 && t.Out(0).Kind() == reflect.Pointer && t.Out(0).Implements(promiseType):
		b.promise = t.Out(0)
		b.result = reflect.New(b.promise.Elem()).Interface().(anyPromise).valueType()
	default:
		return nil, fmt.Errorf("%s: want func(args…), func(args…) *vat.Promise[R] or func(ctx, args…) (R, error)", t)
	}
	return b, nil
}

// bind makes the function of the field.
func (b *boundVerb) bind(t Target) reflect.Value {
	return reflect.MakeFunc(b.typ, func(in []reflect.Value) []reflect.Value {
		ctx := context.Context(nil)
		if b.call {
			ctx = in[0].Interface().(context.Context)
			in = in[1:]
		}
		args := b.args(in)
		switch {
		case b.call:
			return b.doCall(ctx, t, args)
		case b.promise != nil:
			p := reflect.New(b.promise.Elem())
			base := p.Interface().(anyPromise).base()
			base.core, base.verb = t.owner(), b.verb
			base.core.send(t, b.verb, args, base)
			return []reflect.Value{p}
		}
		sendOnly(t, b.verb, args)
		return nil
	})
}

// args gathers the arguments, those of a variadic field one by one.
func (b *boundVerb) args(in []reflect.Value) []any {
	args := make([]any, 0, len(in))
	for i, v := range in {
		if b.variadic && i == len(in)-1 {
			for j := range v.Len() {
				args = append(args, v.Index(j).Interface())
			}
			break
		}
		args = append(args, v.Interface())
	}
	return args
}

func (b *boundVerb) doCall(ctx context.Context, t Target, args []any) []reflect.Value {
	rt := b.result
	if rt == nil {
		rt = anyType
	}
	into := reflect.New(rt).Elem()
	err := call(ctx, t, b.verb, args, into)
	ev := reflect.Zero(errType)
	if err != nil {
		ev = reflect.ValueOf(err)
		into = reflect.Zero(rt)
	}
	if b.result == nil {
		return []reflect.Value{ev}
	}
	return []reflect.Value{into, ev}
}
