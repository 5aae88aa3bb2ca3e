package vat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

func TestDisconnect(t *testing.T) {
	spec.Covers(t, "ERR-5")
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{}
		r := p.give(rec)
		call[any](t, r, "join")
		broken := make(chan error, 1)
		r.WhenBroken(func(err error) { broken <- err })
		never, ctxs := vat.Send[string](r, "later"), vat.Send[string](r, "watch")
		waits := r.Send("note", never)
		time.Sleep(time.Second)
		p.net.Cut("here", "there")
		for _, q := range []*vat.Promise[string]{never, ctxs} {
			err := failure(t, q)
			require.ErrorIs(t, err, vat.ErrDisconnected)
			require.ErrorIs(t, err, vat.ErrOutcomeUnknown)
			require.NotErrorIs(t, err, vat.ErrNotDelivered)
		}
		require.ErrorIs(t, failure(t, waits), vat.ErrDisconnected)
		require.ErrorIs(t, <-broken, vat.ErrDisconnected)
		err := failure(t, r.Send("join"))
		require.ErrorIs(t, err, vat.ErrDisconnected)
		require.ErrorIs(t, err, vat.ErrNotDelivered)
		require.Equal(t, vat.BrokenRef, r.State())
		require.ErrorIs(t, r.Await(t.Context()), vat.ErrDisconnected)
		require.ErrorIs(t, r.Ready(t.Context()), vat.ErrDisconnected)

		// A new reference, a new session. The method's context ended there.
		again := p.give(rec)
		require.True(t, call[bool](t, again, "ended", 0))
	})
}

func TestDeliveredBeforeTheEnd(t *testing.T) {
	spec.Covers(t, "OBJ-15")
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{}
		r := p.give(rec)
		call[any](t, r, "join")
		for i := range 100 {
			r.SendOnly("note", fmt.Sprint(i))
		}
		require.NoError(t, p.here.Shutdown(t.Context()))
		near, err := p.there.Ref(rec)
		require.NoError(t, err)
		require.Len(t, call[[]string](t, near, "noted"), 100, "drained")
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrClosed)
		require.NoError(t, p.here.Close())
	})
}

func TestUnreachable(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		s, err := sturdyref.NewSwissnum(p.there.ID())
		require.NoError(t, err)
		sr, err := sturdyref.New(p.there.ID(), []string{"nobody:1"}, s)
		require.NoError(t, err)
		r := p.here.Enliven(sr)
		q := r.Send("join")
		err = failure(t, q)
		for _, want := range []error{vat.ErrUnreachable, vat.ErrDisconnected, vat.ErrNotDelivered} {
			require.ErrorIs(t, err, want)
		}
		require.NotErrorIs(t, err, vat.ErrWrongVat)
		require.ErrorIs(t, r.Err(), vat.ErrUnreachable)
	})
}

func TestWrongVat(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		other := p.net.Vat(t, "other", quiet())
		s, err := sturdyref.NewSwissnum(p.there.ID())
		require.NoError(t, err)
		sr, err := sturdyref.New(p.there.ID(), other.Locations(), s)
		require.NoError(t, err)
		err = failure(t, p.here.Enliven(sr).Send("join"))
		for _, want := range []error{vat.ErrWrongVat, vat.ErrDisconnected, vat.ErrNotDelivered} {
			require.ErrorIs(t, err, want)
		}
	})
}

// Both dial at the same moment; one session serves both.
func TestCrossedDials(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		a, err := p.here.Export(&Recorder{}, nil)
		require.NoError(t, err)
		b, err := p.there.Export(&Recorder{}, nil)
		require.NoError(t, err)
		var all sync.WaitGroup
		for _, x := range []struct {
			v  *vat.Vat
			sr sturdyref.Ref
		}{{p.here, b}, {p.there, a}} {
			all.Go(func() {
				r := x.v.Enliven(x.sr)
				for i := range 20 {
					r.SendOnly("note", fmt.Sprint(i))
				}
				joined, err := vat.Call[[]string](t.Context(), r, "noted")
				if err != nil || len(joined) != 20 {
					t.Errorf("%v: %v", joined, err)
				}
			})
		}
		all.Wait()
	})
}

func TestClose(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		call[any](t, r, "join")
		pending := vat.Send[string](r, "later")
		local, res := vat.NewPromise[int](p.here)
		waited := make(chan error, 1)
		go func() {
			_, err := local.Await(context.Background())
			waited <- err
		}()
		time.Sleep(time.Second)
		require.NoError(t, p.here.Close())
		require.NoError(t, p.here.Close())
		require.ErrorIs(t, <-waited, vat.ErrClosed)
		require.Error(t, failure(t, pending))
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrClosed)
		_, err := p.here.Export(&Recorder{}, nil)
		require.Error(t, err)
		_, err = p.here.Ref(&Recorder{})
		require.ErrorIs(t, err, vat.ErrClosed)
		require.ErrorIs(t, p.here.Enliven(unknown(t, p.there)).Err(), vat.ErrClosed)
		require.ErrorIs(t, r.Ready(t.Context()), vat.ErrClosed)
		require.NoError(t, res.Resolve(1), "into the void")
		r.SendOnly("join")
	})
}

