package vat_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// requireNothingLeft lets go of all references, and looks at what the vats hold for each other then.
func (x *trio) requireNothingLeft(t *testing.T, more ...*vat.Ref) {
	t.Helper()
	pass(2 * time.Minute) // what is not picked up expires
	for _, r := range append(more, x.toThing, x.toTaker) {
		r.Release()
	}
	vats := map[string]*vat.Vat{"alice": x.alice, "bob": x.bob, "carol": x.carol}
	for i, v := range x.others {
		vats[fmt.Sprint("another ", i)] = v
	}
	for _, v := range vats {
		vat.Forget(v)
	}
	pass(time.Minute)
	for name, v := range vats {
		require.Empty(t, vat.Left(v), name)
	}
}

// TestNothingIsLeftOfHandoffs: however a handoff goes, nobody holds anything for it in the end.
func TestNothingIsLeftOfHandoffs(t *testing.T) {
	apart := func() *vat.Config { c := quiet(); c.NoHandoff = true; return c }
	lost := func() *vat.Config { c := quiet(); c.Advertise = []string{"carol:1"}; return c }
	cut := func(a, b string) func(t *testing.T, x *trio) {
		return func(_ *testing.T, x *trio) { x.net.Cut(a, b) }
	}
	for name, c := range map[string]struct {
		carol *vat.Config                 // nil: usual
		bob   *vat.Config                 // …
		knows bool                        // bob knows carol already
		then  func(t *testing.T, x *trio) // happens at some moment; nil: nothing
	}{
		"completed":                      {},
		"completed, between old friends": {knows: true},
		"the host takes no part":         {carol: apart()},
		"the recipient takes no part":    {bob: apart()},
		"the host is not to be found":    {carol: lost()},
		"the host is silent": {knows: true, then: func(_ *testing.T, x *trio) {
			x.net.Partition("bob", "carol", true)
			time.AfterFunc(30*time.Second, func() { x.net.Partition("bob", "carol", false) })
		}},
		"the host is silent until its session is dead": {knows: true, then: func(_ *testing.T, x *trio) {
			x.net.Partition("bob", "carol", true)
			time.AfterFunc(time.Minute, func() { x.net.Partition("bob", "carol", false) })
		}},
		"the donor's session with the recipient is cut": {then: cut("alice", "bob")},
		"the donor's session with the host is cut":      {then: cut("alice", "carol")},
		"the recipient's session with the host is cut":  {then: cut("bob", "carol")},
		"the donor goes":                   {then: func(t *testing.T, x *trio) { require.NoError(t, x.alice.Close()) }},
		"the recipient goes":               {then: func(t *testing.T, x *trio) { require.NoError(t, x.bob.Close()) }},
		"the host goes":                    {then: func(t *testing.T, x *trio) { require.NoError(t, x.carol.Close()) }},
		"the donor's reference is dropped": {then: func(_ *testing.T, x *trio) { x.toThing.Release() }},
	} {
		t.Run(name, func(t *testing.T) {
			for moment := range 12 {
				synctest.Test(t, func(t *testing.T) {
					bob, carol := quiet(), quiet()
					if c.bob != nil {
						bob = c.bob
					}
					if c.carol != nil {
						carol = c.carol
					}
					x := newTrio(t, quiet(), bob, carol)
					if c.knows {
						x.acquaint(t)
					}
					r := x.hand(t)
					r.SendOnly("note", "a")
					pass(time.Duration(moment) * 9 * time.Millisecond)
					r.SendOnly("note", "b")
					if c.then != nil {
						c.then(t, x)
					}
					r.SendOnly("note", "c")
					x.requireNothingLeft(t, r)
				})
			}
		})
	}
}
