package vat

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/sturdyref"
)

// Record is a record that no Go struct stands for: what an any receives for one.
type Record = value.Record

// Field is one field of a [Record].
type Field = value.Field

// codec compiles what is done with values of each type, once.
var codec = value.NewCodec(claims)

var sturdyrefType = reflect.TypeFor[sturdyref.Ref]()

// claims says which types are not plain data.
func claims(t reflect.Type) value.Claim {
	switch {
	case t == sturdyrefType:
		return value.ClaimSturdyref
	case t == refType, t.Implements(promiseType), t.Implements(objectType):
		return value.ClaimRef
	case t.Kind() == reflect.Struct:
		// By value they are mistakes, which EncodeRef explains.
		if p := reflect.PointerTo(t); p == refType || p.Implements(promiseType) || p.Implements(objectType) {
			return value.ClaimRef
		}
	}
	return value.Unclaimed
}

// maxPooled is the size of the largest buffer that goes back to a pool.
const maxPooled = 64 << 10

// encoder encodes the arguments or the result of one call. What is a reference is
// only noted; references of the machine are made of it by take, with the machine
// right.
type encoder struct {
	val     value.Encoder
	core    *core
	sources []source
	caps    []*captp.Ref   // what take made of them
	outcome bool           // it is the result of the current turn, whose method has returned
	out     captp.Outgoing // for send
}

// source is what one entry of a capability table is made of: exactly one is set.
type source struct {
	host    *hosted
	ref     *Ref
	promise *promise
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.val.Codec, e.val.Hooks = codec, e
	return e
}}

func newEncoder(c *core) *encoder {
	e := encoders.Get().(*encoder)
	e.core = c
	return e
}

// done gives e back; nothing it gave may be used any more.
func (e *encoder) done() {
	clear(e.sources)
	clear(e.caps)
	e.core, e.outcome, e.sources, e.caps, e.out = nil, false, e.sources[:0], e.caps[:0], captp.Outgoing{}
	if cap(e.val.B.Buffer()) > maxPooled {
		e.val.B.Init(nil)
	}
	encoders.Put(e)
}

// args encodes the parameters of send.
func (e *encoder) args(verb string, args []any) error {
	if err := value.EncodeArgs(&e.val, verb, args); err != nil {
		return sendError(err)
	}
	return nil
}

// result encodes results; the zero Value is none.
func (e *encoder) result(v reflect.Value) error {
	e.val.B.Init(e.val.B.Buffer()[:0])
	if err := e.val.Result(e.val.B.RootSlot(), v); err != nil {
		return sendError(err)
	}
	if err := e.val.B.Err(); err != nil {
		return sendError(err)
	}
	return nil
}

func sendError(err error) error { return fmt.Errorf("%w: %w", ErrNotSendable, err) }

// take returns what was encoded and a capability table, with a holder of each, both
// valid until done. Machine right.
func (e *encoder) take() (flat []byte, caps []*captp.Ref) {
	for i := range e.sources {
		e.caps = append(e.caps, e.sources[i].take(e.core, e.outcome))
	}
	return e.val.B.Bytes(), e.caps
}

// take returns a holder of what s is; nil if it is nothing. outcome is as in encoder.
// Machine right.
func (s *source) take(c *core, outcome bool) *captp.Ref {
	switch {
	case s.host != nil:
		return s.host.ref(c.grantOf(s.host, outcome))
	case s.promise != nil:
		return s.promise.ref().Retain()
	case s.ref != nil:
		return s.ref.sendTo().Retain()
	}
	return nil
}

// EncodeRef implements value.EncodeHooks.
func (e *encoder) EncodeRef(v reflect.Value) (index uint32, promise, null bool, err error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Pointer {
		return 0, false, false, fmt.Errorf("%s passes by reference: give a pointer to it", v.Type())
	}
	if v.IsNil() {
		return 0, false, true, nil
	}
	s, err := e.core.sourceOf(v.Interface())
	if err != nil {
		return 0, false, false, err
	}
	e.sources = append(e.sources, s)
	return uint32(len(e.sources) - 1), s.promise != nil, false, nil
}

// sourceOf returns what a reference to x is made of; the zero source if x is nil.
func (c *core) sourceOf(x any) (s source, err error) {
	switch x := x.(type) {
	case nil:
	case *Ref:
		s.ref = x
		if x.core != c {
			return s, ErrOtherVat
		}
	case anyPromise:
		s.promise = x.base()
		if s.promise.core != c {
			return s, ErrOtherVat
		}
	case objecter:
		s.host, err = c.host(x)
	default:
		err = fmt.Errorf("%w: %T is no reference", ErrNotSendable, x)
	}
	return s, err
}

