package link

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

// connected gives two vats with a session on which each has heard the other.
func connected(t *testing.T, n *memnet.Net) (alice, bob *vat, a, b *session) {
	t.Helper()
	alice, bob = twoVats(t, n)
	a = alice.dial(bob)
	a.link.Write([]byte("hello"))
	pass(time.Second)
	b = bob.only()
	b.link.Write([]byte("hello"))
	pass(time.Second)
	require.Equal(t, "hello", b.text())
	require.Equal(t, "hello", a.text())
	return alice, bob, a, b
}

func TestAnIdleSessionLives(t *testing.T) {
	spec.Covers(t, "SES-22", "SES-23")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob, a, b := connected(t, n)
		defer alice.close()
		defer bob.close()
		before := a.link.Stats()
		pass(10 * time.Minute)
		require.NoError(t, a.end())
		require.NoError(t, b.end())
		after := a.link.Stats()
		require.Greater(t, after.RecordsIn, before.RecordsIn+30, "pings and pongs")
		require.Less(t, after.RecordsIn, before.RecordsIn+90)
		require.Equal(t, before.RoundTrips, after.RoundTrips)
	})
}

func TestADeadPeerIsGivenUp(t *testing.T) {
	spec.Covers(t, "SES-22")
	for name, kill := range map[string]func(n *memnet.Net){
		"both ways":             func(n *memnet.Net) { n.Partition("alice", "bob", true) },
		"only the way to alice": func(n *memnet.Net) { n.Stall("bob", "alice", true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				alice, bob, a, _ := connected(t, n)
				defer alice.close()
				defer bob.close()
				start := time.Now()
				kill(n)
				pass(time.Minute)
				requireClosed(t, a, ErrTimeout, true)
				require.InDelta(t, 44, a.closedAt.Sub(start).Seconds(), 1.5)
			})
		})
	}
}

func TestAPeerThatTakesNothingIsGivenUp(t *testing.T) {
	spec.Covers(t, "SES-24")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		raw := rawDial(t, n, bob.links.config.Identity, alice, nil)
		defer raw.conn.Close()
		defer bob.close()
		synctest.Wait()
		a := alice.only()
		start := time.Now()
		for range 100 {
			a.link.Write(make([]byte, 50_000)) // never waits
		}
		require.Zero(t, time.Since(start))
		synctest.Wait()
		require.Greater(t, a.link.Buffered(), 4_900_000)
		raw.send(crypto.RecordPing, nil)
		synctest.Wait()
		pings := a.link.Stats().RecordsOut
		for range 100 {
			raw.send(crypto.RecordPing, nil)
		}
		synctest.Wait()
		require.Equal(t, pings, a.link.Stats().RecordsOut, "pongs do not pile up")
		pass(31 * time.Second)
		requireClosed(t, a, ErrTimeout, true)
		require.Zero(t, a.link.Buffered())
	})
}

func TestShutdownDrains(t *testing.T) {
	spec.Covers(t, "SES-25")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 10*time.Millisecond)
		alice, bob, a, b := connected(t, n)
		defer alice.close()
		defer bob.close()
		big := strings.Repeat("x", 1<<20)
		a.link.Write([]byte(big))
		b.link.Write([]byte(big))
		require.NoError(t, a.link.Shutdown(t.Context()))
		a.link.Write([]byte("too late"))
		pass(time.Second)
		require.Equal(t, "hello"+big, b.text())
		require.Equal(t, "hello"+big, a.text())
		requireClosed(t, a, ErrClosed, true)
		requireClosed(t, b, ErrClosed, true)
		require.Zero(t, n.Conns())
	})
}

// What a dismissed peer still says is not listened to; it gets what was said last all the same,
// and if it does not stop it is cut off.
func TestDismiss(t *testing.T) {
	for name, much := range map[string]int{"a little": 1, "without end": 100} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				n.Latency("alice", "bob", 10*time.Millisecond)
				alice, bob, a, b := connected(t, n)
				defer alice.close()
				defer bob.close()
				for range much {
					b.link.Write(make([]byte, 1<<20))
				}
				a.link.Write([]byte("last words"))
				begin := time.Now()
				require.NoError(t, a.link.Dismiss(t.Context()))
				require.Less(t, time.Since(begin), time.Second)
				pass(time.Second)
				require.Less(t, len(a.text()), 1<<18, "what had been read before, and no more")
				require.Equal(t, "hellolast words", b.text())
				requireClosed(t, a, ErrClosed, true)
				require.Error(t, b.end())
				require.Zero(t, n.Conns())
			})
		})
	}
}

func TestShutdownBeforeTheSessionStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer bob.close()
		a := alice.dial(bob)
		a.link.Write([]byte("last words"))
		require.NoError(t, alice.links.Shutdown(t.Context()))
		synctest.Wait()
		require.Equal(t, "last words", bob.all()[0].text())
		requireClosed(t, bob.all()[0], ErrClosed, false)
	})
}

func TestShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob, a, _ := connected(t, n)
		defer bob.close()
		n.Partition("alice", "bob", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, a.link.Shutdown(ctx), context.DeadlineExceeded)
		alice.close()
	})
}

func TestCloseSevers(t *testing.T) {
	spec.Covers(t, "SES-26")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob, a, b := connected(t, n)
		defer bob.close()
		a.link.Close(errors.New("enough"))
		synctest.Wait()
		require.ErrorContains(t, a.end(), "enough")
		requireClosed(t, b, ErrTruncated, true)
		alice.close()
	})
}

func TestRelieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob, a, b := connected(t, n)
		defer alice.close()
		defer bob.close()
		require.False(t, b.link.Relieve(), "nobody is reading")
		long := make(chan struct{})
		b.mu.Lock()
		b.onReceive = func(data []byte) {
			if string(data) == "long" {
				<-long
			}
		}
		b.mu.Unlock()
		a.link.Write([]byte("long"))
		synctest.Wait()
		a.link.Write([]byte(", next"))
		synctest.Wait()
		require.Equal(t, "hellolong", b.text())
		require.True(t, b.link.Relieve())
		synctest.Wait()
		require.Equal(t, "hellolong, next", b.text())
		require.False(t, b.link.Relieve())
		close(long)
		a.link.Write([]byte(", last"))
		synctest.Wait()
		require.Equal(t, "hellolong, next, last", b.text())
	})
}

func TestClosedComesLast(t *testing.T) {
	for _, relieve := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New()
			alice, bob, a, b := connected(t, n)
			defer alice.close()
			defer bob.close()
			long := make(chan struct{})
			b.mu.Lock()
			b.onReceive = func([]byte) { <-long }
			b.mu.Unlock()
			a.link.Write([]byte("long"))
			synctest.Wait()
			b.link.Close(nil)
			synctest.Wait()
			require.NoError(t, b.end(), "Closed during Receive")
			if relieve {
				require.True(t, b.link.Relieve())
				synctest.Wait()
				requireClosed(t, b, ErrClosed, true)
			}
			close(long)
			synctest.Wait()
			requireClosed(t, b, ErrClosed, true)
		})
	}
}

func TestDialFailures(t *testing.T) {
	spec.Covers(t, "SES-18")
	a, b := identities()
	cases := []struct {
		name  string
		peer  crypto.VatID
		hints []string
		want  []error
		after time.Duration
	}{
		{"no hints", b.VatID(), nil, []error{ErrUnreachable, errNoLocation}, 0},
		{"malformed hints", b.VatID(), []string{"bob", "bob:0", ":1", "bob:07"}, []error{ErrUnreachable, errNoLocation}, 0},
		{"nobody there", b.VatID(), []string{"bob:1"}, []error{ErrUnreachable, memnet.ErrRefused}, 0},
		{"another vat", b.VatID(), []string{"carol" + port}, []error{ErrUnreachable, crypto.ErrWrongVat}, 0},
		{"another vat, and nobody", b.VatID(), []string{"carol" + port, "bob:1"}, []error{ErrUnreachable, crypto.ErrWrongVat}, time.Second},
		{"itself", a.VatID(), []string{"alice" + port}, []error{ErrSelf}, 0},
		{"itself at another's", b.VatID(), []string{"alice" + port}, []error{ErrUnreachable, crypto.ErrWrongVat}, 0},
		{"silence", b.VatID(), []string{"mute" + port}, []error{ErrUnreachable, crypto.ErrTimeout}, 10 * time.Second},
		{"a black hole", b.VatID(), []string{"far" + port}, []error{ErrUnreachable, context.DeadlineExceeded}, 10 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				alice := newVat(t, n, "alice", a, nil)
				defer alice.close()
				carol := newVat(t, n, "carol", crypto.IdentityFromSeed([32]byte{9}), nil)
				defer carol.close()
				mute, err := n.Host("mute").Listen(port)
				require.NoError(t, err)
				defer mute.Close()
				n.Stall("far", "alice", true)
				s := alice.link(c.peer, c.hints...)
				s.link.Write([]byte("x"))
				pass(c.after + time.Millisecond)
				for _, want := range c.want {
					require.ErrorIs(t, s.end(), want)
				}
				requireClosed(t, s, c.want[0], false)
				require.Nil(t, alice.links.Lookup(c.peer))
			})
		})
	}
}

