package vat

import (
	"fmt"
	"reflect"
)

// Root returns a reference to the object that a vat keeps under a name. If there is none
// yet, in this incarnation or an earlier one, it is what create returns, in a turn: a pointer
// to a struct that embeds [Durable], whose type was registered (see [Register]). With the
// return of Root it is in the store; in a turn it is a part of that. Roots are never collected. Errors:
// ErrNoStore, ErrNotKept, ErrNotStored, ErrClosed.
func Root[T any](v *Vat, name string, create func() T) (*Ref, error) {
	d := v.core.dur
	switch {
	case d == nil:
		return nil, ErrNoStore
	case name == "" || len(name) > 255:
		return nil, fmt.Errorf("%w: the name of a root has 1 to 255 bytes", ErrNotKept)
	}
	return inTurnOf(v, func() (*Ref, error) {
		return d.root(name, reflect.TypeFor[T](), func() any { return create() })
	})
}

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
