package vat_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// liars are vats that say what they like about their successors. All have an object with one secret.
type liars struct {
	t    *testing.T
	net  *vattest.Network
	vats []*vat.Vat
}

const liarPort = ":7000"

// add makes a liar that says that it is to be found at a host, as whoever claim says.
func (l *liars) add(says string) {
	host := fmt.Sprint("liar", len(l.vats))
	cfg := quiet()
	cfg.Listen, cfg.Advertise = []string{host + liarPort}, []string{says + liarPort}
	l.vats = append(l.vats, l.net.Vat(l.t, host, cfg))
}

// ref gives a sturdyref of a liar, at its place, with a secret.
func (l *liars) ref(i int, secret sturdyref.Swissnum) sturdyref.Ref {
	sr, err := sturdyref.New(l.vats[i].ID(), []string{fmt.Sprint("liar", i, liarPort)}, secret)
	require.NoError(l.t, err)
	return sr
}

func TestFalseSuccessors(t *testing.T) {
	spec.Covers(t, "LOC-14", "LOC-15")
	for name, c := range map[string]struct {
		liars int
		next  func(l *liars, i int) crypto.VatID // whom it claims to be succeeded by
		says  func(i int) string                 // where
		want  error
	}{
		"a vat that knows nothing of it": {
			2, func(l *liars, _ int) crypto.VatID { return l.vats[1].ID() }, func(int) string { return "liar1" }, vat.ErrNoSuchObject,
		},
		"a vat that is not there": {
			1, func(*liars, int) crypto.VatID { return crypto.IdentityFromSeed([32]byte{9}).VatID() }, func(int) string { return "nowhere" }, vat.ErrUnreachable,
		},
		"a vat that is another": {
			2, func(*liars, int) crypto.VatID { return crypto.IdentityFromSeed([32]byte{9}).VatID() }, func(int) string { return "liar1" }, vat.ErrUnreachable,
		},
		"no vat id": {
			1, func(*liars, int) crypto.VatID { return crypto.VatID{1} }, func(int) string { return "liar0" }, vat.ErrNoSuccessor,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &liars{t: t, net: vattest.NewNetwork()}
				for i := range c.liars {
					l.add(c.says(i))
				}
				own, err := l.vats[0].Export(&Recorder{}, nil)
				require.NoError(t, err)
				r := l.ref(0, own.Swissnum())
				vat.Claim(l.vats[0], own, c.next(l, 0))
				here := l.net.Vat(t, "here", quiet())
				_, err = here.Successor(t.Context(), r)
				require.ErrorIs(t, err, c.want)
			})
		})
	}
}

// chain makes vats of which each says that the next succeeds it, in a loop also the last one that the first does. All know the
// secret: they conspire.
func chain(t *testing.T, n int, loop bool) (*liars, sturdyref.Ref) {
	l := &liars{t: t, net: vattest.NewNetwork()}
	for i := range n {
		l.add(fmt.Sprint("liar", (i+1)%n))
	}
	own, err := l.vats[0].Export(&Recorder{}, nil)
	require.NoError(t, err)
	first := l.ref(0, own.Swissnum())
	ids := make([]crypto.VatID, n)
	for i, v := range l.vats {
		ids[i] = v.ID()
	}
	for i, v := range l.vats {
		vat.Know(v, &Recorder{}, own.Swissnum())
		if i+1 < n || loop {
			vat.Claim(v, l.ref(i, own.Swissnum()), ids[(i+1)%n])
		}
	}
	return l, first
}

func TestSuccessorsOfSuccessors(t *testing.T) {
	spec.Covers(t, "LOC-15")
	for _, c := range []struct {
		vats int
		loop bool
		ok   bool
	}{{2, false, true}, {5, false, true}, {6, false, false}, {1, true, true}, {2, true, false}, {4, true, false}} {
		t.Run(fmt.Sprintf("%d, loop %v", c.vats, c.loop), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, first := chain(t, c.vats, c.loop)
				here := l.net.Vat(t, "here", quiet())
				got, err := here.Successor(t.Context(), first)
				if !c.ok {
					require.ErrorIs(t, err, vat.ErrNoSuccessor)
					return
				}
				require.NoError(t, err)
				require.Equal(t, l.vats[c.vats-1].ID(), got.Vat())
				require.Equal(t, first.Swissnum(), got.Swissnum())
			})
		})
	}
}

// A vat that says that the asker succeeds it has it dial nobody.
func TestSuccessorIsSaidToBeTheAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &liars{t: t, net: vattest.NewNetwork()}
		l.add("here")
		here := l.net.Vat(t, "here", quiet())
		own, err := l.vats[0].Export(&Recorder{}, nil)
		require.NoError(t, err)
		r := l.ref(0, own.Swissnum())
		vat.Claim(l.vats[0], own, here.ID())
		_, err = here.Successor(t.Context(), r)
		require.ErrorIs(t, err, vat.ErrNoSuchObject)
	})
}

