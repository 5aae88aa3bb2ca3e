package vat

import (
	"context"
	"fmt"
	"reflect"
)

// Root returns a reference to the object that a vat keeps under a name. If there is none
// yet, in this incarnation or an earlier one, it is what create returns, in a turn: a pointer
// to a struct that embeds [Durable], whose type was registered (see [Register]). With the
// return of Root it is in the store. Roots are never collected. Errors:
// ErrNoStore, ErrNotKept, ErrNotStored, ErrClosed; inside of a turn ErrInTurn.
func Root[T any](v *Vat, name string, create func() T) (*Ref, error) {
	c := v.core
	switch {
	case c.dur == nil:
		return nil, ErrNoStore
	case inTurn():
		return nil, c.refuseInTurn("Root")
	case name == "" || len(name) > 255:
		return nil, fmt.Errorf("%w: the name of a root has 1 to 255 bytes", ErrNotKept)
	}
	p, res := NewPromise[*Ref](v)
	c.lock()
	if c.refused != nil {
		defer c.unlock()
		return nil, c.refused
	}
	c.pushJob(&rootJob{res: res, root: func() (*Ref, error) {
		return c.dur.root(name, reflect.TypeFor[T](), func() any { return create() })
	}})
	c.leave()
	return p.Await(context.Background())
}

// rootJob is the turn of Root.
type rootJob struct {
	res  *Resolver[*Ref]
	root func() (*Ref, error)
}

func (j *rootJob) run() {
	r, err := j.root()
	if err != nil {
		j.res.Break(err)
		return
	}
	_ = j.res.Resolve(r) // a near reference can be carried
}

func (j *rootJob) fail(err error) { j.res.Break(err) }

// root finds or makes a root. In a turn.
func (d *durable) root(name string, want reflect.Type, create func() any) (*Ref, error) {
	c := d.core
	key, err := d.heap.Get(bucketRoots, []byte(name))
	if err != nil {
		return nil, err
	}
	var r *resident
	if key != nil {
		if r, err = d.find(idOf(key)); err != nil {
			return nil, err
		}
		if r.obj.Type() != want {
			return nil, fmt.Errorf("%w: the root %q is a %s and no %s", ErrNotKept, name, r.obj.Type(), want)
		}
	} else {
		x, ok := create().(durabler)
		if !ok || reflect.ValueOf(x).IsNil() {
			return nil, fmt.Errorf("%w: the root %q is no pointer to what embeds vat.Durable", ErrNotKept, name)
		}
		if r, err = d.attach(x); err != nil {
			return nil, err
		}
		d.heap.Put(bucketRoots, []byte(name), idKey(r.id))
	}
	if err := d.touch(r); err != nil {
		return nil, err
	}
	c.lock()
	defer c.leave()
	return c.newRef(r.self.ref(nil)), nil
}
