package vat_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// health notes what a reference that heals reports.
type health struct {
	mu     sync.Mutex
	events []string
	errs   []error
}

func (h *health) config() *vat.HealConfig {
	note := func(event string, err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, event)
		if err != nil {
			h.errs = append(h.errs, err)
		}
	}
	return &vat.HealConfig{Lost: func(err error) { note("lost", err) }, Found: func() { note("found", nil) }}
}

// take returns what was reported since it was asked last.
func (h *health) take() (events []string, errs []error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, errs = h.events, h.errs
	h.events, h.errs = nil, nil
	return events, errs
}

func (h *health) require(t *testing.T, want ...string) (errs []error) {
	t.Helper()
	events, errs := h.take()
	require.Equal(t, want, events)
	return errs
}

// export exports an object of there.
func (p *place) export(o any) sturdyref.Ref {
	p.t.Helper()
	sr, err := p.there.Export(o, nil)
	require.NoError(p.t, err)
	return sr
}

// TestHeal: a reference that heals tells of each loss and each recovery, and of each send what became of it.
func TestHeal(t *testing.T) {
	spec.Covers(t, "ERR-5", "OBJ-3", "OBJ-4")
	far(t, nil, func(t *testing.T, p *place) {
		rec, h := &Recorder{}, &health{}
		r := p.here.Heal(p.export(rec), h.config())
		require.Equal(t, vat.PromiseRef, r.State())
		r.SendOnly("note", "0")
		require.NoError(t, r.Await(t.Context()))
		require.Equal(t, vat.FarRef, r.State())
		requireVia(t, r, p.there)
		never := vat.Send[string](r, "later")
		require.Equal(t, "0", call[string](t, r, "join"))
		h.require(t, "found")
		want := "0"
		for i := range 3 {
			p.net.Cut("here", "there")
			err := failure(t, never)
			require.ErrorIs(t, err, vat.ErrOutcomeUnknown)
			require.NotErrorIs(t, err, vat.ErrNotDelivered)
			require.Equal(t, vat.PromiseRef, r.State())
			require.NoError(t, r.Err())
			for n := range 3 {
				note := fmt.Sprint(i, ".", n)
				want += " " + note
				r.SendOnly("note", note)
			}
			never = vat.Send[string](r, "later")
			require.Equal(t, want, call[string](t, r, "join"))
			require.Equal(t, vat.FarRef, r.State())
			require.ErrorIs(t, h.require(t, "lost", "found")[0], vat.ErrDisconnected)
			if i == 1 {
				pass(time.Hour)
				require.Empty(t, h.require(t))
			}
		}
	})
}

// TestHealRepeatsNothing: wherever a session ends, what was answered arrived, once and in order, and so did at most what
// is unknown.
func TestHealRepeatsNothing(t *testing.T) {
	spec.Covers(t, "OBJ-4")
	unknown := 0
	for moment := range 40 {
		far(t, nil, func(t *testing.T, p *place) {
			rec := &Recorder{}
			r := p.here.Heal(p.export(rec), nil)
			require.NoError(t, r.Await(t.Context()))
			var sent []*vat.Promise[any]
			for i := range 60 {
				if i == moment+1 {
					p.net.Cut("here", "there")
				}
				sent = append(sent, r.Send("note", fmt.Sprintf("%02d", i)))
				pass(time.Millisecond)
			}
			fate := map[string]error{}
			for i, q := range sent {
				_, err := q.Await(t.Context())
				fate[fmt.Sprintf("%02d", i)] = err
			}
			noted := call[[]string](t, r, "noted")
			require.True(t, slices.IsSorted(noted))
			require.Len(t, slices.Compact(slices.Clone(noted)), len(noted))
			for note, err := range fate {
				switch {
				case err == nil:
					require.Contains(t, noted, note)
				default:
					require.ErrorIs(t, err, vat.ErrOutcomeUnknown)
					unknown++
				}
			}
		})
	}
	require.NotZero(t, unknown)
}