func TestShutdownWaitsForWhatIsUnderWay(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		slow := vat.Send[string](r, "later")
		done := make(chan error, 1)
		time.Sleep(time.Second)
		go func() { done <- p.here.Shutdown(t.Context()) }()
		time.Sleep(time.Second)
		if p.here != p.there {
			select {
			case <-done:
				t.Fatal("a call is under way")
			default:
			}
			require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrClosed, "nothing new from outside")
			p.give2(t).SendOnly("settle", "at last")
			require.Equal(t, "at last", await(t, slow))
		}
		require.NoError(t, <-done)
	})
}

// give2 is the test's object, from its own vat.
func (p *place) give2(t *testing.T) *vat.Ref {
	t.Helper()
	r, err := p.there.Ref(p.last)
	require.NoError(t, err)
	return r
}

func TestShutdownGivesUp(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		slow := vat.Send[string](r, "later")
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, p.here.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(begin))
		require.ErrorIs(t, failure(t, slow), vat.ErrDisconnected)
	})
}

// A turn of there lasts. What needs no turn is done meanwhile: the link is alive
// beyond the time at which a silent peer is dead, cancellations arrive, and
// others are answered what does not need a turn.
func TestALongTurnStopsNobody(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{block: make(chan struct{}), began: make(chan struct{}, 1)}
		r := p.give(rec)
		w := vat.Send[string](r, "watch")
		call[any](t, r, "join")
		long := vat.Send[any](r, "block")
		<-rec.began
		behind := vat.Send[string](r, "join")
		time.Sleep(5 * time.Minute)

		// the link lives, and it is the same: lookups are answered without a turn
		sr, err := p.there.Export(&Recorder{}, nil)
		require.NoError(t, err)
		require.NoError(t, p.here.Enliven(sr).Await(t.Context()))
		w.Cancel()
		time.Sleep(time.Second)
		require.Error(t, rec.ctxs[0].Err(), "the cancellation arrived")

		// sends from outside of the vat whose turn is long leave
		mine := &Recorder{}
		home, err := p.here.Ref(mine)
		require.NoError(t, err)
		hr, err := p.here.Export(mine, nil)
		require.NoError(t, err)
		p.there.Enliven(hr).SendOnly("note", "from outside")
		time.Sleep(time.Second)
		require.Equal(t, "from outside", call[string](t, home, "join"))

		close(rec.block)
		await(t, long)
		require.Equal(t, "", await(t, behind))
	})
}

func TestOverload(t *testing.T) {
	cfg := &vat.Config{MaxPending: 100}
	cfg.Limits.Protocol.OpenCalls = 10
	far(t, cfg, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		call[any](t, r, "join")
		var refused, promised int
		for range 200 {
			if vat.Send[string](r, "later").Vat() == p.here {
				promised++
			}
		}
		synctest.Wait()
		err := failure(t, vat.Send[string](r, "join"))
		require.ErrorIs(t, err, vat.ErrOverloaded)
		require.Equal(t, 200, promised+refused)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Ready(ctx), context.DeadlineExceeded)
	})
}

func TestReady(t *testing.T) {
	cfg := &vat.Config{MaxPending: 100}
	cfg.Limits.Protocol.OpenCalls = 10
	far(t, cfg, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		for i := range 1000 {
			require.NoError(t, r.Ready(t.Context()))
			r.SendOnly("note", fmt.Sprint(i))
		}
		require.NoError(t, r.Ready(t.Context()))
		require.Len(t, call[[]string](t, r, "noted"), 1000)
		require.NotContains(t, p.mybook.String(), "failed")
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, false, cfg)
		r := p.give(&Recorder{})
		for i := range 1000 {
			require.NoError(t, r.Ready(t.Context()))
			r.SendOnly("note", fmt.Sprint(i))
		}
		require.NoError(t, r.Ready(t.Context()))
		require.Len(t, call[[]string](t, r, "noted"), 1000)
	})
}