func TestSeveralHintsAreTriedStaggered(t *testing.T) {
	spec.Covers(t, "SES-3")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		n.Stall("alice", "far", true)
		mute, err := n.Host("mute").Listen(port)
		require.NoError(t, err)
		defer mute.Close()
		start := time.Now()
		s := alice.link(bob.links.self, "far"+port, "mute"+port, "gone:1", "bob"+port, "bob"+port)
		s.link.Write([]byte("x"))
		pass(499 * time.Millisecond)
		require.Empty(t, bob.all())
		pass(time.Millisecond)
		require.Equal(t, "x", bob.only().text(), "%v", time.Since(start))
		pass(time.Minute)
		require.NoError(t, s.end())
		require.Equal(t, 1, len(bob.all()))
	})
}

func TestSlowLoserSendsNoMessage3(t *testing.T) {
	spec.Covers(t, "SES-3")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 400*time.Millisecond) // all attempts overlap
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		require.NoError(t, bob.links.Listen(":7001"))
		require.NoError(t, bob.links.Listen(":7002"))
		s := alice.link(bob.links.self, "bob:7000", "bob:7001", "bob:7002")
		s.link.Write([]byte("once"))
		pass(20 * time.Second)
		require.Len(t, bob.all(), 1)
		require.Equal(t, "once", bob.only().text())
		require.Equal(t, 3, n.Stats().Dials)
		require.Equal(t, 1, n.Conns())
	})
}

func TestRedialsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := identities()
		alice := newVat(t, n, "alice", a, nil)
		defer alice.close()
		var longest time.Duration
		for range 40 {
			start := time.Now()
			s := alice.link(b.VatID(), "bob:1")
			<-s.link.Done()
			longest = max(longest, time.Since(start))
		}
		require.Greater(t, longest, 10*time.Second)
		require.Less(t, longest, 30*time.Second)
		bob := newVat(t, n, "bob", b, nil)
		defer bob.close()
		alice.dial(bob).link.Write([]byte("x"))
		pass(30 * time.Second)
		require.Equal(t, "x", bob.only().text())
		require.Zero(t, alice.links.peers[b.VatID()].failures)
	})
}

func TestDialsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, _ := identities()
		alice := newVat(t, n, "alice", a, func(c *Config) { c.Limits.DialsPerSec = 10 })
		defer alice.close()
		silent, err := n.Host("silent").Listen(port)
		require.NoError(t, err)
		defer silent.Close()
		for i := range 40 {
			alice.link(crypto.IdentityFromSeed([32]byte{3, byte(i)}).VatID(), "silent"+port)
		}
		synctest.Wait()
		require.Equal(t, 10, n.Stats().Dials)
		pass(time.Second)
		require.InDelta(t, 20, n.Stats().Dials, 1)
	})
}

func TestClosedLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer bob.close()
		alice.close()
		s := alice.dial(bob)
		requireClosed(t, s, ErrClosed, false)
		require.ErrorIs(t, alice.links.Listen(":1"), ErrClosed)
		require.NoError(t, alice.links.Close())
		require.Equal(t, ErrClosed.Code(), "peer.closed")
	})
}

func TestNewWantsAnIdentityAndAHandler(t *testing.T) {
	_, err := New(Config{})
	require.Error(t, err)
	a, _ := identities()
	_, err = New(Config{Identity: a, Handler: &vat{}, Advertise: []string{"a b"}})
	require.ErrorIs(t, err, errLocation)
}

var _ Network = (*memnet.Host)(nil)
