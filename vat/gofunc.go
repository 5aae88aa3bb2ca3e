package vat

import (
	"context"
	"reflect"
)

// Go runs f in a goroutine of its own, for work that blocks, and gives a promise
// for what it returns. f must not touch objects of the vat: those belong to turns;
// use the promise, and [When]. Its context ends when v is closed, which waits for f
// to return. A panic of f breaks the promise with ErrInternal.
func Go[T any](v *Vat, f func(ctx context.Context) (T, error)) *Promise[T] {
	p := new(Promise[T])
	p.core = v.core
	c := v.core
	c.lock()
	if c.refused != nil {
		p.smash(c.refused)
		c.leave()
		return p
	}
	v.goroutines.Add(1)
	c.leave()
	go func() {
		defer v.goroutines.Done()
		value, err := protect(c, func() (T, error) { return f(v.ctx) })
		if err == nil {
			_ = c.resolve(&p.promise, reflect.ValueOf(&value).Elem()) // an error has broken p
			return
		}
		failed := c.carry(err)
		c.lock()
		p.smash(failed)
		c.leave()
	}()
	return p
}

// protect calls f and turns its panic into an error.
func protect[T any](c *core, f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.panicked(r)
		}
	}()
	return f()
}
