package vat

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
)

// longWait is how long a call waits for its arguments before the log hears of it.
const longWait = 10 * time.Second

// maxWaits is how many promises among the arguments of one peer's calls are waited
// for at a time. Each is asked for what it settles to, with a send of this vat's
// that may wait as its program's sends do, and counts with those. So all peers
// together have no more than a quarter of Config.MaxPending, and of what is left of
// that no peer takes more than a third: it needs many of them to have it all.
const maxWaits = 4096

// waiting is a call some of whose arguments are promises where its method wants
// plain data. It waits for them on its path: later calls of the same sender on the
// same reference queue behind it. If only one of those can end the wait, that is
// the program's deadlock. Machine right.
type waiting struct {
	core  *core
	call  *captp.Call
	from  *captp.Session // whose call it is; nil: of this vat
	obj   *face
	verb  string
	data  settledData
	refs  int // found so far
	left  int // promises not yet settled
	held  int // bytes of what has settled, charged to its sender
	over  bool
	full  bool // its sender makes this vat wait for too much
	timer *timer
}

// settledData says what references of one message settled to.
type settledData struct {
	entries []*settledRef
	byIndex map[uint32]*settledRef // nil while there are few
}

// fewEntries is how many entries are found by looking at each: a peer decides how
// many there are.
const fewEntries = 16

func (s *settledData) add(x *settledRef) {
	s.entries = append(s.entries, x)
	if len(s.entries) <= fewEntries {
		return
	}
	if s.byIndex == nil {
		s.byIndex = make(map[uint32]*settledRef)
		for _, e := range s.entries {
			s.byIndex[e.index] = e
		}
	}
	s.byIndex[x.index] = x
}

// settledRef is one reference that stands where plain data is wanted.
type settledRef struct {
	index   uint32
	depth   int // how many promises' data it stands in
	promise *promise
	types   []reflect.Type // wanted, where it stands
	filled  bool           // fill has been here
	isData  bool           // it settled to data:
	msg     capn.Message
	value   capn.Ptr
	inner   settledData // of the references in value
}

// settledCost is what an entry costs the sender of the call, besides its data.
const settledCost = 512

// of returns the entry of an index, nil if there is none.
func (s *settledData) of(index uint32) *settledRef {
	if s == nil {
		return nil
	}
	if s.byIndex != nil {
		return s.byIndex[index]
	}
	for _, x := range s.entries {
		if x.index == index {
			return x
		}
	}
	return nil
}

// waitForArguments looks, inside the machine, for references among the arguments
// of call that stand where plain data is wanted. It returns nil if there is none.
// If all of them are known already, there is nothing to wait for (wait is false).
func (c *core) waitForArguments(f *face, call *captp.Call) (w *waiting, wait bool) {
	params, caps := call.Params()
	args, err := value.ParseArgs(params)
	if err != nil {
		return nil, false // its turn will say so
	}
	v := f.verbs.byName[string(args.Verb())]
	if v == nil {
		return nil, false
	}
	w = &waiting{core: c, call: call, from: call.From(), obj: f, verb: v.name}
	for i := range args.Len() {
		if t := v.param(i); t != nil && codec.WantsPlain(t) {
			w.want(&w.data, args.At(i), t, caps, 0)
		}
	}
	if len(w.data.entries) == 0 && !w.full {
		return nil, false
	}
	if w.left == 0 && !w.full {
		return w, false
	}
	c.later(w)
	return w, true
}

// param returns the type of the i-th argument; nil if there is no such parameter.
func (v *verb) param(i int) reflect.Type {
	last := len(v.params) - 1
	switch {
	case v.variadic && i >= last:
		return v.params[last].Elem()
	case i <= last:
		return v.params[i]
	}
	return nil
}

// want notes the references in p, of type t, that must become data.
func (w *waiting) want(in *settledData, p capn.Ptr, t reflect.Type, caps []*captp.Ref, depth int) {
	// Malformed values are for the decoder to complain of.
	_ = codec.ScanPromises(p, t, func(index uint32, t reflect.Type) { w.wantRef(in, index, t, caps, depth) })
}

func (w *waiting) wantRef(in *settledData, index uint32, t reflect.Type, caps []*captp.Ref, depth int) {
	if uint64(index) >= uint64(len(caps)) || caps[index] == nil || depth > value.MaxDepth || w.full {
		return
	}
	if x := in.of(index); x != nil {
		if !slices.Contains(x.types, t) { // the same, where something else is wanted
			x.types = append(x.types, t)
			if x.filled {
				w.look(x, t)
			}
		}
		return
	}
	r := caps[index]
	if w.refs++; w.refs > maxWaits { // data that leads to itself has no end
		w.full = true
		return
	}
	x := &settledRef{index: index, depth: depth, types: []reflect.Type{t}, promise: &promise{core: w.core}}
	switch obj, _ := r.Object(); o := obj.(type) {
	case *face:
		if o.verbs.unsettled == nil {
			return // an object; the decoder will complain
		}
	case *locator:
		return
	case *holder:
		x.promise.state, x.promise.flat, x.promise.caps = fulfilled, o.flat, o.caps
		w.hold(settledCost)
		in.add(x)
		w.fill(x) // the data is the holder's, and charged there
		return
	}
	if !w.count(1) {
		w.full = true
		return
	}
	w.hold(settledCost)
	x.promise.name(w.core, r.Retain())
	in.add(x)
	w.left++
	w.core.later(&argument{w, x})
}

