package vat_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

func TestRevocationSevers(t *testing.T) {
	spec.Covers(t, "LOC-6")
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{}
		g, err := p.there.Grant(rec, nil)
		require.NoError(t, err)
		other, err := p.there.Export(rec, nil)
		require.NoError(t, err)

		live := p.here.Enliven(g.Sturdyref())
		kept := p.here.Enliven(other)
		broken := make(chan error, 2)
		p.there.Enliven(g.Sturdyref()).WhenBroken(func(err error) { broken <- err })
		call[any](t, live, "note", "x")

		// passed on to a third vat, and back home
		third := p.net.Vat(t, "third", quiet())
		holder := &Recorder{}
		hold, err := third.Export(holder, nil)
		require.NoError(t, err)
		thirdRef := p.here.Enliven(hold)
		call[any](t, thirdRef, "hold", live)
		require.Equal(t, "x", call[string](t, thirdRef.Send("held", 0), "join"))
		homeRef := p.give(&Recorder{})
		call[any](t, homeRef, "hold", live)

		near := p.there.Enliven(g.Sturdyref())
		require.Equal(t, vat.NearRef, near.State())

		g.Revoke()
		g.Revoke()
		require.Equal(t, vat.BrokenRef, near.State())
		require.ErrorIs(t, near.Err(), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, live.Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, thirdRef.Send("held", 0).Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, homeRef.Send("held", 0).Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, p.here.Enliven(g.Sturdyref()).Send("join")), vat.ErrNoSuchObject)
		require.Equal(t, "x", call[string](t, kept, "join"), "another grant of the same object")
		time.Sleep(time.Second)
		require.ErrorIs(t, <-broken, vat.ErrRevoked)

		require.ErrorIs(t, p.there.Revoke(g.Sturdyref()), vat.ErrNoSuchObject)
		require.ErrorIs(t, p.here.Revoke(other), vat.ErrNoSuchObject, "of another vat")
		require.NoError(t, p.there.Revoke(other))
		require.ErrorIs(t, failure(t, kept.Send("join")), vat.ErrRevoked)
	})
}

// settle is a way to ask an object for itself: it must not launder the grant.
func TestSettleKeepsTheGrant(t *testing.T) {
	spec.Covers(t, "OBJ-13")
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&Recorder{}, nil)
		require.NoError(t, err)
		live := p.here.Enliven(g.Sturdyref())
		mine, err := p.here.Ref(&Laundry{})
		require.NoError(t, err)
		call[any](t, mine, "take", live)
		time.Sleep(time.Second)
		clean := call[*vat.Ref](t, mine, "give")
		require.Equal(t, "", call[string](t, clean, "join"))
		g.Revoke()
		require.ErrorIs(t, failure(t, clean.Send("join")), vat.ErrRevoked)
	})
}

// An object that hands itself out does so under the grant by which it was reached.
func TestSelfKeepsTheGrant(t *testing.T) {
	spec.Covers(t, "OBJ-16")
	nearAndFar(t, func(t *testing.T, p *place) {
		o := &Generous{}
		g, err := p.there.Grant(o, nil)
		require.NoError(t, err)
		lasting, err := p.there.Export(o, nil)
		require.NoError(t, err)
		live := p.here.Enliven(g.Sturdyref())
		sink := p.give(&Recorder{})
		other := p.give(&Recorder{})
		clean := map[string]*vat.Ref{
			"result":  call[*vat.Ref](t, live, "self"),
			"nested":  call[[]any](t, live, "among")[1].(*vat.Ref),
			"promise": call[*vat.Ref](t, live, "soon"),
			"waited":  call[*vat.Ref](t, live, "after", other.Send("join")),
			"again":   call[*vat.Ref](t, call[*vat.Ref](t, live, "self"), "self"),
		}
		call[any](t, live, "tell", sink)
		clean["sent"] = call[*vat.Ref](t, sink, "held", 0)
		kept := call[*vat.Ref](t, p.here.Enliven(lasting), "self")
		given := call[*vat.Ref](t, live, "lasting")
		for how, r := range clean {
			require.Equal(t, "hello", call[string](t, r, "hello"), how)
		}
		g.Revoke()
		for how, r := range clean {
			require.ErrorIs(t, failure(t, r.Send("hello")), vat.ErrRevoked, how)
		}
		require.Equal(t, "hello", call[string](t, kept, "hello"), "under another grant")
		require.Equal(t, "hello", call[string](t, given, "hello"), "on purpose")
	})
}