// Only who knows a swissnum is told, and who guesses is treated as one who looks up.
func TestSuccessorIsNoOracle(t *testing.T) {
	spec.Covers(t, "LOC-13", "LOC-4")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		rotated(t, dir, time.Hour)
		v := opened(t, net, dir)
		secret, err := sturdyref.NewSwissnum(first.Vat())
		require.NoError(t, err)
		guess, err := sturdyref.New(first.Vat(), first.Locations(), secret)
		require.NoError(t, err)
		here := net.Vat(t, "here", quiet())
		for range 10 {
			_, err = here.Successor(t.Context(), guess)
			require.ErrorIs(t, err, vat.ErrNoSuchObject)
		}
		start := time.Now()
		_, err = here.Successor(t.Context(), guess)
		require.ErrorIs(t, err, vat.ErrNoSuchObject)
		require.GreaterOrEqual(t, time.Since(start), time.Second)

		// It is no use of a sturdyref, not even of one that is good for one.
		g, err := v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		once := g.Sturdyref()
		for range 3 {
			fresh, err := here.Successor(t.Context(), once)
			require.NoError(t, err)
			require.Equal(t, once, fresh)
		}
		uses, _ := g.Uses()
		require.Zero(t, uses)
		works(t, net, once)
		_, err = here.Successor(t.Context(), once)
		require.ErrorIs(t, err, vat.ErrNoSuchObject)

		// The vat itself, and who cannot wait.
		own, err := v.Successor(t.Context(), first)
		require.NoError(t, err)
		require.Equal(t, v.ID(), own.Vat())
		_, err = v.Successor(t.Context(), guess)
		require.ErrorIs(t, err, vat.ErrNoSuchObject)
		_, err = v.Successor(t.Context(), sturdyref.Ref{})
		require.ErrorIs(t, err, vat.ErrNull)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = here.Successor(ctx, first)
		require.ErrorIs(t, err, vat.ErrCanceled)
		require.NoError(t, here.Close())
		require.NoError(t, v.Close())
		_, err = here.Successor(t.Context(), first)
		require.ErrorIs(t, err, vat.ErrClosed)
	})
}

// What was reached by an old sturdyref can be passed on: it leads through who passed it.
func TestPassWhatAFormerIdentityGave(t *testing.T) {
	spec.Covers(t, "SES-29")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		rotated(t, dir, time.Hour)
		v := opened(t, net, dir)
		alice, bob := net.Vat(t, "alice", quiet()), net.Vat(t, "bob", quiet())
		sr, err := bob.Export(&Relayer{}, nil)
		require.NoError(t, err)
		toBob, toLog := alice.Enliven(sr), alice.Enliven(first)
		require.Equal(t, "", call[string](t, toLog, "join"))
		require.True(t, toLog.Former())
		require.False(t, toBob.Former())
		call[any](t, toBob, "keep", toLog)
		require.Equal(t, "", call[string](t, toBob, "ask"))
		pass(time.Minute)
		require.Equal(t, "", call[string](t, toBob, "ask"))
		require.NoError(t, v.Close())
	})
}

// Relayer keeps a reference, and asks it.
type Relayer struct {
	vat.Durable
	To *vat.Ref
}

func init() { vat.Register[Relayer]("relayer") }

func (a *Relayer) Keep(to *vat.Ref)       { a.To = to }
func (a *Relayer) Ask() *vat.Promise[any] { return a.To.Send("join") }

// keeping opens the vat in a directory, with the keeper that is its root.
func keeping(t *testing.T, net *vattest.Network, dir string) (*vat.Vat, *vat.Ref) {
	t.Helper()
	cfg := quiet()
	cfg.Network, cfg.Listen = net.Host("holder"), []string{"holder:0"}
	v, err := vat.Open(dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.Close() }) // the test has, unless it failed
	k, err := vat.Root(v, "keeper", func() *Relayer { return &Relayer{} })
	require.NoError(t, err)
	return v, k
}

