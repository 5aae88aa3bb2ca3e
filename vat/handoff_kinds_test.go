package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Debtor owes what it is asked for.
type Debtor struct {
	vat.Object
	pay *vat.Resolver[*vat.Ref]
}

func (d *Debtor) Lend() *vat.Promise[*vat.Ref] {
	var p *vat.Promise[*vat.Ref]
	p, d.pay = vat.NewPromise[*vat.Ref](d.Vat())
	return p
}

// export makes an object of from's known to to.
func export(t *testing.T, from, to *vat.Vat, o any) *vat.Ref {
	t.Helper()
	sr, err := from.Export(o, nil)
	require.NoError(t, err)
	r := to.Enliven(sr)
	require.NoError(t, r.Await(t.Context()))
	return r
}

// taker makes one at v, for at.
func taker(t *testing.T, v, at *vat.Vat) (*Taker, *vat.Ref) {
	k := &Taker{got: make(chan *vat.Ref, 8)}
	return k, export(t, v, at, k)
}

// carols is carol's own reference to an object.
func (x *trio) carols(t *testing.T, o any) *vat.Ref {
	t.Helper()
	r, err := x.carol.Ref(o)
	require.NoError(t, err)
	return r
}

// TestHandoffOfPromises: what is a promise when it is passed is handed over when it has settled.
func TestHandoffOfPromises(t *testing.T) {
	spec.Covers(t, "HAND-2", "HAND-12", "ORDER-1")
	type owed struct {
		what   any // a promise that alice passes, which settles to the thing
		settle func()
	}
	for name, owe := range map[string]func(t *testing.T, x *trio) owed{
		"the donor's": func(t *testing.T, x *trio) owed {
			p, res := vat.NewPromise[*vat.Ref](x.alice)
			return owed{p, func() { require.NoError(t, res.Resolve(x.toThing)) }}
		},
		"the host's": func(t *testing.T, x *trio) owed {
			d := &Debtor{}
			p := vat.Send[*vat.Ref](export(t, x.carol, x.alice, d), "lend")
			return owed{p, func() { require.NoError(t, d.pay.Resolve(x.carols(t, x.thing))) }}
		},
		"a result's result": func(t *testing.T, x *trio) owed {
			d := &Debtor{}
			holds := export(t, x.carol, x.alice, &Recorder{held: []*vat.Ref{x.carols(t, d)}})
			p := vat.Send[*vat.Ref](vat.Send[*vat.Ref](holds, "held", 0), "lend")
			return owed{p, func() { require.NoError(t, d.pay.Resolve(x.carols(t, x.thing))) }}
		},
		"the recipient's own question": func(t *testing.T, x *trio) owed {
			d := &Debtor{}
			toDebtor := export(t, x.alice, x.bob, d)
			p := vat.Send[*vat.Ref](toDebtor, "lend")
			toBobs := export(t, x.bob, x.bob, x.taker)
			toBobs.SendOnly("take", p)
			return owed{nil, func() { require.NoError(t, d.pay.Resolve(x.toThing)) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTrio(t)
				o := owe(t, x)
				if o.what != nil {
					x.toTaker.SendOnly("take", o.what)
				}
				r := <-x.taker.got
				pass(time.Second)
				require.Equal(t, vat.PromiseRef, r.State())
				r.SendOnly("note", "a")
				pass(time.Second)
				r.SendOnly("note", "b")
				o.settle()
				r.SendOnly("note", "c")
				pass(15 * time.Millisecond) // it may be on its way
				r.SendOnly("note", "d")
				pass(time.Second)
				requireVia(t, r, x.carol)
				r.SendOnly("note", "e")
				require.NoError(t, x.alice.Close())
				require.Equal(t, "a b c d e", call[string](t, r, "join"))
			})
		})
	}
}

// TestHandedOn: bob passes on to dave what alice has passed to him, at each moment of his picking it up; those between
// may go, and what dave sends comes behind what bob had sent.
func TestHandedOn(t *testing.T) {
	spec.Covers(t, "HAND-12", "ORDER-2")
	for moment := range 12 {
		synctest.Test(t, func(t *testing.T) {
			x := newTrio(t)
			dave := x.net.Vat(t, "dave", quiet())
			for _, other := range []string{"alice", "bob", "carol"} {
				x.net.Latency("dave", other, 10*time.Millisecond)
			}
			daves, toDave := taker(t, dave, x.bob)
			r := x.hand(t)
			r.SendOnly("note", "a")
			pass(time.Duration(moment) * 10 * time.Millisecond)
			r.SendOnly("note", "b")
			toDave.SendOnly("take", r)
			at := <-daves.got
			at.SendOnly("note", "c")
			r.SendOnly("note", "from bob")
			pass(15 * time.Millisecond)
			at.SendOnly("note", "d")
			pass(time.Second)
			requireVia(t, r, x.carol)
			requireVia(t, at, x.carol)
			require.NoError(t, x.alice.Close())
			require.NoError(t, x.bob.Close())
			at.SendOnly("note", "e")
			var his []string
			for _, n := range call[[]string](t, at, "noted") {
				if n != "from bob" {
					his = append(his, n)
				}
			}
			require.Equal(t, []string{"a", "b", "c", "d", "e"}, his)
		})
	}
}

// TestHandoffComesHome: the host gets its own object, whether it comes by the vine or directly.
func TestHandoffComesHome(t *testing.T) {
	spec.Covers(t, "HAND-16")
	for moment := range 12 {
		synctest.Test(t, func(t *testing.T) {
			x := newTrio(t)
			carols, toCarol := taker(t, x.carol, x.bob)
			r := x.hand(t)
			r.SendOnly("note", "a")
			pass(time.Duration(moment) * 5 * time.Millisecond)
			r.SendOnly("note", "b")
			toCarol.SendOnly("take", r)
			home := <-carols.got
			home.SendOnly("note", "c")
			require.NoError(t, home.Await(t.Context()))
			require.Equal(t, vat.NearRef, home.State())
			own, ok := vat.Near[*Recorder](home)
			require.True(t, ok)
			require.Same(t, x.thing, own)
			home.SendOnly("note", "d")
			require.Equal(t, "a b c d", call[string](t, home, "join"))
			pass(time.Second)
			requireVia(t, r, x.carol)
		})
	}
}

// TestHandoffToWhoKnowsTheHost: a session that there is serves, and nobody dials.
func TestHandoffToWhoKnowsTheHost(t *testing.T) {
	spec.Covers(t, "HAND-12")
	synctest.Test(t, func(t *testing.T) {
		lost := quiet()
		lost.Advertise = []string{"carol:1"} // nobody who was only told could dial it
		x := newTrio(t, quiet(), quiet(), lost)
		export(t, x.bob, x.carol, &Recorder{}) // carol dials bob
		dials := x.net.Stats().Dials
		r := x.hand(t)
		pass(30 * time.Millisecond)
		requireVia(t, r, x.carol)
		require.Equal(t, dials, x.net.Stats().Dials)
		require.NoError(t, x.alice.Close())
		call[any](t, r, "note", "a")
	})
}