// dialler notes when connections are asked for, and makes none while it is shut.
type dialler struct {
	vat.Network
	mu    sync.Mutex
	shut  bool
	dials []time.Time
}

func (d *dialler) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.dials = append(d.dials, time.Now())
	shut := d.shut
	d.mu.Unlock()
	if shut {
		return nil, net.ErrClosed
	}
	return d.Network.Dial(ctx, addr)
}

func (d *dialler) open(open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = !open
}

// gaps returns the times between the dials so far, and forgets them.
func (d *dialler) gaps() (all []time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := 1; i < len(d.dials); i++ {
		all = append(all, d.dials[i].Sub(d.dials[i-1]))
	}
	d.dials = nil
	return all
}

// shutting gives there a vat behind a dialler, in which the pauses are those of the reference alone.
func (p *place) shutting() (*vat.Vat, *dialler) {
	d := &dialler{Network: p.net.Host("dials"), shut: true}
	cfg := quiet()
	cfg.Network, cfg.Listen = d, []string{"dials:0"}
	cfg.Limits.Sessions.RedialMin, cfg.Limits.Sessions.RedialMax = 1, 1
	return p.net.Vat(p.t, "dials", cfg), d
}

// TestHealBacksOff: attempts become rarer, up to a bound, and are as far apart as chance will have it.
func TestHealBacksOff(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		sr := p.export(&Recorder{})
		for _, jitter := range []float64{0.5, 1} {
			h := &health{}
			cfg := h.config()
			cfg.RetryMax = time.Second
			cfg.Jitter = func() float64 { return jitter }
			r := v.Heal(sr, cfg)
			pass(5 * time.Second)
			var want []time.Duration
			for _, ms := range []float64{100, 200, 400, 800, 1000, 1000} {
				want = append(want, time.Duration(jitter*ms*1e6))
			}
			require.Equal(t, want, d.gaps()[:len(want)])
			require.ErrorIs(t, h.require(t, "lost")[0], vat.ErrUnreachable)
			r.Release()
			pass(time.Minute)
			require.Empty(t, d.gaps())
		}
		r := v.Heal(sr, nil) // by default they are random
		pass(10 * time.Minute)
		seen := d.gaps()
		require.Greater(t, len(seen), 10)
		require.LessOrEqual(t, slices.Max(seen), 30*time.Second)
		require.Greater(t, slices.Max(seen), 10*time.Second)
		slices.Sort(seen)
		require.Greater(t, len(slices.Compact(seen)), 10)
		r.Release()
	})
}

// TestHealSessionsThatDoNotLast: who is thrown out at once comes back less and less often.
func TestHealSessionsThatDoNotLast(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		d.open(true)
		cfg := &vat.HealConfig{Jitter: func() float64 { return 1 }}
		cfg.Found = func() { p.net.Cut("dials", "there") }
		r := v.Heal(p.export(&Recorder{}), cfg)
		pass(10 * time.Minute)
		seen := d.gaps()
		require.True(t, slices.IsSorted(seen[:8]), "%v", seen)
		require.Greater(t, seen[8], 20*time.Second)
		r.Release()
	})
}

// TestHealWhenThePeerComes: who cannot be dialled is found when he dials.
func TestHealWhenThePeerComes(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, _ := p.shutting()
		h := &health{}
		cfg := h.config()
		cfg.Jitter = func() float64 { return 1 }
		r, other := v.Heal(p.export(&Recorder{}), cfg), v.Heal(p.export(&Recorder{}), cfg)
		r.SendOnly("note", "x")
		pass(time.Hour + 7*time.Second) // between two attempts
		h.require(t, "lost", "lost")
		door, err := v.Export(&Recorder{}, nil)
		require.NoError(t, err)
		begin := time.Now()
		require.NoError(t, p.there.Enliven(door).Await(t.Context()))
		require.NoError(t, r.Await(t.Context()))
		require.NoError(t, other.Await(t.Context()))
		require.Less(t, time.Since(begin), time.Second)
		require.Equal(t, "x", call[string](t, r, "join"))
		h.require(t, "found", "found")
	})
}