// Generous hands itself out in every way.
type Generous struct{ vat.Object }

func (g *Generous) Hello() string              { return "hello" }
func (g *Generous) Self() *Generous            { return g }
func (g *Generous) Among() []any               { return []any{1, g} }
func (g *Generous) After(string) *Generous     { return g }
func (g *Generous) Tell(to *vat.Ref)           { to.SendOnly("hold", g) }
func (g *Generous) Lasting() (*vat.Ref, error) { return g.Vat().Ref(g) }
func (g *Generous) Soon() (p *vat.Promise[any]) {
	p, res := vat.NewPromise[any](g.Vat())
	_ = res.Resolve(g)
	return p
}

// Laundry takes a reference as a promise and asks what it settles to.
type Laundry struct {
	vat.Object
	clean *vat.Ref
}

func (l *Laundry) Take(p *vat.Promise[*vat.Ref]) {
	vat.When(p, func(r *vat.Ref) (bool, error) {
		l.clean = r
		return true, nil
	})
}

func (l *Laundry) Give() *vat.Ref { return l.clean }

func TestExpiry(t *testing.T) {
	spec.Covers(t, "LOC-6")
	far(t, nil, func(t *testing.T, p *place) {
		sr, err := p.there.Export(&Recorder{}, &vat.ExportConfig{Lifetime: time.Minute})
		require.NoError(t, err)
		r := p.here.Enliven(sr)
		require.Equal(t, "", call[string](t, r, "join"))
		time.Sleep(time.Minute)
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, p.here.Enliven(sr).Send("join")), vat.ErrNoSuchObject)

		g, err := p.there.Grant(&Recorder{}, &vat.ExportConfig{Expires: time.Now().Add(-time.Second)})
		require.NoError(t, err)
		require.False(t, g.Expires().IsZero())
		require.ErrorIs(t, failure(t, p.here.Enliven(g.Sturdyref()).Send("join")), vat.ErrNoSuchObject)
	})
}

func TestUnreferencedWaitsForTheSturdyref(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{dropped: make(chan struct{})}
		g, err := p.there.Grant(rec, nil)
		require.NoError(t, err)
		r := p.here.Enliven(g.Sturdyref())
		call[any](t, r, "join")
		r.Release()
		time.Sleep(time.Second)
		select {
		case <-rec.dropped:
			t.Fatal("a sturdyref leads to it")
		default:
		}
		g.Revoke()
		<-rec.dropped
	})
}

func TestOneErrorForAllMisses(t *testing.T) {
	spec.Covers(t, "LOC-2", "LOC-3")
	far(t, nil, func(t *testing.T, p *place) {
		revoked, err := p.there.Grant(&Recorder{}, nil)
		require.NoError(t, err)
		revoked.Revoke()
		expired, err := p.there.Export(&Recorder{}, &vat.ExportConfig{Lifetime: 1})
		require.NoError(t, err)
		time.Sleep(time.Second)
		texts := map[string]bool{}
		for _, sr := range []sturdyref.Ref{revoked.Sturdyref(), expired, unknown(t, p.there)} {
			err := p.here.Enliven(sr).Await(t.Context())
			require.ErrorIs(t, err, vat.ErrNoSuchObject)
			texts[fmt.Sprintf("%s %#v", err, err)] = true
		}
		require.Len(t, texts, 1)
	})
}

func unknown(t *testing.T, v *vat.Vat) sturdyref.Ref {
	s, err := sturdyref.NewSwissnum(v.ID())
	require.NoError(t, err)
	sr, err := sturdyref.New(v.ID(), v.Locations(), s)
	require.NoError(t, err)
	return sr
}

