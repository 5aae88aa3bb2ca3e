package vat

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/vatnet/vatnet/sturdyref"
)

// verbSave is the verb by which who has a reference asks for a sturdyref.
const verbSave = "__save"

// Save asks for a sturdyref for what a live reference leads to: one that is good after the session, and
// if the object's vat is durable after its process, too. The object's owner has to permit it, by
// ExportConfig.Saves of the sturdyref of which the reference came; what is saved ends with that one.
// It came in a message, so that what [Vat.Enliven] says of those holds; written to a file and read again
// it is the program's own.
//
// Errors: ErrUnsaved if it is not permitted, or not that often; and those of [Call].
func Save(ctx context.Context, t Target) (sturdyref.Ref, error) {
	return Call[sturdyref.Ref](ctx, t, verbSave)
}

// save answers verbSave. An object has no say in it, not even one that stands for another: what is
// saved is the object that was asked, under the grant by which it was reached.
func (d *delivery) save() {
	f := d.t.obj
	if f.grant == nil || f.grant.Tag.(*Grant).saves == 0 {
		d.err = ErrUnsaved
		return
	}
	child, err := f.grant.Tag.(*Grant).reserve(f.hosted)
	if err == nil {
		err = d.core.submit(&minting{child})
	}
	if err != nil {
		d.err = err
		return
	}
	d.err = d.result(reflect.ValueOf(child.ref))
}

// reserve makes a grant of h that ends with g, and is in no table yet.
func (g *Grant) reserve(h *hosted) (*Grant, error) {
	c := g.core
	child, err := c.vat.newGrant(&ExportConfig{Expires: g.Expires(), Label: g.label})
	if err != nil {
		return nil, err
	}
	child.name, child.parent = g.name, g
	if child.name == "" {
		child.host = h
	}
	c.lock()
	defer c.leave()
	if g.gone {
		return nil, ErrRevoked
	}
	if len(g.children) >= g.saves {
		return nil, fmt.Errorf("%w more than %d times", ErrUnsaved, g.saves)
	}
	g.children = append(g.children, child)
	return child, nil
}

// disown takes g from the children of its parent. Machine right.
func (g *Grant) disown() {
	if p := g.parent; p != nil {
		p.children = slices.DeleteFunc(p.children, func(x *Grant) bool { return x == g })
	}
}

// endChildren ends what was saved of g. In the store a child without its parent is nothing, so it
// does not matter when it goes from there. Machine right.
func (g *Grant) endChildren() {
	for _, child := range slices.Clone(g.children) {
		child.end()
		if child.name != "" {
			g.core.ledger.expired(child)
		}
	}
}