// TestHealQueue: what waits is bounded, and Ready waits for room.
func TestHealQueue(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		cfg := &vat.HealConfig{Queue: 3, Jitter: func() float64 { return 1 }}
		r := v.Heal(p.export(&Recorder{}), cfg)
		var sent []*vat.Promise[any]
		for i := range 3 {
			require.NoError(t, r.Ready(t.Context()))
			sent = append(sent, r.Send("note", fmt.Sprint(i)))
		}
		require.ErrorIs(t, failure(t, r.Send("note", "too much")), vat.ErrOverloaded)
		brief, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, r.Ready(brief), context.DeadlineExceeded)
		sent[1].Cancel()
		ready := make(chan error)
		go func() { ready <- r.Ready(t.Context()) }()
		synctest.Wait()
		d.open(true)
		require.NoError(t, <-ready)
		require.Equal(t, "0 2", call[string](t, r, "join"))
		require.NoError(t, r.Ready(t.Context()))
	})
}

// TestHealEnds: where trying again is of no use, the reference breaks, with everything that waits, and says so once.
func TestHealEnds(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		g, err := p.there.Grant(&Recorder{}, nil)
		require.NoError(t, err)
		v, d := p.shutting()
		h := &health{}
		r := v.Heal(g.Sturdyref(), h.config())
		waits := r.Send("join")
		told := make(chan error, 2)
		r.WhenBroken(func(err error) { told <- err })
		pass(time.Minute)
		h.require(t, "lost")
		require.Empty(t, told)
		g.Revoke()
		d.open(true)
		require.ErrorIs(t, failure(t, waits), vat.ErrNoSuchObject)
		require.ErrorIs(t, <-told, vat.ErrNoSuchObject)
		require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrNoSuchObject)
		require.ErrorIs(t, r.Await(t.Context()), vat.ErrNoSuchObject)
		require.ErrorIs(t, r.Ready(t.Context()), vat.ErrNoSuchObject)
		require.Equal(t, vat.BrokenRef, r.State())
		r.WhenBroken(func(err error) { told <- err })
		require.ErrorIs(t, <-told, vat.ErrNoSuchObject)
		d.gaps()
		pass(time.Hour)
		require.Empty(t, d.gaps())
		require.Empty(t, told)
		h.require(t)

		require.ErrorIs(t, v.Heal(sturdyref.Ref{}, nil).Err(), vat.ErrNull)
		own := p.there.Heal(p.export(&Recorder{}), nil)
		require.Equal(t, vat.NearRef, own.State())
		require.Empty(t, call[string](t, own, "join"))

		away := p.here.Heal(p.export(&Recorder{}), nil)
		require.NoError(t, away.Await(t.Context()))
		require.NoError(t, p.here.Close())
		require.ErrorIs(t, failure(t, away.Send("join")), vat.ErrClosed)
		require.Equal(t, vat.BrokenRef, away.State())
		require.ErrorIs(t, p.here.Heal(p.export(&Recorder{}), nil).Err(), vat.ErrClosed)
	})
}

// TestHealLetGo: a reference that nobody holds is given up, once what was sent on it has left.
func TestHealLetGo(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		rec := &Recorder{dropped: make(chan struct{})}
		g, err := p.there.Grant(rec, nil)
		require.NoError(t, err)
		r := v.Heal(g.Sturdyref(), nil)
		sent := r.Send("note", "x")
		r.Release()
		require.Equal(t, vat.BrokenRef, r.State())
		require.Error(t, failure(t, r.Send("note", "y")))
		r.WhenBroken(func(error) {})
		pass(time.Minute)
		d.open(true)
		await(t, sent)
		d.open(false)
		p.net.Cut("dials", "there")
		d.gaps()
		pass(time.Hour)
		require.Empty(t, d.gaps())
		require.Empty(t, vat.Left(v))
		g.Revoke()
		<-rec.dropped
	})
}

