package vat

import (
	"errors"
	"reflect"
)

// All gives a promise for the values of all ps, in their order. It breaks as soon
// as one of them does, with the same error. Of none, it is an empty list.
func All[T any](v *Vat, ps ...*Promise[T]) *Promise[[]T] {
	q := new(Promise[[]T])
	q.core = v.core
	bases := basesOf(ps)
	v.core.combine(&q.promise, bases, len(ps), 1, func(last *promise) error {
		if last != nil && last.state == broken {
			return last.why()
		}
		list := make([]T, len(ps))
		for i, p := range ps {
			if err := p.decode(reflect.ValueOf(&list[i]).Elem()); err != nil {
				return err
			}
		}
		return v.core.resolve(&q.promise, reflect.ValueOf(&list).Elem())
	})
	return q
}

// Any gives a promise for the first value that any of ps is fulfilled with. It
// breaks only when all of them have, with all their errors. Of none, it breaks
// with ErrDropped.
func Any[T any](v *Vat, ps ...*Promise[T]) *Promise[T] {
	q := new(Promise[T])
	q.core = v.core
	bases := basesOf(ps)
	v.core.combine(&q.promise, bases, 1, len(ps), func(last *promise) error {
		if last == nil {
			return ErrDropped
		}
		if last.state == fulfilled {
			return v.core.copyOf(&q.promise, last)
		}
		errs := make([]error, len(ps))
		for i, p := range ps {
			errs[i] = p.err()
		}
		return errors.Join(errs...)
	})
	return q
}

// copyOf settles q as p, which has settled.
func (c *core) copyOf(q, p *promise) error {
	c.lock()
	defer c.leave()
	followed{q}.settled(p)
	return nil
}

// Race gives a promise that settles as the first of ps that settles. Of none, it
// breaks with ErrDropped.
func Race[T any](v *Vat, ps ...*Promise[T]) *Promise[T] {
	q := new(Promise[T])
	q.core = v.core
	if len(ps) == 0 {
		(&Resolver[T]{&q.promise}).Break(ErrDropped)
		return q
	}
	c := v.core
	c.lock()
	defer c.leave()
	for _, p := range ps {
		if p.core != c {
			q.smash(ErrOtherVat)
			return q
		}
		p.whenSettled(followed{&q.promise})
	}
	return q
}

func basesOf[T any](ps []*Promise[T]) []*promise {
	bases := make([]*promise, len(ps))
	for i, p := range ps {
		bases[i] = &p.promise
	}
	return bases
}

// combination counts how promises settle, until enough of them are fulfilled or
// broken to decide.
type combination struct {
	values, breaks int      // still needed
	last           *promise // that decided
	job            whenJob
}

// combine runs f in a turn once so many values or so many breaks of ps are there;
// f gets the promise that decided, nil if there are none.
func (c *core) combine(q *promise, ps []*promise, values, breaks int, f func(last *promise) error) {
	x := &combination{values: values, breaks: breaks}
	x.job = whenJob{q: q, f: func() error { return f(x.last) }}
	c.lock()
	defer c.leave()
	for _, p := range ps {
		if p.core != c {
			q.smash(ErrOtherVat)
			return
		}
	}
	for _, p := range ps {
		p.whenSettled(x)
	}
	if len(ps) == 0 {
		c.turns.push(turn{job: &x.job})
	}
}

func (x *combination) settled(p *promise) {
	if p.state == fulfilled {
		x.values--
	} else {
		x.breaks--
	}
	if x.last == nil && (x.values <= 0 || x.breaks <= 0) {
		x.last = p
		p.core.pushJob(&x.job)
	}
}
