package vat_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Taker keeps what it is given.
type Taker struct {
	vat.Object
	got chan *vat.Ref
}

func (k *Taker) Take(r *vat.Ref) { k.got <- r }

// trio is three vats: alice holds carol's object, and introduces bob to it.
type trio struct {
	net               *vattest.Network
	alice, bob, carol *vat.Vat
	others            []*vat.Vat
	thing             *Recorder // carol's
	taker             *Taker    // bob's
	toThing, toTaker  *vat.Ref  // alice's
}

// newTrio makes one; cfgs are alice's, bob's, carol's. Only carol dials alice.
func newTrio(t *testing.T, cfgs ...*vat.Config) *trio {
	t.Helper()
	for len(cfgs) < 3 {
		cfgs = append(cfgs, quiet())
	}
	net := vattest.NewNetwork()
	x := &trio{net: net, thing: &Recorder{dropped: make(chan struct{})}, taker: &Taker{got: make(chan *vat.Ref, 8)}}
	x.alice, x.bob, x.carol = net.Vat(t, "alice", cfgs[0]), net.Vat(t, "bob", cfgs[1]), net.Vat(t, "carol", cfgs[2])
	for _, pair := range [][2]string{{"alice", "bob"}, {"alice", "carol"}, {"bob", "carol"}} {
		net.Latency(pair[0], pair[1], 10*time.Millisecond)
	}
	bobs, err := x.bob.Export(x.taker, nil)
	require.NoError(t, err)
	x.toTaker = x.alice.Enliven(bobs)
	takes := &Taker{got: make(chan *vat.Ref, 1)}
	alices, err := x.alice.Export(takes, nil)
	require.NoError(t, err)
	own, err := x.carol.Ref(x.thing)
	require.NoError(t, err)
	toAlice := x.carol.Enliven(alices)
	call[any](t, toAlice, "take", own)
	own.Release()
	toAlice.Release()
	x.toThing = <-takes.got
	return x
}

// hand has alice pass the thing to bob, and returns bob's reference.
func (x *trio) hand(t *testing.T) *vat.Ref {
	t.Helper()
	call[any](t, x.toTaker, "take", x.toThing)
	return <-x.taker.got
}

// requireVia checks where what bob sends goes.
func requireVia(t *testing.T, r *vat.Ref, v *vat.Vat) {
	t.Helper()
	via, ok := r.Via()
	require.True(t, ok)
	require.Equal(t, v.ID(), via)
}

func TestHandoff(t *testing.T) {
	spec.Covers(t, "HAND-2", "HAND-5", "HAND-11", "HAND-12")
	synctest.Test(t, func(t *testing.T) {
		x := newTrio(t)
		r := x.hand(t)
		require.Equal(t, vat.FarRef, r.State())
		var want []string
		for i := range 40 {
			want = append(want, fmt.Sprint(i))
			r.SendOnly("note", want[i])
			require.Equal(t, vat.FarRef, r.State())
			pass(2 * time.Millisecond)
		}
		requireVia(t, r, x.carol)
		require.Equal(t, want, call[[]string](t, r, "noted"))
		broken := make(chan error, 1)
		r.WhenBroken(func(err error) { broken <- err })
		require.NoError(t, x.alice.Close())
		require.Equal(t, vat.FarRef, r.State())
		call[any](t, r, "note", "more")
		require.Equal(t, append(want, "more"), call[[]string](t, r, "noted"))
		require.NoError(t, x.carol.Close())
		require.ErrorIs(t, <-broken, vat.ErrDisconnected)
	})
}

func TestHandoffOfAResult(t *testing.T) {
	spec.Covers(t, "HAND-12")
	synctest.Test(t, func(t *testing.T) {
		x := newTrio(t)
		sr, err := x.alice.Export(&Recorder{held: []*vat.Ref{x.toThing}}, nil)
		require.NoError(t, err)
		got := vat.Send[*vat.Ref](x.bob.Enliven(sr), "held", 0)
		got.SendOnly("note", "a") // pipelined
		r, err := got.Await(t.Context())
		require.NoError(t, err)
		r.SendOnly("note", "b")
		pass(time.Second)
		requireVia(t, r, x.carol)
		r.SendOnly("note", "c")
		require.Equal(t, "a b c", call[string](t, r, "join"))
		require.NoError(t, x.alice.Close())
		require.Equal(t, "a b c", call[string](t, r, "join"))
	})
}

// TestHandoffVineStays: where bob cannot go to carol himself, alice goes between.
func TestHandoffVineStays(t *testing.T) {
	spec.Covers(t, "HAND-1", "HAND-13")
	apart := quiet()
	apart.NoHandoff = true
	lost := quiet()
	lost.Advertise = []string{"carol:1"}
	for name, cfgs := range map[string][]*vat.Config{
		"the donor takes no part":     {apart},
		"the recipient takes no part": {quiet(), apart},
		"the host takes no part":      {quiet(), quiet(), apart},
		"the host is not to be found": {quiet(), quiet(), lost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTrio(t, cfgs...)
				r := x.hand(t)
				for i := range 5 {
					call[any](t, r, "note", fmt.Sprint(i))
					pass(5 * time.Second)
					requireVia(t, r, x.alice)
				}
				pass(2 * time.Minute)
				require.Equal(t, "0 1 2 3 4", call[string](t, r, "join"))
				require.NoError(t, x.alice.Close())
				require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrDisconnected)
				require.Equal(t, vat.BrokenRef, r.State())
			})
		})
	}
}

