package vat

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat/store"
)

// The record of an object is its head, its references and its state; an entry of a list or
// map has only the latter two. See spec/persistence.md.
const recordFormat = 1

// What a reference is kept as.
const (
	keptNear    = 0 // id of a durable object
	keptFar     = 1 // sealed URI
	keptBroken  = 2 // code and text of why
	keptGranted = 3 // id of a durable object, and swiss hash of the grant of which the reference came
)

// errDamaged is what is wrong with a record that makes no sense.
var errDamaged = store.ErrDamaged

// recorder makes records. What is in them is encoded as in messages, but for references.
type recorder struct {
	val   value.Encoder
	dur   *durable
	refs  []byte
	count uint64
}

func newRecorder(d *durable) *recorder {
	e := &recorder{dur: d}
	e.val.Codec, e.val.Hooks = codec, e
	return e
}

// record appends v, encoded, with its references, to head.
func (e *recorder) record(head []byte, v reflect.Value) ([]byte, error) {
	e.refs, e.count = e.refs[:0], 0
	e.val.B.Init(e.val.B.Buffer()[:0])
	if err := e.val.Result(e.val.B.RootSlot(), v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	if err := e.val.B.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	head = binary.AppendUvarint(head, e.count)
	head = append(head, e.refs...)
	record := append(head, e.val.B.Bytes()...)
	if len(record) > store.MaxValue { // the store would refuse others' turns with this one
		return nil, fmt.Errorf("%w: it takes %d bytes, and there is room for %d", ErrNotKept, len(record), store.MaxValue)
	}
	return record, nil
}

// state makes the record of r as its fields are now.
func (e *recorder) state(r *resident) ([]byte, error) {
	t := r.typ
	state := reflect.New(t.state).Elem()
	for i, f := range t.fields {
		state.Field(i).Set(r.obj.Elem().Field(f))
	}
	head := binary.AppendUvarint([]byte{recordFormat}, t.version())
	head = append(append(head, byte(len(t.name))), t.name...)
	return e.record(head, state)
}

// EncodeRef implements value.EncodeHooks.
func (e *recorder) EncodeRef(v reflect.Value) (index uint32, promise, null bool, err error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Pointer {
		return 0, false, false, fmt.Errorf("%s goes by reference: keep a pointer to it", v.Type())
	}
	if v.IsNil() {
		return 0, false, true, nil
	}
	switch x := v.Interface().(type) {
	case *Ref:
		err = e.ref(x)
	case durabler:
		err = e.near(x, true, nil)
	default:
		err = fmt.Errorf("%T is of this incarnation only", x)
	}
	e.count++
	return uint32(e.count - 1), false, false, err
}

// near notes a reference to a durable object, which came of a grant, or of none; followed says that a
// pointer leads there.
func (e *recorder) near(x durabler, followed bool, g *captp.Grant) error {
	r, err := e.dur.attach(x)
	if err != nil {
		return err
	}
	if x := e.dur.collecting; x != nil {
		x.mark(r.id)
	}
	if followed || r.last == nil {
		e.dur.touched = append(e.dur.touched, r)
	}
	if g == nil {
		e.refs = binary.AppendUvarint(append(e.refs, keptNear), r.id)
		return nil
	}
	e.refs = binary.AppendUvarint(append(e.refs, keptGranted), r.id)
	e.refs = append(e.refs, g.Tag.(*Grant).hash[:]...)
	return nil
}

// ref notes a reference of any kind.
func (e *recorder) ref(x *Ref) error {
	c := e.dur.core
	if x.core != c {
		return ErrOtherVat
	}
	c.lock()
	ref := x.ref
	if x.released.Load() {
		ref = x.sendTo()
	}
	origin, far := ref.Origin().(sturdyref.Ref)
	switch {
	case x.heals != nil:
		origin, far = x.heals.uri, ref == x.ref
	case far && x.keep == keepNone:
		x.keep = keepAwake
	}
	obj, _ := ref.Object()
	why := ref.Err()
	c.unlock()
	if far {
		e.refs = appendBytes(append(e.refs, keptFar), e.dur.seal(origin))
		return nil
	}
	if f, ok := obj.(*face); ok {
		if d, ok := f.recv.Interface().(durabler); ok {
			return e.near(d, false, f.grant)
		}
		return fmt.Errorf("%s is not durable: its type does not embed vat.Durable", f.recv.Type())
	}
	if why == nil {
		return fmt.Errorf("the reference came of no sturdyref that this vat has enlivened")
	}
	e.refs = appendBytes(append(e.refs, keptBroken), []byte(why.Code))
	e.refs = appendBytes(e.refs, []byte(why.Reason))
	return nil
}

// EncodeError implements value.EncodeHooks.
func (e *recorder) EncodeError(err error) (code, text string) { return codeOf(err), errorText(err) }

// EncodeSturdyref implements value.EncodeHooks.
func (e *recorder) EncodeSturdyref(v reflect.Value) (string, error) {
	r := v.Interface().(sturdyref.Ref)
	if r.IsZero() {
		return "", nil
	}
	return base64.StdEncoding.EncodeToString(e.dur.seal(r)), nil
}

func appendBytes(b, s []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

// reviver reads records.
type reviver struct {
	val  value.Decoder
	dur  *durable
	refs []keptRef
	msg  capn.Message
}

// keptRef is one reference of a record.
type keptRef struct {
	kind   byte
	id     uint64
	grant  []byte // swiss hash
	sealed []byte
	why    *captp.Error
}

func newReviver(d *durable) *reviver {
	v := &reviver{dur: d}
	v.val.Codec, v.val.Hooks = codec, v
	return v
}

// read decodes what recorder.record appended into what into points to.
func (v *reviver) read(b []byte, into any) error {
	in := cutter{b: b}
	v.refs = v.refs[:0]
	for n := in.uvarint(); n > 0 && !in.bad; n-- {
		v.refs = append(v.refs, in.ref())
	}
	if in.bad {
		return fmt.Errorf("%w: the references of a record", errDamaged)
	}
	if err := v.msg.ParseFlat(in.b, nil); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	root, err := v.msg.Root()
	if err == nil {
		err = v.val.Result(root, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	return nil
}

// typeOfRecord returns the type of the object whose record it is.
func typeOfRecord(record []byte) (*durableType, error) {
	name, _, _, err := headOf(record)
	if err != nil {
		return nil, err
	}
	return durableTypeNamed(name)
}

// headOf takes the head off a record.
func headOf(record []byte) (name string, version uint64, rest []byte, err error) {
	in := cutter{b: record}
	format := in.byte()
	version, name = in.uvarint(), string(in.take(uint64(in.byte())))
	if in.bad || format != recordFormat {
		return "", 0, nil, fmt.Errorf("%w: the head of a record", errDamaged)
	}
	return name, version, in.b, nil
}

// decodeState sets the fields of r as its last record says.
func (d *durable) decodeState(r *resident) error {
	_, version, rest, err := headOf(r.last)
	if err != nil {
		return err
	}
	t := r.typ
	if version > t.version() {
		return fmt.Errorf("%w: it is of version %d, and the program knows but %d", ErrNotKept, version, t.version())
	}
	state := reflect.New(t.state)
	if rest, err = d.migrate(t, version, rest); err == nil {
		err = newReviver(d).read(rest, state.Interface())
	}
	if err != nil {
		return err
	}
	for i, f := range t.fields {
		r.obj.Elem().Field(f).Set(state.Elem().Field(i))
	}
	return nil
}

// migrate makes the state of a version into that of the version that the program knows.
func (d *durable) migrate(t *durableType, version uint64, state []byte) ([]byte, error) {
	if version == 0 || version == t.version() {
		return state, nil
	}
	var record Record
	if err := newReviver(d).read(state, &record); err != nil {
		return nil, err
	}
	for ; version < t.version(); version++ {
		var err error
		if record, err = t.migrations[version-1](record); err != nil {
			return nil, fmt.Errorf("%w: migrating it from version %d: %w", ErrNotKept, version, err)
		}
	}
	return d.recorder.record(nil, reflect.ValueOf(record))
}

// cutter takes a record apart.
type cutter struct {
	b   []byte
	bad bool
}

func (c *cutter) uvarint() uint64 {
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return x
}

func (c *cutter) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.b, c.bad = nil, true
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}

func (c *cutter) byte() byte {
	if s := c.take(1); len(s) == 1 {
		return s[0]
	}
	return 0
}

func (c *cutter) ref() (r keptRef) {
	switch r.kind = c.byte(); r.kind {
	case keptNear:
		r.id = c.uvarint()
	case keptGranted:
		r.id, r.grant = c.uvarint(), c.take(uint64(len(sturdyref.SwissHash{})))
	case keptFar:
		r.sealed = c.take(c.uvarint())
	case keptBroken:
		r.why = &captp.Error{Kind: captp.Failed, Code: string(c.take(c.uvarint())), Reason: string(c.take(c.uvarint()))}
	default:
		c.bad = true
	}
	return r
}
