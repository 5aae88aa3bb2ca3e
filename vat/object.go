package vat

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/vatnet/vatnet/captp"
)

// Object makes the Go type that embeds it pass by reference. Such a type is
// always used through a pointer:
//
//	type Log struct {
//		vat.Object
//		lines []Entry
//	}
//
// Its exported methods are its verbs; see the package documentation for what they
// may take and return. Everything that is not an Object is passed by copy.
//
// An object belongs to the vat that first exports or sends it, and from then on
// only that vat's turns should touch it: that is why it needs no mutex. Another
// vat of the process that sends it is refused with ErrOtherVat.
//
// A method that returns its own object, or sends it on, passes it under the grant of
// the reference through which it was called: it is revoked together with that (see
// [Grant]). This holds for what the method's own turn sends or returns. A callback of
// [When] and a goroutine belong to no call any more: what they pass is under no grant,
// and lasts. A method that is to hand its object out later under the grant sends it,
// or returns it, in its turn. To give out a reference that lasts is a decision:
// [Vat.Ref] makes one.
//
// Some methods are hooks rather than verbs:
//
//   - Unreferenced() runs, in a turn, when the last reference to the object is gone and no
//     sturdyref leads to it.
//   - Undescribed() is never called; to have it is to decline __describe.
//   - Unmatched(m *[Message]) runs for each verb that no method has, __describe and __identify included, and may
//     return what any method may. It is for objects that stand for another one: it passes m on without
//     knowing what it means. By returning ErrNoSuchVerb itself it declines a verb; then the vat answers what every
//     object does: __describe with no verbs but its own, and __identify so that [Same] does not take it for the other one.
//   - Unsettled(m *[Message]) is for objects that stand for what may turn out to be a promise
//     for data: it runs when somebody asks what that is. It passes m on, and returns a promise; if that
//     is no data, the object itself is the answer.
//
// The zero value is ready. An Object must not be copied after its first use.
type Object struct {
	_    noCopy
	host atomic.Pointer[hosted]
}

// Vat returns the vat that the object belongs to, nil before it was first
// exported or sent. It is safe for concurrent use.
func (o *Object) Vat() *Vat {
	if h := o.host.Load(); h != nil {
		return h.core.vat
	}
	return nil
}

func (o *Object) vatObject() *Object { return o }

// objecter is implemented by pointers to what embeds Object.
type objecter interface{ vatObject() *Object }

// noCopy has go vet warn when an Object is copied.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// hosted is an object as its vat knows it. What changes is guarded by the machine
// right.
type hosted struct {
	core  *core
	recv  reflect.Value
	verbs *verbTable

	faces    map[*captp.Grant]*face // under which grants (nil: none) references are out
	enlisted int                    // entries of the swiss table that lead here
	number   uint64                 // of the vat's objects that were asked to identify themselves; 0: it was not
}

// face is a hosted object under one grant: what the machine knows as an object.
type face struct {
	*hosted
	grant *captp.Grant
}

// host gives the hosted form of a user's object, adopting it for c if nobody
// has. The machine right is not needed.
func (c *core) host(o objecter) (*hosted, error) {
	rv := reflect.ValueOf(o)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return nil, fmt.Errorf("%w: %T embeds vat.Object, so it must be passed as a pointer that is not nil", ErrNotSendable, o)
	}
	obj := o.vatObject()
	h := obj.host.Load()
	if h == nil {
		verbs, err := verbsOf(rv.Type())
		if err != nil {
			return nil, err
		}
		fresh := &hosted{core: c, recv: rv, verbs: verbs}
		if obj.host.CompareAndSwap(nil, fresh) {
			return fresh, nil
		}
		h = obj.host.Load()
	}
	if h.core != c {
		return nil, fmt.Errorf("%w: %T", ErrOtherVat, o)
	}
	if h.recv.Pointer() != rv.Pointer() || h.recv.Type() != rv.Type() {
		// A struct that embeds another object's struct by value shares its Object.
		return nil, fmt.Errorf("%w: %T shares its vat.Object with %s", ErrNotSendable, o, h.recv.Type())
	}
	return h, nil
}

// ref makes a reference to h under grant g. Machine right.
func (h *hosted) ref(g *captp.Grant) *captp.Ref {
	f := h.faces[g]
	if f == nil {
		f = &face{h, g}
		if h.faces == nil {
			h.faces = make(map[*captp.Grant]*face, 1)
		}
		h.faces[g] = f
	}
	return h.core.machine.Near(f, g)
}

// grantOf returns under which grant a pointer to h is passed: that of the reference
// through which h was called, in what that very turn sends or results in (outcome),
// so that a method that hands its object out does not undo a revocation; else none.
// Machine right.
func (c *core) grantOf(h *hosted, outcome bool) *captp.Grant {
	f := c.current.t.obj
	if f == nil || f.hosted != h || f.grant == nil || !outcome && !inTurn() {
		return nil
	}
	return f.grant
}

// Deliver implements captp.Object: it queues a turn.
func (f *face) Deliver(call *captp.Call) (wait bool) { return f.core.deliver(f, call) }

// Canceled implements captp.Object.
func (f *face) Canceled(call *captp.Call) { f.core.canceled(call) }

// Dropped implements captp.Object.
func (f *face) Dropped(g *captp.Grant) {
	delete(f.faces, g)
	f.checkReferenced()
	if g != nil && g.Tag.(*Grant).used {
		f.core.later(spent{g.Tag.(*Grant)})
	}
}

// spent is a grant that was used for its only time, and whose reference is gone: nothing will come
// of it any more.
type spent struct{ g *Grant }

func (s spent) afterwards() { s.g.end() }

// checkReferenced queues the Unreferenced hook when nothing leads to h. Machine right.
func (h *hosted) checkReferenced() {
	if len(h.faces) == 0 && h.enlisted == 0 && h.verbs.unreferenced && h.core.refused == nil {
		h.core.turns.push(turn{job: (*unreferenced)(h)})
	}
}

// unreferenced is the turn of the hook.
type unreferenced hosted

func (u *unreferenced) run() {
	h := (*hosted)(u)
	h.core.mu.Lock()
	again := len(h.faces) != 0 || h.enlisted != 0 // a turn in between sent it anew
	h.core.mu.Unlock()
	if !again {
		h.recv.Interface().(interface{ Unreferenced() }).Unreferenced()
	}
}

func (u *unreferenced) fail(error) {} // nobody waits for it
