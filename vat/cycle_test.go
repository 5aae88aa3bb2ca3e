package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

// loops is an object whose methods return promises that are given to it.
type loops struct {
	Object
	next []*Promise[int]
}

func (l *loops) Next() *Promise[int] {
	p := l.next[0]
	l.next = l.next[1:]
	return p
}

// Circles within one vat are seen, also those that lead through what methods
// return.
func TestACircleThroughResultsBreaks(t *testing.T) {
	spec.Covers(t, "PROM-3")
	for name, play := range map[string]func(v *Vat, o *loops, r *Ref) *Promise[int]{
		"the promise follows the result": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			p, res := NewPromise[int](v)
			o.next = append(o.next, p)
			q := Send[int](r, "next")
			for v.core.step() {
			}
			res.Follow(q)
			return q
		},
		"a method returns what follows its result": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			p, res := NewPromise[int](v)
			o.next = append(o.next, p)
			q := Send[int](r, "next")
			res.Follow(q)
			return q
		},
		"a method returns its own result": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			q := Send[int](r, "next")
			o.next = append(o.next, q)
			return q
		},
		"two methods return each other's result": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			q := Send[int](r, "next")
			x := Send[int](r, "next")
			o.next = append(o.next, x, q)
			return q
		},
		"a promise follows the result of a call on what it is to settle": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			p, res := NewPromise[int](v)
			o.next = append(o.next, p)
			q := Send[int](r, "next")
			for v.core.step() {
			}
			res.Follow(Send[int](q, "next"))
			return q
		},
		"a method returns a promise that follows the result of one that returns it": func(v *Vat, o *loops, r *Ref) *Promise[int] {
			p1, r1 := NewPromise[int](v)
			p2, r2 := NewPromise[int](v)
			o.next = append(o.next, p1, p2)
			q1, q2 := Send[int](r, "next"), Send[int](r, "next")
			for v.core.step() {
			}
			r1.Follow(q2)
			r2.Follow(q1)
			return q1
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newStepped()
			v, o := &Vat{core: w.a}, &loops{}
			r, err := v.Ref(o)
			require.NoError(t, err)
			q := play(v, o, r)
			for w.a.step() {
			}
			require.Equal(t, broken, q.state)
			require.EqualError(t, q.err(), ErrCycle.Error()) // passed on, it has no code any more
			require.Empty(t, w.a.calls)
		})
	}
}

// keeps is an object that is sent the result of its own method.
type keeps struct {
	Object
	self *Vat
	r    *Resolver[int]
	got  *Promise[int]
}

func (k *keeps) Some() *Promise[int] {
	p, r := NewPromise[int](k.self)
	k.r = r
	return p
}

func (k *keeps) Keep(p *Promise[int]) { k.got = p }

// A result may come back to the vat that is to answer it.
func TestACircleThroughAResultThatCameBackBreaks(t *testing.T) {
	spec.Covers(t, "PROM-3")
	for name, back := range map[string]func(q *Promise[int]) *Promise[int]{
		"itself":            func(q *Promise[int]) *Promise[int] { return q },
		"of a call on it":   func(q *Promise[int]) *Promise[int] { return Send[int](q, "more") },
		"of a call on such": func(q *Promise[int]) *Promise[int] { return Send[int](Send[int](q, "more"), "more") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newStepped()
			o := &keeps{self: &Vat{core: w.b}}
			h, err := w.b.host(o)
			require.NoError(t, err)
			w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
			far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
			q := Send[int](far, "some")
			far.SendOnly("keep", back(q))
			w.run()
			require.Equal(t, pending, q.state)
			o.r.Follow(o.got)
			w.run()
			require.Equal(t, broken, q.state)
			require.EqualError(t, q.err(), ErrCycle.Error())
			require.Empty(t, w.b.calls)
		})
	}
}