func TestGuessingIsSlowedDownAndEnds(t *testing.T) {
	spec.Covers(t, "LOC-4", "LOC-5")
	far(t, nil, func(t *testing.T, p *place) {
		good := p.give(&Recorder{})
		call[any](t, good, "join")
		begin := time.Now()
		for range 10 {
			require.ErrorIs(t, p.here.Enliven(unknown(t, p.there)).Await(t.Context()), vat.ErrNoSuchObject)
		}
		require.Equal(t, 10*20*time.Millisecond, time.Since(begin))
		begin = time.Now()
		for range 5 {
			require.ErrorIs(t, p.here.Enliven(unknown(t, p.there)).Await(t.Context()), vat.ErrNoSuchObject)
		}
		require.GreaterOrEqual(t, time.Since(begin), 4*time.Second)
		require.Equal(t, "", call[string](t, good, "join"), "others are not slowed down")
		for range 90 {
			p.here.Enliven(unknown(t, p.there))
		}
		err := failure(t, good.Send("later"))
		require.ErrorIs(t, err, vat.ErrDisconnected)
		require.ErrorContains(t, err, "limit.lookups")

		// Dialling again does not help.
		time.Sleep(time.Second)
		err = p.here.Enliven(unknown(t, p.there)).Await(t.Context())
		require.Error(t, err)
	})
}

func TestOwnSturdyrefIsNear(t *testing.T) {
	spec.Covers(t, "LOC-8")
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		sr, err := v.Export(&Recorder{}, nil)
		require.NoError(t, err)
		r := v.Enliven(sr)
		require.Equal(t, vat.NearRef, r.State())
		require.NoError(t, r.Await(t.Context()))
		require.Equal(t, "", call[string](t, r, "join"))
		require.ErrorIs(t, v.Enliven(unknown(t, v)).Err(), vat.ErrNoSuchObject)
		require.ErrorIs(t, v.Enliven(sturdyref.Ref{}).Err(), vat.ErrNull)
	})
}

func TestNoLocationNoSturdyref(t *testing.T) {
	spec.Covers(t, "LOC-7")
	v, err := vat.New(quiet())
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	_, err = v.Export(&Recorder{}, nil)
	require.ErrorIs(t, err, vat.ErrNoLocation)
	require.ErrorContains(t, err, "Config.Listen")
}

func TestSturdyrefsAreValues(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		sr, err := p.there.Export(&Recorder{}, nil)
		require.NoError(t, err)
		r := p.give(&Recorder{})
		require.Equal(t, sr, call[any](t, r, "echo", sr))
		require.Equal(t, sr, call[sturdyref.Ref](t, r, "echo", sr))
		g, err := p.there.Grant(&Recorder{}, nil)
		require.NoError(t, err)
		for _, s := range []string{fmt.Sprint(g), fmt.Sprintf("%+v", g), g.LogValue().String()} {
			require.NotContains(t, s, g.Sturdyref().URI()[len(g.Sturdyref().URI())-20:])
		}
	})
}

// An identity that lasts makes sturdyrefs that name the same vat; those that were
// temporary died with the incarnation.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, nil)
		id, err := crypto.NewIdentity()
		require.NoError(t, err)
		cfg := quiet()
		cfg.Identity, cfg.Network, cfg.Listen = id, p.net.Host("server"), []string{"server:7000"}
		first, err := vat.New(cfg)
		require.NoError(t, err)
		sr, err := first.Export(&Recorder{}, nil)
		require.NoError(t, err)
		r := p.here.Enliven(sr)
		call[any](t, r, "note", "x")
		require.NoError(t, first.Close())
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrDisconnected)
		time.Sleep(time.Second)

		second, err := vat.New(cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, second.Close()) }()
		require.Equal(t, first.ID(), second.ID())
		require.ErrorIs(t, failure(t, p.here.Enliven(sr).Send("join")), vat.ErrNoSuchObject)
		again, err := second.Export(&Recorder{}, nil)
		require.NoError(t, err)
		require.Equal(t, "", call[string](t, p.here.Enliven(again), "join"))
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrDisconnected, "references into the lost session stay broken")
	})
}