// TestHandoffLetsGo: what nobody holds any more is nowhere held.
func TestHandoffLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTrio(t)
		left := func() (all []string) {
			pass(time.Second)
			for _, v := range []*vat.Vat{x.alice, x.bob, x.carol} {
				all = append(all, vat.Left(v))
			}
			return all
		}
		before := left()
		for range 3 {
			r := x.hand(t)
			pass(time.Second)
			requireVia(t, r, x.carol)
			call[any](t, r, "note", "x")
			require.NotEqual(t, before, left())
			r.Release()
			require.Equal(t, before, left())
			x.hand(t).Release() // before it was picked up
			require.Equal(t, before, left())
		}
		r := x.hand(t)
		x.toThing.Release()
		pass(time.Second)
		call[any](t, r, "note", "x")
		r.Release()
		<-x.thing.dropped
	})
}

// TestHandoffDonorDies: whenever the donor goes, what arrived did so in order and once, what was answered arrived, and
// nothing hangs.
func TestHandoffDonorDies(t *testing.T) {
	spec.Covers(t, "HAND-14")
	direct, broken := 0, 0
	for moment := range 60 {
		synctest.Test(t, func(t *testing.T) {
			x := newTrio(t)
			r := x.hand(t)
			closed := make(chan error, 1)
			var sent []*vat.Promise[any]
			for i := range 60 {
				if i == moment {
					go func() { closed <- x.alice.Close() }()
				}
				sent = append(sent, r.Send("note", fmt.Sprintf("%02d", i)))
				pass(time.Millisecond)
			}
			require.NoError(t, <-closed)
			answered := map[string]bool{}
			for i, p := range sent {
				if _, err := p.Await(t.Context()); err == nil {
					answered[fmt.Sprintf("%02d", i)] = true
				} else {
					require.ErrorIs(t, err, vat.ErrDisconnected)
				}
			}
			near, err := x.carol.Ref(x.thing)
			require.NoError(t, err)
			last := ""
			for _, note := range call[[]string](t, near, "noted") {
				require.Greater(t, note, last, "out of order, or twice")
				last = note
				delete(answered, note)
			}
			require.Empty(t, answered, "answered and not arrived")
			if r.State() == vat.FarRef {
				requireVia(t, r, x.carol)
				direct++
			} else {
				require.ErrorIs(t, r.Err(), vat.ErrDisconnected)
				broken++
			}
		})
	}
	require.NotZero(t, direct)
	require.NotZero(t, broken)
}

// TestHandoffMustNotLeadAnywhere: where a donor may not send bob, he does not go (link.guard has the rules).
func TestHandoffMustNotLeadAnywhere(t *testing.T) {
	for _, trusting := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			net := vattest.NewNetwork()
			cfg := quiet()
			cfg.Limits.Sessions.DialPrivate = trusting
			alice, bob, carol := net.Vat(t, "alice", quiet()), net.Vat(t, "bob", cfg), net.Vat(t, "10.0.0.7", quiet())
			taker := &Taker{got: make(chan *vat.Ref, 1)}
			bobs, err := bob.Export(taker, nil)
			require.NoError(t, err)
			carols, err := carol.Export(&Recorder{}, nil)
			require.NoError(t, err)
			toThing, toTaker := alice.Enliven(carols), alice.Enliven(bobs)
			require.NoError(t, toThing.Await(t.Context()))
			require.NoError(t, toTaker.Await(t.Context()))
			dials := net.Stats().Dials
			call[any](t, toTaker, "take", toThing)
			r := <-taker.got
			pass(time.Minute)
			if trusting {
				requireVia(t, r, carol)
				return
			}
			requireVia(t, r, alice)
			require.Equal(t, dials, net.Stats().Dials)
		})
	}
}

// TestHandoffOnRealSockets does it over TCP.
func TestHandoffOnRealSockets(t *testing.T) {
	listening := func() *vat.Vat {
		cfg := quiet()
		cfg.Listen = []string{"127.0.0.1:0"}
		v, err := vat.New(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, v.Close()) })
		return v
	}
	alice, bob, carol := listening(), listening(), listening()
	taker, thing := &Taker{got: make(chan *vat.Ref, 1)}, &Recorder{}
	bobs, err := bob.Export(taker, nil)
	require.NoError(t, err)
	carols, err := carol.Export(thing, nil)
	require.NoError(t, err)
	toThing := alice.Enliven(carols)
	require.NoError(t, toThing.Await(t.Context()))
	call[any](t, alice.Enliven(bobs), "take", toThing)
	r := <-taker.got
	var want []string
	for i := 0; ; i++ { // until it goes straight
		want = append(want, fmt.Sprint(i))
		call[any](t, r, "note", want[i])
		if via, ok := r.Via(); ok && via == carol.ID() {
			break
		}
	}
	require.NoError(t, alice.Close())
	require.Equal(t, want, call[[]string](t, r, "noted"))
}
