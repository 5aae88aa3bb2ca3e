package link

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1000, 0)
	for range 3 {
		require.True(t, b.take(now, 2, 3))
	}
	require.False(t, b.take(now, 2, 3))
	require.False(t, b.take(now.Add(400*time.Millisecond), 2, 3))
	require.True(t, b.take(now.Add(500*time.Millisecond), 2, 3))
	require.False(t, b.full(now.Add(time.Second), 2))
	require.True(t, b.full(now.Add(time.Hour), 2))
	for range 3 {
		require.Zero(t, b.reserve(now.Add(time.Hour), 2, 3))
	}
	require.Equal(t, 500*time.Millisecond, b.reserve(now.Add(time.Hour), 2, 3))
	require.Equal(t, time.Second, b.reserve(now.Add(time.Hour), 2, 3))
}

func TestSourceOf(t *testing.T) {
	cases := map[string]struct {
		name     string
		loopback bool
	}{
		"192.0.2.7:1":           {"192.0.2.7/32", false},
		"[::ffff:192.0.2.7]:1":  {"192.0.2.7/32", false},
		"[2001:db8:1:2:3::4]:1": {"2001:db8:1:2::/64", false},
		"[fe80::1%eth0]:1":      {"fe80::/64", false},
		"127.0.0.1:1":           {"127.0.0.1/32", true},
		"[::1]:1":               {"::/64", true},
		"alice:1":               {"alice", false},
		"odd":                   {"odd", false},
	}
	for addr, c := range cases {
		name, loopback := sourceOf(memnet.Addr(addr))
		require.Equal(t, c.name, name, addr)
		require.Equal(t, c.loopback, loopback, addr)
	}
}

// silence opens connections from a host to alice that say nothing.
func silence(t *testing.T, n *memnet.Net, from string, count int) []net.Conn {
	var conns []net.Conn
	for range count {
		conn, err := n.Host(from).Dial(t.Context(), "alice"+port)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	synctest.Wait()
	return conns
}

func TestThreeThousandSilentStrangers(t *testing.T) {
	spec.Covers(t, "SES-28")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		for i := range 3000 / 15 {
			silence(t, n, fmt.Sprintf("10.0.%d.1", i), 15)
		}
		require.Equal(t, 256, alice.links.gate.pending)
		require.Equal(t, 256, n.Conns())

		b := bob.dial(alice) // an honest one gets in among them
		b.link.Write([]byte("hello"))
		synctest.Wait()
		require.Equal(t, "hello", alice.only().text())

		pass(10 * time.Second)
		require.Equal(t, 1, n.Conns(), "all half-open ones are gone in 10 s")
		require.Zero(t, alice.links.gate.pending)
		require.Empty(t, alice.links.open)
	})
}

func TestHandshakesOfOneHost(t *testing.T) {
	spec.Covers(t, "SES-28")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		conns := silence(t, n, "2001:db8::1", 10)
		conns = append(conns, silence(t, n, "2001:db8::2", 10)...) // the same /64
		require.Equal(t, 16, n.Conns())
		_, err := conns[19].Read(make([]byte, 1))
		require.ErrorIs(t, err, memnet.ErrReset)
		silence(t, n, "2001:db8:1::1", 10)
		require.Equal(t, 26, n.Conns())
		pass(4999 * time.Millisecond)
		require.Equal(t, 26, n.Conns())
		pass(time.Millisecond)
		require.Zero(t, n.Conns())
		_, err = conns[0].Read(make([]byte, 1))
		require.ErrorIs(t, err, memnet.ErrReset, "a clean end would say: another vat")
	})
}

func TestHandshakeRate(t *testing.T) {
	cases := map[string]struct {
		host    string
		limited bool
		all     bool // RateLoopback
	}{
		"elsewhere":          {"192.0.2.1", true, false},
		"loopback":           {"127.0.0.1", false, false},
		"loopback, limited":  {"127.0.0.1", true, true},
		"IPv6 loopback":      {"::1", false, false},
		"by name, if at all": {"host", true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a, b := identities()
				alice := newVat(t, n, "alice", a, func(cfg *Config) { cfg.Limits.RateLoopback = c.all })
				defer alice.close()
				knock := func() error {
					conn, err := n.Host(c.host).Dial(t.Context(), "alice"+port)
					require.NoError(t, err)
					s, err := crypto.Dial(conn, &crypto.DialConfig{Identity: b, Peer: a.VatID()})
					if err == nil {
						_ = conn.Close()
						synctest.Wait()
					}
					_ = s
					return err
				}
				for range 40 {
					require.NoError(t, knock())
				}
				if !c.limited {
					require.NoError(t, knock())
					return
				}
				require.ErrorIs(t, knock(), crypto.ErrBusy)
				pass(50 * time.Millisecond)
				require.NoError(t, knock())
				require.ErrorIs(t, knock(), crypto.ErrBusy)
			})
		})
	}
}

func TestNoiseDoesNotUseUpTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		for range 100 {
			conn, err := n.Host("bob").Dial(t.Context(), "alice"+port)
			require.NoError(t, err)
			other := crypto.IdentityFromSeed([32]byte{7}).VatID()
			_, err = crypto.Dial(conn, &crypto.DialConfig{Identity: bob.links.config.Identity, Peer: other})
			require.ErrorIs(t, err, crypto.ErrWrongVat)
		}
		bob.dial(alice).link.Write([]byte("hello"))
		synctest.Wait()
		require.Equal(t, "hello", alice.only().text())
	})
}

func TestSourcesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Limits{}.filled())
		for i := range maxSources {
			require.NotNil(t, g.source(fmt.Sprint(i)))
		}
		require.NotNil(t, g.source("one more"))
		require.Len(t, g.sources, 1)
		g.source("one more").pending = 1
		for i := range maxSources - 1 {
			g.source(fmt.Sprint(i)).pending = 1
		}
		require.Nil(t, g.source("one too many"))
	})
}

func TestPeersAreRememberedForAMinute(t *testing.T) {
	spec.Covers(t, "SES-8")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := identities()
		alice := newVat(t, n, "alice", a, func(c *Config) { c.Limits.RememberedPeers = 2 })
		defer alice.close()
		bob := newVat(t, n, "bob", b, func(c *Config) { c.Epoch = 2 })
		s := bob.dial(alice)
		s.link.Write([]byte("x"))
		synctest.Wait()
		bob.close()
		synctest.Wait()

		stale := newVat(t, n, "bob", b, func(c *Config) { c.Epoch = 1 })
		pass(59 * time.Second)
		for i := range 5 {
			alice.link(crypto.IdentityFromSeed([32]byte{8, byte(i)}).VatID())
		}
		s = stale.dial(alice)
		s.link.Write([]byte("x"))
		pass(time.Second)
		requireClosed(t, s, ErrSuperseded, false)
		stale.close()
		pass(2 * time.Minute)

		again := newVat(t, n, "bob", b, func(c *Config) { c.Epoch = 1 })
		defer again.close()
		s = again.dial(alice)
		s.link.Write([]byte("y"))
		pass(time.Second)
		require.Equal(t, "y", alice.only().text())
		alice.link(crypto.IdentityFromSeed([32]byte{9}).VatID())
		require.Len(t, alice.links.peers, 2, "those that are forgotten make room")
	})
}