// Who is ready does not wait for a peer that is not, until there is no room for any send.
func TestReadyIsOfOneSession(t *testing.T) {
	cfg := &vat.Config{MaxPending: 100}
	cfg.Limits.Protocol.OpenCalls = 10
	far(t, cfg, func(t *testing.T, p *place) {
		slow := p.give(&Recorder{})
		sr, err := p.net.Vat(t, "third", quiet()).Export(&Recorder{}, nil)
		require.NoError(t, err)
		quick := p.here.Enliven(sr)
		call[string](t, slow, "join")
		call[string](t, quick, "join")
		p.net.Stall("there", "here", true)
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		for range 90 {
			slow.SendOnly("note", "x")
		}
		require.ErrorIs(t, slow.Ready(soon()), context.DeadlineExceeded)
		require.NoError(t, quick.Ready(soon()))
		require.Equal(t, "", call[string](t, quick, "join"))
		for range 30 {
			slow.SendOnly("note", "x")
		}
		require.ErrorIs(t, quick.Ready(soon()), context.DeadlineExceeded, "no send is taken at all")
		ready := make(chan error, 2)
		for _, r := range []*vat.Ref{slow, quick} {
			go func() { ready <- r.Ready(t.Context()) }()
		}
		synctest.Wait()
		p.net.Stall("there", "here", false)
		require.NoError(t, <-ready)
		require.NoError(t, <-ready)
	})
}

func TestNearOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, false, &vat.Config{MaxPending: 10})
		rec := &Recorder{block: make(chan struct{}), began: make(chan struct{}, 1)}
		r := p.give(rec)
		r.SendOnly("block")
		<-rec.began
		for range 10 {
			r.SendOnly("note", "x")
		}
		require.ErrorIs(t, failure(t, r.Send("note", "y")), vat.ErrOverloaded)
		close(rec.block)
		require.NoError(t, r.Ready(t.Context()))
		require.Len(t, call[[]string](t, r, "noted"), 10)
	})
}

func TestConfigErrors(t *testing.T) {
	cfg := quiet()
	cfg.Listen = []string{"no port"}
	_, err := vat.New(cfg)
	require.ErrorContains(t, err, "listening on")
	cfg = quiet()
	cfg.Advertise = []string{"no space allowed:1"}
	_, err = vat.New(cfg)
	require.Error(t, err)
}

func TestLargeMessages(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		big := make([]byte, 5<<20)
		big[len(big)-1] = 7
		require.Equal(t, big, call[any](t, r, "echo", big))
		require.Error(t, failure(t, r.Send("echo", make([]byte, 9<<20))))
		require.Equal(t, "", call[string](t, r, "join"), "the session lives on")
	})
}

// TestARestartedVatTakesOver: a vat that comes back under its old identity is served at once; what led to its former
// incarnation breaks at once, though that fell silent without a word.
func TestARestartedVatTakesOver(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		identity, err := crypto.NewIdentity()
		require.NoError(t, err)
		start := func(host string) *vat.Vat {
			cfg := quiet()
			cfg.Identity = identity
			return p.net.Vat(t, host, cfg)
		}
		former := start("former")
		sr, err := former.Export(&Recorder{}, nil)
		require.NoError(t, err)
		plain, healing := p.here.Enliven(sr), p.here.Heal(sr, nil)
		require.NoError(t, plain.Await(t.Context()))
		require.NoError(t, healing.Await(t.Context()))
		broken := make(chan error, 2)
		plain.WhenBroken(func(err error) { broken <- err })
		pass(10 * time.Minute) // it was settled long ago
		never := plain.Send("later")
		pass(time.Second)
		p.net.Partition("here", "former", true)

		mine, err := p.here.Export(&Recorder{}, nil)
		require.NoError(t, err)
		begin := time.Now()
		call[any](t, start("now").Enliven(mine), "note", "back again")
		require.ErrorIs(t, failure(t, never), vat.ErrOutcomeUnknown)
		require.ErrorIs(t, <-broken, vat.ErrDisconnected)
		require.ErrorIs(t, healing.Await(t.Context()), vat.ErrNoSuchObject, "it ended with its vat")
		require.Less(t, time.Since(begin), time.Second)
		pass(time.Hour)
		require.Empty(t, broken, "once")
	})
}

// TestUnknownThroughAnObject: what an object has passed on, and lost, is unknown to the sender, be the object near or far.
func TestUnknownThroughAnObject(t *testing.T) {
	spec.Covers(t, "ERR-8")
	nearAndFar(t, func(t *testing.T, p *place) {
		behind := p.net.Vat(t, "behind", quiet())
		sr, err := behind.Export(&Recorder{}, nil)
		require.NoError(t, err)
		ref := p.give(&Relay{to: p.there.Enliven(sr)})
		never := ref.Send("later")
		call[any](t, ref, "note", "x")
		p.net.Cut("there", "behind")
		require.ErrorIs(t, failure(t, never), vat.ErrOutcomeUnknown)
		err = failure(t, ref.Send("join")) // it is known, and no matter of the sender's sessions
		require.NotErrorIs(t, err, vat.ErrDisconnected)
		require.ErrorContains(t, err, "lost")
	})
}