// EncodeError implements value.EncodeHooks.
func (e *encoder) EncodeError(err error) (code, text string) { return codeOf(err), errorText(err) }

// EncodeSturdyref implements value.EncodeHooks.
func (e *encoder) EncodeSturdyref(v reflect.Value) (uri string, err error) {
	r := v.Interface().(sturdyref.Ref)
	if r.IsZero() {
		return "", nil
	}
	if _, told := r.Donor(); !told {
		vouched.keep(r)
	}
	return r.URI(), nil
}

// vouched keeps those sturdyrefs that left last and that the program has otherwise
// than from messages: a message to a near object, which has but the text, must not
// turn them into something that a message brought.
var vouched keeper

// keeper is a ring of sturdyrefs.
type keeper struct {
	mu   sync.Mutex
	ring []sturdyref.Ref
	next int
}

func (v *keeper) keep(r sturdyref.Ref) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.ring) < 256 {
		v.ring = append(v.ring, r)
		return
	}
	v.ring[v.next] = r
	v.next = (v.next + 1) % len(v.ring)
}

// decoder decodes the arguments or results of one message.
type decoder struct {
	val   value.Decoder
	core  *core
	donor crypto.VatID // who sent it; zero: nobody or not known
	caps  []*captp.Ref // borrowed
	data  *settledData // what references that stand for plain data settled to; may be nil
	kept  *anchor      // has caps once more, for data that may refer to them
	msg   capn.Message
}

var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.val.Codec, d.val.Hooks = codec, d
	return d
}}

func newDecoder(c *core, caps []*captp.Ref) *decoder {
	d := decoders.Get().(*decoder)
	d.core, d.caps = c, caps
	return d
}

func (d *decoder) done() {
	d.core, d.donor, d.caps, d.data, d.kept = nil, crypto.VatID{}, nil, nil, nil
	d.msg.Reset()
	decoders.Put(d)
}

// results decodes flat results into what into points to; nil is null.
func (d *decoder) results(flat []byte, into reflect.Value) error {
	var root capn.Ptr
	err := error(nil)
	if flat != nil {
		if err = d.msg.ParseFlat(flat, nil); err == nil {
			root, err = d.msg.Root()
		}
	}
	if err == nil {
		err = d.val.Result(root, into.Addr().Interface())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadResult, err)
	}
	return nil
}

// cap returns a capability with a new holder; nil is null.
func (d *decoder) cap(index uint32) (*captp.Ref, error) {
	if uint64(index) >= uint64(len(d.caps)) {
		return nil, errNoCap
	}
	r := d.caps[index]
	if r == nil {
		return nil, nil
	}
	d.core.lock()
	r.Retain()
	d.core.unlock()
	return r, nil
}

var errNoCap = fmt.Errorf("%w: no such capability", value.ErrCannotReceive)

// DecodeRef implements value.DecodeHooks.
func (d *decoder) DecodeRef(index uint32, promise bool, into reflect.Value) error {
	t := into.Type()
	isPromise := t.Kind() == reflect.Pointer && t.Implements(promiseType)
	if t != refType && !isPromise {
		return fmt.Errorf("a reference cannot be received as %s: use *vat.Ref", t)
	}
	r, err := d.cap(index)
	if err != nil || r == nil {
		into.SetZero()
		return err
	}
	if !isPromise {
		into.Set(reflect.ValueOf(d.core.newRef(r)))
		return nil
	}
	p := reflect.New(t.Elem())
	p.Interface().(anyPromise).base().name(d.core, r)
	into.Set(p)
	return nil
}

// name makes p, a new promise, stand for a reference, of which one holder passes.
func (p *promise) name(c *core, r *captp.Ref) {
	p.core, p.named, p.lazy, p.pipe = c, true, true, r
	p.collect()
}

// DecodeData implements value.DecodeHooks.
func (d *decoder) DecodeData(_ *value.Decoder, v capn.Ptr, into reflect.Value) error {
	t := into.Type()
	if t.Kind() != reflect.Pointer || !t.Implements(promiseType) {
		return fmt.Errorf("plain data cannot be received as %s", t)
	}
	var b capn.Builder
	b.Init(nil)
	if err := b.Copy(b.Root(0, 2).Slot(1), v); err != nil {
		return err
	}
	pv := reflect.New(t.Elem())
	p := pv.Interface().(anyPromise).base()
	p.core, p.state, p.flat = d.core, fulfilled, b.Bytes()
	d.keep(p)
	into.Set(pv)
	return nil
}