// A durable object's reference to a vat that gets a new identity lives on, if it is used in the time of grace.
func TestKeptReferencesFollow(t *testing.T) {
	spec.Covers(t, "LOC-14", "KEEP-5")
	for _, used := range []bool{true, false} {
		t.Run(fmt.Sprint("used ", used), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := vattest.NewNetwork()
				dir, first := minted(t, net)
				v := opened(t, net, dir)
				keep := filepath.Join(t.TempDir(), "keeper")
				holder, k := keeping(t, net, keep)
				call[any](t, k, "keep", holder.Enliven(first))
				require.Equal(t, "", call[any](t, k, "ask"))
				require.NoError(t, holder.Close())
				require.NoError(t, v.Close())

				rotated(t, keep, 0) // what it has sealed, it can read yet
				rotated(t, dir, time.Hour)
				v = opened(t, net, dir)
				holder, k = keeping(t, net, keep)
				if used {
					require.Equal(t, "", call[any](t, k, "ask"))
					pass(time.Minute)
					require.Equal(t, "", call[any](t, k, "ask"))
					pass(time.Minute)
				}
				require.NoError(t, v.RetireFormer(first.Vat()))
				pass(time.Minute)
				if used { // in this incarnation, and in the next
					require.Equal(t, "", call[any](t, k, "ask"))
				}
				require.NoError(t, holder.Close())
				holder, k = keeping(t, net, keep)
				answer, err := vat.Call[any](t.Context(), k, "ask")
				if used {
					require.NoError(t, err)
					require.Equal(t, "", answer)
				} else {
					require.ErrorContains(t, err, "is not the one named")
				}
				require.NoError(t, holder.Close())
				require.NoError(t, v.Close())
			})
		})
	}
}

// A vat that knows one secret does not by that become the successor for the others.
func TestEachSecretIsConfirmed(t *testing.T) {
	spec.Covers(t, "LOC-14")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		v := opened(t, net, dir)
		g, err := v.Mint("log", nil)
		require.NoError(t, err)
		require.NoError(t, v.Close())
		rotated(t, dir, time.Hour)
		heir := &liars{t: t, net: net}
		heir.add("liar0")
		vat.Know(heir.vats[0], &Recorder{seen: []string{"heir"}}, first.Swissnum())

		cfg := quiet()
		cfg.Network, cfg.Listen, cfg.Advertise = net.Host("there"), []string{"there:0"}, []string{"liar0" + liarPort}
		v, err = vat.Open(dir, cfg)
		require.NoError(t, err)
		require.NoError(t, v.Publish("log", &Recorder{}))
		vat.Claim(v, first, heir.vats[0].ID())
		here := net.Vat(t, "here", quiet())
		known, other := here.Heal(first, nil), here.Heal(g.Sturdyref(), nil)
		for _, r := range []*vat.Ref{known, other} {
			require.Equal(t, "", call[string](t, r, "join"))
		}
		pass(time.Minute)
		require.NoError(t, v.Close())
		pass(time.Minute) // they have heard of it
		require.Equal(t, "heir", call[string](t, known, "join"))
		require.NoError(t, other.Err())
		v = opened(t, net, dir)
		require.Equal(t, "", call[string](t, other, "join"))
		require.NoError(t, here.Close())
		require.NoError(t, v.Close())
	})
}

// A reference that heals goes over to the new identity when the old one ends.
func TestHealingFollows(t *testing.T) {
	spec.Covers(t, "LOC-14")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		rotated(t, dir, time.Hour)
		v := opened(t, net, dir)
		here := net.Vat(t, "here", quiet())
		lost := 0
		r := here.Heal(first, &vat.HealConfig{Lost: func(error) { lost++ }})
		require.Equal(t, "", call[string](t, r, "join"))
		require.True(t, r.Former())
		pass(2 * time.Hour)
		require.Equal(t, "", call[string](t, r, "join"))
		require.Equal(t, 1, lost)
		require.False(t, r.Former())
		via, ok := r.Via()
		require.True(t, ok)
		require.Equal(t, v.ID(), via)
		require.NoError(t, here.Close())
		require.NoError(t, v.Close())
	})
}

// That a kept reference leads to a successor now is nothing that the program did, and would have to have announced.
func TestFollowingIsNoChange(t *testing.T) {
	spec.Covers(t, "LOC-14")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		v := opened(t, net, dir)
		keep := filepath.Join(t.TempDir(), "keeper")
		holder, k := keeping(t, net, keep)
		call[any](t, k, "keep", holder.Enliven(first))
		require.NoError(t, holder.Close())
		require.NoError(t, v.Close())
		rotated(t, dir, time.Hour)
		v = opened(t, net, dir)
		var book logbook
		cfg := quiet()
		cfg.Logger = book.logger()
		cfg.Network, cfg.Listen = net.Host("holder"), []string{"holder:0"}
		holder, err := vat.Open(keep, cfg)
		require.NoError(t, err)
		k, err = vat.Root(holder, "keeper", func() *Relayer { return &Relayer{} })
		require.NoError(t, err)
		require.Equal(t, "", call[any](t, k, "ask"))
		pass(time.Minute)
		for range 3 {
			_, err = holder.Silence(vat.Alarm{})
			require.NoError(t, err)
		}
		require.NotContains(t, book.String(), "did not call")
		require.NoError(t, holder.Close())
		require.NoError(t, v.Close())
	})
}
