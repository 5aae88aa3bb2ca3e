package vat

import (
	"reflect"
	"slices"
)

// Resolver settles a promise. The first of its methods that is called decides;
// later ones do nothing. All methods are safe for concurrent use.
type Resolver[T any] struct{ p *promise }

// NewPromise makes a promise of v and the resolver that settles it. Those who
// were told of a promise that is never settled wait until v is closed.
func NewPromise[T any](v *Vat) (*Promise[T], *Resolver[T]) {
	p := new(Promise[T])
	p.core = v.core
	return p, &Resolver[T]{&p.promise}
}

// Resolve fulfills the promise with a copy of value. A value that cannot be
// carried breaks the promise, and the error is returned: ErrNotSendable, ErrOtherVat.
func (r *Resolver[T]) Resolve(value T) error {
	if !r.use() {
		return nil
	}
	return r.p.core.resolve(r.p, reflect.ValueOf(&value).Elem())
}

// use reports whether this is the first use of the resolver.
func (r *Resolver[T]) use() bool {
	r.p.core.lock()
	defer r.p.core.unlock()
	first := !r.p.bound
	r.p.bound = true
	return first
}

// Follow settles the promise as o settles. Sends to the promise go on to where
// those to o go, without waiting. A promise that would follow itself breaks with ErrCycle.
func (r *Resolver[T]) Follow(o *Promise[T]) {
	if !r.use() {
		return
	}
	c := r.p.core
	c.lock()
	defer c.leave()
	switch {
	case o.core != c:
		r.p.smash(ErrOtherVat)
	case c.holds():
		c.hold(&heldFollow{r.p, &o.promise})
	default:
		r.p.follow(&o.promise)
	}
}

// Break breaks the promise with err; nil means ErrCanceled.
func (r *Resolver[T]) Break(err error) {
	if err == nil {
		err = ErrCanceled
	}
	if !r.use() {
		return
	}
	c := r.p.core
	failed := c.carry(err)
	c.lock()
	defer c.leave()
	if c.holds() {
		c.hold(&heldBreak{r.p, failed})
	} else {
		r.p.smash(failed)
	}
}

// resolve encodes value and settles p with it.
func (c *core) resolve(p *promise, value reflect.Value) error {
	e := newEncoder(c)
	defer e.done()
	err := e.result(value)
	c.lock()
	defer c.leave()
	if err != nil {
		p.smash(err)
		return err
	}
	flat, caps := e.take()
	flat = append([]byte(nil), flat...)
	if c.holds() {
		c.hold(&heldFulfill{p, flat, slices.Clone(caps)})
	} else {
		p.fulfill(flat, caps)
	}
	return nil
}
