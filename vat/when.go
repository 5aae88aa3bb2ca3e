package vat

import "reflect"

// When runs f in a turn of the vat when p is fulfilled, and gives a promise for
// what f returns. If p breaks, f does not run and the promise breaks the same way.
// f gets a copy of the value. A panic of f breaks the promise with ErrInternal.
func When[T, U any](p *Promise[T], f func(value T) (U, error)) *Promise[U] {
	q := new(Promise[U])
	q.core = p.core
	p.inTurn(&q.promise, func() error {
		if p.state == broken {
			return p.why()
		}
		var v T
		if err := p.decode(reflect.ValueOf(&v).Elem()); err != nil {
			return err
		}
		u, err := f(v)
		if err != nil {
			return err
		}
		_ = q.core.resolve(&q.promise, reflect.ValueOf(&u).Elem()) // an error has broken q
		return nil
	})
	return q
}

// WhenSend is When for an f that gives a promise: the result settles as that one does.
func WhenSend[T, U any](p *Promise[T], f func(value T) *Promise[U]) *Promise[U] {
	q := new(Promise[U])
	q.core = p.core
	p.inTurn(&q.promise, func() error {
		if p.state == broken {
			return p.why()
		}
		var v T
		if err := p.decode(reflect.ValueOf(&v).Elem()); err != nil {
			return err
		}
		r := f(v)
		if r == nil {
			return ErrNull
		}
		(&Resolver[U]{&q.promise}).Follow(r)
		return nil
	})
	return q
}

// Catch runs f in a turn of the vat when p breaks, and gives a promise for what f
// returns. If p is fulfilled, f does not run and the promise has p's value.
func Catch[T any](p *Promise[T], f func(err error) (T, error)) *Promise[T] {
	q := new(Promise[T])
	q.core = p.core
	p.inTurn(&q.promise, func() error {
		if p.state == fulfilled {
			(&Resolver[T]{&q.promise}).Follow(p)
			return nil
		}
		v, err := f(p.err())
		if err != nil {
			return err
		}
		_ = q.core.resolve(&q.promise, reflect.ValueOf(&v).Elem())
		return nil
	})
	return q
}

// WhenSettled runs f in a turn of the vat when p has settled, either way: with its value, or
// with the zero value and why it broke, or why its value is no T. It gives a promise for what
// f returns; a panic of f breaks it with ErrInternal.
func WhenSettled[T, U any](p *Promise[T], f func(value T, err error) (U, error)) *Promise[U] {
	q := new(Promise[U])
	q.core = p.core
	p.inTurn(&q.promise, func() error {
		var v T
		var err error
		if p.state == broken {
			err = p.err()
		} else {
			err = p.decode(reflect.ValueOf(&v).Elem())
		}
		u, err := f(v, err)
		if err != nil {
			return err
		}
		_ = q.core.resolve(&q.promise, reflect.ValueOf(&u).Elem()) // an error has broken q
		return nil
	})
	return q
}

// inTurn has f run in a turn when p has settled. An error of f, or its panic,
// breaks q.
func (p *promise) inTurn(q *promise, f func() error) {
	c := p.core
	w := &whenJob{q: q, f: f}
	c.lock()
	if c.holds() {
		w.of = c.dur.asks()
		c.hold(&heldWatch{p, w})
	} else {
		p.whenSettled(w)
	}
	c.leave()
}

// whenJob is the turn of a When.
type whenJob struct {
	q  *promise
	f  func() error
	of *reach // what f may change, if a turn of a vat with a store asked for it
}

func (w *whenJob) settled(p *promise) { p.core.pushJob(w) }

func (w *whenJob) run() {
	if d := w.q.core.dur; d != nil {
		d.hold(&heldWait{w.q})
	}
	if err := w.f(); err != nil {
		w.fail(err)
	}
}

func (w *whenJob) fail(err error) {
	c := w.q.core
	failed := c.carry(err)
	c.lock()
	if c.holds() {
		c.hold(&heldBreak{w.q, failed})
	} else {
		w.q.smash(failed)
	}
	c.unlock()
}
