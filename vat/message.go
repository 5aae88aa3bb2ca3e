package vat

import (
	"fmt"
	"reflect"
	"runtime"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
)

// Message is a call as an object receives it that has the hook Unmatched or Unsettled
// (see [Object]): not decoded. It is of use until the hook returns, and only to the goroutine that runs
// it. To pass it on with Forward or Relay costs a copy of its bytes, whatever they mean.
type Message struct {
	table
	verb   string
	settle bool
	params capn.Ptr
	args   value.Args
	dec    *decoder
	flat   []byte // of params, once they were passed on
	over   bool
}

// Verb returns the verb; "" in Unsettled.
func (m *Message) Verb() string { return m.verb }

// Len returns the number of arguments.
func (m *Message) Len() int { return m.args.Len() }

// Arg decodes the i-th argument into what into points to, as it would be for a parameter of that
// type; but it does not wait for promises: where one may be, into points to an any, a *[Promise] or
// *[Ref]. What Replace put in its place is not seen. Errors are ErrBadArguments.
func (m *Message) Arg(i int, into any) error {
	v := reflect.ValueOf(into)
	switch {
	case m.over:
		return errMessageOver
	case i < 0 || i >= m.Len():
		return fmt.Errorf("%w: %s has %d", ErrBadArguments, clip(m.verb), m.Len())
	case v.Kind() != reflect.Pointer || v.IsNil():
		return fmt.Errorf("vat: Arg decodes into a pointer, not into %T", into)
	}
	if err := m.args.Decode(&m.dec.val, i, v.Elem()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBadArguments, clip(m.verb), err)
	}
	return nil
}

// Replace has each reference among the arguments, at any depth, passed on as what f gives for it: a
// *[Ref], an object, or nil for null; a promise only for what itself is one. An error of f is returned.
func (m *Message) Replace(f func(r *Ref) (any, error)) error {
	if m.over {
		return errMessageOver
	}
	return m.replace(f)
}

// errMessageOver is what is said to who keeps a message.
var errMessageOver = fmt.Errorf("%w: the turn of this message is over", ErrNotSendable)

// Forward sends the message on to another object, and gives a promise for the outcome, which the hook
// returns as any method could. Neither arguments nor outcome are decoded, and what is sent to
// the outcome does not wait for it here. It is a send as any other, and breaks as one.
func (m *Message) Forward(to Target) *Promise[any] {
	p := new(Promise[any])
	p.core, p.verb = m.core, m.verb
	m.forward(to, &p.promise)
	return p
}

// Relay is Forward for who stands between two others in both directions: r settles with the outcome,
// unless it was settled meanwhile. Before, back runs in a turn with the outcome, be it a failure or
// not; it may replace references, and if it returns an error r breaks with that instead. What is sent to
// r's promise waits in this vat until then. That its caller cancels is not passed on by itself; cancel
// does that, as [Promise.Cancel] would, and back then hears of it as of any failure.
func (m *Message) Relay(to Target, r *Resolver[any], back func(*Reply) error) (cancel func()) {
	p := &promise{core: r.p.core, verb: m.verb}
	p.inTurn(r.p, func() error { return (&Reply{p: p}).relay(r, back) })
	m.forward(to, p)
	return p.cancel
}

// forward sends m to to; p gets the outcome.
func (m *Message) forward(to Target, p *promise) {
	err := error(nil)
	switch {
	case m.over:
		err = errMessageOver
	case to.owner() != m.core || p.core != m.core:
		err = ErrOtherVat
	case m.settle:
	case m.flat == nil:
		if m.flat, err = capn.FlattenOnce(nil, m.params); err != nil {
			err = sendError(err)
		}
	}
	c := p.core
	c.lock()
	defer func() { c.leaveSoon(p.call) }()
	ref := c.admit(to, p, err)
	switch {
	case ref == nil:
	case m.settle && c.holds():
		c.hold(&heldSend{p: p, to: ref.Retain(), settle: true})
	case m.settle:
		if call := c.sendSettle(ref, (*sink)(p)); p.state == pending {
			p.call = call
		}
	default:
		c.post(ref, p, &captp.Outgoing{Params: m.flat, Caps: m.take()})
	}
}

// Reply is what came of a message that was passed on with [Message.Relay]: not decoded. It
// is of use until the function returns that it was given to.
type Reply struct {
	table
	p *promise
}

// Err returns why the call has failed; nil: it has not.
func (r *Reply) Err() error {
	if r.p.state == broken {
		return r.p.err()
	}
	return nil
}

// Replace is [Message.Replace] for the references in the outcome.
func (r *Reply) Replace(f func(r *Ref) (any, error)) error { return r.replace(f) }

// relay settles the promise of res as back says.
func (r *Reply) relay(res *Resolver[any], back func(*Reply) error) error {
	defer runtime.KeepAlive(r.p) // with it the references would go
	r.core, r.caps = r.p.core, r.p.resultCaps()
	err := back(r)
	switch {
	case !res.use():
		return nil
	case err != nil:
		return err
	case r.p.state == broken:
		return r.p.why()
	}
	c := r.core
	c.lock()
	defer c.leave()
	if caps := r.take(); c.holds() {
		c.hold(&heldFulfill{res.p, r.p.flat, caps})
	} else {
		res.p.fulfill(r.p.flat, caps)
	}
	return nil
}

// table is the references of a message, and what is to stand for them.
type table struct {
	core    *core
	caps    []*captp.Ref // borrowed
	instead []substitute // nil: nothing was replaced
}

// substitute stands for a reference; without a source it is null.
type substitute struct {
	source
	given bool
}

func (t *table) replace(f func(*Ref) (any, error)) error {
	instead := make([]substitute, len(t.caps))
	for i, old := range t.caps {
		if old == nil {
			continue
		}
		t.core.lock()
		r := t.core.newRef(old.Retain())
		t.core.unlock()
		x, err := f(r)
		if err == nil && x != any(r) {
			instead[i].given = true
			instead[i].source, err = t.core.sourceOf(x)
		}
		if err != nil {
			return err
		}
	}
	t.instead = instead
	return nil
}

// take returns the references with a holder each. Machine right.
func (t *table) take() []*captp.Ref {
	caps := make([]*captp.Ref, len(t.caps))
	for i, r := range t.caps {
		switch {
		case t.instead != nil && t.instead[i].given:
			caps[i] = t.instead[i].take(t.core, false)
		case r != nil:
			caps[i] = r.Retain()
		}
	}
	return caps
}

// Near returns the object that a near reference designates, if it is a T, which usually is a pointer to
// a struct that embeds [Object]. So an object recognises others of its own vat that come back to it.
// What is touched through a pointer, rather than by a send, is not revoked with the reference, and
// is for turns of the vat only. It is false for null, for what is no T, was revoked, is a promise, or
// is far: also for a reference that leads home through a third vat.
func Near[T any](r *Ref) (obj T, ok bool) {
	if r == nil {
		return obj, false
	}
	c := r.core
	c.lock()
	o, _ := r.sendTo().Object()
	c.unlock()
	if f, near := o.(*face); near {
		obj, ok = f.recv.Interface().(T)
	}
	if ok && c.holds() {
		ok = c.dur.near(any(obj))
	}
	return obj, ok
}
