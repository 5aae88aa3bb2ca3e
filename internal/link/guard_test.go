package link

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

// told links where donor says.
func (v *vat) told(donor, id crypto.VatID, hints ...string) *session {
	return v.links.LinkTold(id, hints, donor, v.receiver(false)).Receiver().(*session)
}

func TestGuardRanges(t *testing.T) {
	spec.Covers(t, "LOC-9")
	const open, closed, never = 0, 1, 2
	for address, want := range map[string]int{
		"8.8.8.8:7000": open, "[2606:4700::1111]:7000": open, "[::ffff:8.8.8.8]:7000": open,
		"8.8.8.8:1023": closed, "8.8.8.8:1024": open,
		"127.0.0.1:7000": closed, "127.9.9.9:7000": closed, "[::1]:7000": closed, "[::ffff:127.0.0.1]:7000": closed,
		"10.0.0.1:7000": closed, "172.31.0.1:7000": closed, "172.32.0.1:7000": open, "192.168.1.1:7000": closed,
		"100.64.0.1:7000": closed, "[fd00::1]:7000": closed,
		"169.254.169.254:7000": closed, "[fe80::1%eth0]:7000": closed,
		"0.0.0.0:7000": never, "[::]:7000": never, "224.0.0.1:7000": never, "[ff02::1]:7000": never,
		"255.255.255.255:7000": never, "[::127.0.0.1]:7000": never, "[64:ff9b::7f00:1]:7000": never,
		"[2002:7f00:1::]:7000": never, "localhost:7000": never, "": never,
	} {
		refused := (&guard{}).check(address) != nil
		require.Equal(t, want != open, refused, address)
		refused = (&guard{all: true}).check(address) != nil
		require.Equal(t, want == never, refused, "DialPrivate: %s", address)
	}
}

func TestGuardOwnRanges(t *testing.T) {
	spec.Covers(t, "LOC-9")
	guardOf := func(advertise ...string) *guard {
		ls, err := New(Config{Identity: crypto.IdentityFromSeed([32]byte{9}), Handler: &vat{}, Advertise: advertise})
		require.NoError(t, err)
		return ls.guard()
	}
	home := guardOf("192.168.7.7:7000", "vat.example:7000")
	require.NoError(t, home.check("192.168.1.1:7000"))
	require.Error(t, home.check("192.168.1.1:80"))
	require.Error(t, home.check("10.0.0.1:7000"))
	require.Error(t, home.check("127.0.0.1:7000"))
	require.NoError(t, guardOf("[::1]:443").check("[::1]:80"))
	require.Error(t, guardOf("0.0.0.0:7000").check("0.0.0.0:7000"))
}

func TestToldLoopback(t *testing.T) {
	spec.Covers(t, "LOC-9", "LOC-10")
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server := tcpVat(t, id1, nil)
	defer server.close()
	_, port, err := net.SplitHostPort(server.links.Locations()[0])
	require.NoError(t, err)
	for name, c := range map[string]struct {
		listen  bool
		private bool
		hint    string
		ok      bool
	}{
		"a stranger there":   {hint: "127.0.0.1"},
		"by name":            {hint: "localhost"},
		"mapped":             {hint: "::ffff:127.0.0.1"},
		"allowed":            {private: true, hint: "127.0.0.1", ok: true},
		"at home there":      {listen: true, hint: "127.0.0.1", ok: true},
		"at home, by a name": {listen: true, hint: "localhost", ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := &vat{t: t, name: "client"}
			links, err := New(Config{Identity: id2, Handler: client, Limits: Limits{DialPrivate: c.private}})
			require.NoError(t, err)
			client.links = links
			defer client.close()
			if c.listen {
				require.NoError(t, links.Listen("127.0.0.1:0"))
			}
			s := client.told(crypto.VatID{1}, id1.VatID(), net.JoinHostPort(c.hint, port))
			if c.ok {
				eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.ups) == 1 })
				return
			}
			eventually(t, func() bool { return s.end() != nil })
			require.ErrorIs(t, s.end(), ErrUnreachable)
			require.ErrorIs(t, s.end(), errTold)
			require.NotErrorIs(t, s.end(), errForbidden)

			own := client.link(id1.VatID(), net.JoinHostPort("127.0.0.1", port))
			eventually(t, func() bool { own.mu.Lock(); defer own.mu.Unlock(); return len(own.ups) == 1 })
		})
	}
}

// Whatever goes wrong where a donor sent us, the answer is the same.
func TestToldFailuresLookTheSame(t *testing.T) {
	spec.Covers(t, "LOC-10")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		id1, id2 := identities()
		client := newVat(t, n, "client", id1, nil)
		defer client.close()
		other := newVat(t, n, "other", crypto.IdentityFromSeed([32]byte{7}), nil)
		defer other.close()
		texts := map[string]bool{}
		for _, hint := range []string{"other" + port, "nobody" + port, "other:9", "127.0.0.1:7000"} {
			s := client.told(crypto.VatID{1}, id2.VatID(), hint)
			time.Sleep(time.Minute)
			require.ErrorIs(t, s.end(), ErrUnreachable, hint)
			require.NotErrorIs(t, s.end(), crypto.ErrWrongVat, hint)
			client.links.mu.Lock()
			client.links.peers[id2.VatID()].told = nil
			client.links.mu.Unlock()
			texts[s.end().Error()] = true
		}
		require.Len(t, texts, 1)
	})
}

func TestDialsOfADonor(t *testing.T) {
	spec.Covers(t, "LOC-11")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		id1, _ := identities()
		client := newVat(t, n, "client", id1, nil)
		defer client.close()
		next := byte(100)
		tell := func(donor byte) bool {
			next++
			id := crypto.IdentityFromSeed([32]byte{next})
			name := fmt.Sprint("other", next)
			other := newVat(t, n, name, id, nil)
			defer other.close()
			s := client.told(crypto.VatID{donor}, id.VatID(), name+port)
			time.Sleep(time.Second / 10)
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.ups) == 1
		}
		for range donorDials {
			require.True(t, tell(1))
		}
		require.False(t, tell(1))
		require.True(t, tell(2), "another donor")
		time.Sleep(6 * time.Second)
		require.True(t, tell(1))
		require.False(t, tell(1))
	})
	var ds donors
	now := time.Now()
	for i := range maxDonors {
		require.True(t, ds.take(crypto.VatID{byte(i), byte(i >> 8)}, now))
	}
	require.False(t, ds.take(crypto.VatID{9, 9, 9}, now))
	require.True(t, ds.take(crypto.VatID{9, 9, 9}, now.Add(time.Minute)))
	require.Len(t, ds, 1)
}

// What a donor tells of beyond its dials is not remembered: there is room for others.
func TestDonorDoesNotFillTheTable(t *testing.T) {
	spec.Covers(t, "LOC-11")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		id1, id2 := identities()
		client := newVat(t, n, "client", id1, func(c *Config) { c.Limits.RememberedPeers = 1 })
		defer client.close()
		other := newVat(t, n, "other", id2, nil)
		defer other.close()
		for i := range 100 {
			s := client.told(crypto.VatID{1}, crypto.VatID{2, byte(i)}, "nobody"+port)
			pass(0)
			require.ErrorIs(t, s.end(), ErrUnreachable)
		}
		s := client.link(id2.VatID(), "other"+port)
		pass(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Len(t, s.ups, 1)
	})
}