// hold charges n bytes to the peer that the call came from, if there is one, until the call
// is over.
func (w *waiting) hold(n int) {
	if w.from != nil {
		w.held += n
		w.from.Hold(n)
	}
}

// done gives back what was charged, once the call is over. w may be nil.
func (w *waiting) done() {
	if w != nil && w.held > 0 {
		w.from.Hold(-w.held) // the call, answered, may be another's by now
		w.held = 0
	}
}

// count counts n more promises waited for on behalf of the peer that the call came
// from, if there is one. It reports whether that is not too much.
func (w *waiting) count(n int) bool {
	if w.from == nil {
		return true
	}
	s, c := w.from.Tag().(*session), w.core
	left := max(1, c.machine.Limits().MaxPending/4) - c.waits
	if n > 0 && (left < n || s.waits+n > min(maxWaits, max(1, left/2))) {
		return false
	}
	s.waits += n
	c.waits += n
	return true
}

// argument is one promise that a waiting call waits for.
type argument struct {
	w *waiting
	x *settledRef
}

func (a *argument) afterwards() {
	if a.w.full { // the call is refused: nothing is asked for
		a.w.count(-1)
		a.x.promise.letGo()
		return
	}
	a.x.promise.whenSettled(a)
}

func (a *argument) settled(*promise) { a.w.settled(a.x) }

// afterwards begins the wait.
func (w *waiting) afterwards() {
	if w.over {
		return
	}
	c := w.core
	if w.full {
		w.fail(ErrOverloaded)
		return
	}
	c.calls[w.call] = &underway{wait: w}
	if w.call.IsCanceled() {
		w.failWith(whyCanceled(w.call))
		return
	}
	w.timer = c.at(c.now().Add(longWait), func() {
		c.outside = append(c.outside, func() {
			c.log.Warn("vat: a call waits for its arguments; later calls on its path wait behind it",
				"verb", w.verb, "object", typeName(w.obj.verbs.typ), "waited", longWait)
		})
	})
}

// settled hears that one of the promises has settled.
func (w *waiting) settled(x *settledRef) {
	w.left--
	w.count(-1)
	if w.over {
		x.promise.letGo()
		return
	}
	if x.promise.state == broken {
		w.fail(&carried{x.promise.err(), x.promise.wireError().PassedOn()})
		return
	}
	w.hold(cap(x.promise.flat))
	w.fill(x)
	if w.full {
		w.fail(ErrOverloaded)
		return
	}
	if w.left > 0 {
		return
	}
	w.end()
	w.core.enqueue(turn{call: w.call, obj: w.obj, args: w})
	w.call.Ready()
}

// fill takes the data of x, whose promise is fulfilled, and looks for further
// references in it.
func (w *waiting) fill(x *settledRef) {
	x.filled = true
	p := x.promise
	if p.flat == nil {
		x.isData = true // null
		return
	}
	if x.msg.ParseFlat(p.flat, nil) != nil {
		return
	}
	root, err := x.msg.Root()
	if err != nil {
		return
	}
	v, _, _, isRef, err := value.ResultOf(root)
	if err != nil || isRef {
		return
	}
	x.isData, x.value = true, v
	for _, t := range x.types {
		w.look(x, t)
	}
}

// look looks for further references in the data of x, where t is wanted.
func (w *waiting) look(x *settledRef, t reflect.Type) {
	if x.isData && len(x.promise.caps) > 0 {
		w.want(&x.inner, x.value, t, x.promise.caps, x.depth+1)
	}
}

// fail ends the wait and the call.
func (w *waiting) fail(err error) { w.failWith(toWire(err)) }

func (w *waiting) failWith(err *captp.Error) {
	w.end()
	w.done()
	w.call.Fail(err)
	w.data.letGo()
	w.data.cancel()
}

// cancel withdraws the questions what the promises settle to that have no answer yet:
// nobody waits for it. Machine right.
func (s *settledData) cancel() {
	for _, x := range s.entries {
		if p := x.promise; p.state == pending && p.call != nil {
			p.call.Cancel()
		}
		x.inner.cancel()
	}
}

// letGo releases what the promises hold that have settled: those that have not do so
// when they settle. Machine right.
func (s *settledData) letGo() {
	for _, x := range s.entries {
		if x.promise.state != pending {
			x.promise.letGo()
		}
		x.inner.letGo()
	}
}

func (w *waiting) end() {
	w.over = true
	delete(w.core.calls, w.call)
	w.core.stopTimer(w.timer)
}

// abandoned is the end of a wait whose caller canceled.
type abandoned waiting

func (a *abandoned) afterwards() {
	if w := (*waiting)(a); !w.over {
		w.failWith(whyCanceled(w.call))
	}
}

// argumentError is what a caller is told of arguments that do not fit.
func argumentError(v *verb, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrBadArguments, v.name, err)
}