// TestHealForgotten: so is one of which the program knows nothing any more.
func TestHealForgotten(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		v, d := p.shutting()
		v.Heal(p.export(&Recorder{}), nil)
		pass(time.Hour)
		require.Greater(t, len(d.gaps()), 10)
		for i := 0; ; i++ {
			require.Less(t, i, 1000)
			runtime.GC() // which tells in its own time
			d.gaps()
			pass(time.Hour)
			if len(d.gaps()) == 0 {
				break
			}
		}
	})
}

// TestHealPassedOn: others get what the reference leads to, or will when it is found.
func TestHealPassedOn(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		rec, other := &Recorder{}, &Recorder{}
		r := p.here.Heal(p.export(rec), nil)
		keeper := p.here.Enliven(p.export(other))
		call[any](t, keeper, "hold", r)
		call[any](t, keeper, "tell", r, "a")
		pass(time.Second)
		_, home := vat.Near[*Recorder](other.held[0])
		require.True(t, home)
		require.Equal(t, "a", call[string](t, r, "join"))
	})
}

// TestHealPassedToAThird: who is passed a reference that heals while its object is away has a promise, which leads there
// directly once it is found; it does not heal for him, nor does it need who passed it any more.
func TestHealPassedToAThird(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		h := &health{}
		r := p.here.Heal(p.export(&Recorder{}), h.config())
		third := p.net.Vat(t, "third", quiet())
		k, toThird := taker(t, third, p.here)
		require.NoError(t, r.Await(t.Context()))
		call[any](t, toThird, "take", r)
		there := <-k.got
		call[any](t, there, "note", "a")
		pass(time.Second)
		requireVia(t, there, p.there)

		p.net.Partition("here", "there", true)
		p.net.Cut("here", "there")
		pass(time.Second)
		require.Equal(t, vat.PromiseRef, r.State())
		call[any](t, toThird, "take", r)
		away := <-k.got
		require.Equal(t, vat.PromiseRef, away.State())
		away.SendOnly("note", "b")
		require.Equal(t, "a", call[string](t, there, "join"), "what was passed before goes its own way")
		p.net.Partition("here", "there", false)
		require.NoError(t, away.Await(t.Context()))
		require.Equal(t, "a b", call[string](t, r, "join"))
		pass(time.Second)
		requireVia(t, away, p.there)
		h.require(t, "found", "lost", "found")

		p.net.Cut("third", "there")
		pass(time.Minute)
		require.Equal(t, vat.BrokenRef, away.State(), "it heals for who made it")
		require.Equal(t, "a b", call[string](t, r, "join"))
	})
}

// TestHealHalfOpen: a peer that is gone without a word is found to be within the deadlines of the session.
func TestHealHalfOpen(t *testing.T) {
	spec.Covers(t, "ERR-5")
	far(t, nil, func(t *testing.T, p *place) {
		h := &health{}
		r := p.here.Heal(p.export(&Recorder{}), h.config())
		require.NoError(t, r.Await(t.Context()))
		pass(time.Second)
		h.require(t, "found")
		p.net.Partition("here", "there", true)
		start := time.Now()
		require.ErrorIs(t, failure(t, r.Send("note", "lost")), vat.ErrOutcomeUnknown)
		require.LessOrEqual(t, time.Since(start), 45*time.Second)
		require.Greater(t, time.Since(start), 15*time.Second)
		r.SendOnly("note", "kept")
		pass(10 * time.Minute)
		h.require(t, "lost")
		p.net.Partition("here", "there", false)
		require.Equal(t, "kept", call[string](t, r, "join"))
		h.require(t, "found")
	})
}
