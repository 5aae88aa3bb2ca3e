package vat

import (
	"bytes"
	"context"
	"reflect"
	"runtime"
	"sync"
)

// Go runs f in a goroutine of its own, for work that blocks, and gives a promise
// for what it returns. f must not touch objects of the vat: those belong to turns;
// use the promise, and [When]. Its context ends when v is closed, which waits for f
// to return, unless f is who closes it. A panic of f, or its end by runtime.Goexit, breaks the
// promise with ErrInternal.
func Go[T any](v *Vat, f func(ctx context.Context) (T, error)) *Promise[T] {
	p := new(Promise[T])
	p.core = v.core
	c := v.core
	start := func() {
		v.goroutines.Add(1)
		go func() {
			v.going.enter()
			defer v.leaveGo()
			protect(c, &p.promise, func() error {
				value, err := f(v.ctx)
				if err == nil {
					_ = c.resolve(&p.promise, reflect.ValueOf(&value).Elem()) // an error has broken p
				}
				return err
			})
		}()
	}
	c.lock()
	defer c.leave()
	switch {
	case c.refused != nil:
		p.smash(c.refused)
	case c.holds():
		c.hold(&heldGo{&p.promise, start})
	default:
		start()
	}
	return p
}

// protect calls f, and breaks p with its error, also if it panics or ends its goroutine.
func protect(c *core, p *promise, f func() error) {
	var failed *carried
	returned := false
	defer func() {
		if r := recover(); r != nil {
			failed = c.carry(c.panicked(r))
		} else if !returned {
			failed = c.carry(c.exited())
		}
		if failed != nil {
			c.lock()
			p.smash(failed)
			c.leave()
		}
	}()
	if err := f(); err != nil {
		failed = c.carry(err)
	}
	returned = true
}

// going knows the goroutines of Go that the vat waits for. A Close inside of one
// must tell that it is of this vat and not of another, which its callers do not
// show: only there goroutines are told apart by their ids.
type going struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// enter notes the calling goroutine.
func (g *going) enter() {
	id := goroutineID()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ids == nil {
		g.ids = make(map[string]struct{})
	}
	g.ids[id] = struct{}{}
}

// leaveGo has the vat no longer wait for the calling goroutine, if it is one of Go.
func (v *Vat) leaveGo() {
	id := goroutineID()
	g := &v.going
	g.mu.Lock()
	_, mine := g.ids[id]
	delete(g.ids, id)
	g.mu.Unlock()
	if mine {
		v.goroutines.Done()
	}
}

// goroutineID returns the id of the calling goroutine: the second word of its stack's
// text.
func goroutineID() string {
	var buf [64]byte
	words := bytes.SplitN(buf[:runtime.Stack(buf[:], false)], []byte(" "), 3)
	return string(words[1])
}