// keep has p, which is data of the message, keep its capabilities. All data of one message shares the holders: how much of it
// there is, and how many capabilities, a peer decides.
func (d *decoder) keep(p *promise) {
	if len(d.caps) == 0 {
		return
	}
	d.core.lock()
	defer d.core.unlock()
	if d.kept == nil {
		d.kept = d.core.anchorAll(d.caps)
	}
	d.kept.users++
	p.caps, p.anchor = d.kept.caps, d.kept
}

// AnyRef implements value.DecodeHooks.
func (d *decoder) AnyRef(index uint32, promise bool) (any, error) {
	r, err := d.cap(index)
	if err != nil || r == nil {
		return nil, err
	}
	if promise {
		p := new(Promise[any])
		p.name(d.core, r)
		return p, nil
	}
	return d.core.newRef(r), nil
}

// DecodeError implements value.DecodeHooks. Whoever made it is not this vat speaking of itself.
func (d *decoder) DecodeError(code, text string) error {
	return &Error{Code: code, Text: text, remote: true}
}

// DecodeSturdyref implements value.DecodeHooks.
func (d *decoder) DecodeSturdyref(uri string, into reflect.Value) error {
	r, err := sturdyref.ParseTold(uri, d.donor)
	if err == nil {
		into.Set(reflect.ValueOf(r))
	}
	return err
}

// AnySturdyref implements value.DecodeHooks.
func (d *decoder) AnySturdyref(uri string) (any, error) {
	return sturdyref.ParseTold(uri, d.donor)
}

// Settled implements value.DecodeHooks.
func (d *decoder) Settled(index uint32) (v capn.Ptr, h value.DecodeHooks, ok bool) {
	x := d.data.of(index)
	if x == nil || !x.isData {
		return capn.Ptr{}, nil, false
	}
	return x.value, &decoder{core: d.core, donor: d.donor, caps: x.promise.caps, data: &x.inner}, true
}

// decode decodes the value of a settled promise, or returns why it broke.
func (p *promise) decode(into reflect.Value) error {
	if p.state == broken {
		return p.err()
	}
	d := newDecoder(p.core, p.resultCaps())
	defer d.done()
	defer runtime.KeepAlive(p) // with p, the references would go
	return d.results(p.flat, into)
}

// resultCaps returns the capabilities of a fulfilled promise. Where sends were
// made to the promise itself, its result is the reference that they went to, so
// that later ones do not overtake them.
func (p *promise) resultCaps() []*captp.Ref {
	if len(p.caps) == 0 {
		return nil
	}
	p.core.lock()
	pipe := p.pipe
	p.core.unlock()
	if pipe == nil || pipe == p.resultIs() {
		return p.caps
	}
	i, ok := p.resultIndex()
	if !ok || int(i) >= len(p.caps) {
		return p.caps
	}
	caps := append([]*captp.Ref(nil), p.caps...)
	caps[i] = pipe
	return caps
}

// resultIs returns the reference that a fulfilled promise came to; nil if none.
func (p *promise) resultIs() *captp.Ref {
	r, _ := p.resultRef()
	return r
}

// resultRef returns the reference that a fulfilled promise came to, nil for null,
// and whether it is one. The holder is p's.
func (p *promise) resultRef() (*captp.Ref, bool) {
	i, ok := p.resultIndex()
	if !ok || int(i) >= len(p.caps) {
		return nil, ok
	}
	return p.caps[i], true
}

// isRef reports whether a fulfilled promise came to a reference.
func (p *promise) isRef() bool {
	_, ok := p.resultIndex()
	return ok
}

func (p *promise) resultIndex() (uint32, bool) {
	switch {
	case len(p.flat) == 0:
		return 0, false
	case bytes.Equal(p.flat, selfResult):
		return 0, true
	}
	var m capn.Message
	if m.ParseFlat(p.flat, nil) != nil {
		return 0, false
	}
	root, err := m.Root()
	if err != nil {
		return 0, false
	}
	_, i, _, isRef, err := value.ResultOf(root)
	return i, isRef && err == nil
}

// selfResult are the results (ref, value) that are capability 0.
var selfResult = func() []byte {
	var e value.Encoder
	e.B.Init(nil)
	e.ResultRef(e.B.Struct(e.B.RootSlot(), 0, 2), 0, false)
	return e.B.Bytes()
}()
