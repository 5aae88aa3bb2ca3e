package link

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/memnet"
)

func TestAdvertised(t *testing.T) {
	hosts := func() ([]string, error) { return []string{"192.0.2.7", "10.0.0.7", "2001:db8::7"}, nil }
	cases := []struct {
		advertise, listening, want []string
	}{
		{nil, nil, nil},
		{nil, []string{"127.0.0.1:7000"}, []string{"127.0.0.1:7000"}},
		{nil, []string{"0.0.0.0:7000"}, []string{"192.0.2.7:7000", "10.0.0.7:7000"}},
		{nil, []string{"[::]:7000"}, []string{"192.0.2.7:7000", "10.0.0.7:7000", "[2001:db8::7]:7000"}},
		{nil, []string{"0.0.0.0:1", "192.0.2.7:1", "[::1]:2"}, []string{"192.0.2.7:1", "10.0.0.7:1", "[::1]:2"}},
		{[]string{"vat.example"}, []string{"0.0.0.0:7000", "[::]:7001"}, []string{"vat.example:7000", "vat.example:7001"}},
		{[]string{"vat.example:99"}, []string{"0.0.0.0:7000"}, []string{"vat.example:99"}},
		{[]string{"vat.example:99"}, nil, []string{"vat.example:99"}},
		{[]string{"2001:db8::9"}, []string{"0.0.0.0:7000"}, []string{"[2001:db8::9]:7000"}},
		{[]string{"[2001:db8::9]"}, []string{"0.0.0.0:7000"}, []string{"[2001:db8::9]:7000"}},
		{[]string{"vat.example"}, nil, nil},
	}
	for _, c := range cases {
		got, err := advertised(c.advertise, c.listening, hosts)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%q at %q", c.advertise, c.listening)
		require.NoError(t, checkAdvertise(c.advertise))
	}
	_, err := advertised(nil, []string{"0.0.0.0:1"}, func() ([]string, error) { return nil, errors.New("no") })
	require.Error(t, err)
	for _, bad := range []string{"", "a b", "host:0", "host:65536", "host:x", "a:b:c", "host:01"} {
		require.ErrorIs(t, checkAdvertise([]string{bad}), errLocation, "%q", bad)
	}
}

func TestLocations(t *testing.T) {
	n := memnet.New()
	a, _ := identities()
	alice := newVat(t, n, "alice", a, nil)
	defer alice.close()
	require.Equal(t, []string{"alice:7000"}, alice.links.Locations())
	require.NoError(t, alice.links.Listen("alice:7001"))
	require.Equal(t, []string{"alice:7000", "alice:7001"}, alice.links.Locations())
	require.ErrorIs(t, alice.links.Listen("alice:7001"), memnet.ErrAddrInUse)
	hosts, err := TCP{}.InterfaceAddrs()
	require.NoError(t, err)
	require.NotEmpty(t, hosts)
}

func TestRemember(t *testing.T) {
	known := remember(nil, []string{"a:1", "b:2", "bad", "a:1"}, 3)
	require.Equal(t, []string{"a:1", "b:2"}, known)
	known = remember(known, []string{"c:3", "b:2"}, 3)
	require.Equal(t, []string{"c:3", "b:2", "a:1"}, known)
	known = remember(known, []string{"d:4"}, 3)
	require.Equal(t, []string{"d:4", "c:3", "b:2"}, known)
}

// FuzzLocation checks that what passes as a location can be dialled: a host, a
// port, nothing that is not plain ASCII; and that nothing else is advertised, be it
// configured or what is listened at.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"host:1", "[::1]:65535", "192.0.2.1:80", "", ":1", "a:0", "a:01", "a b:1", "[::1", "é:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkAdvertise([]string{s}) == nil {
			got, err := advertised([]string{s}, []string{"0.0.0.0:7000"}, nil)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.NoError(t, checkLocation(got[0]))
		}
		if checkLocation(s) != nil {
			return
		}
		require.True(t, printable(s))
		require.Equal(t, []string{s}, remember(nil, []string{s}, 1))
		got, err := advertised([]string{s}, nil, nil)
		require.NoError(t, err)
		require.Equal(t, []string{s}, got)
		got, err = advertised(nil, []string{s}, func() ([]string, error) { return []string{"192.0.2.7"}, nil })
		require.NoError(t, err)
		for _, l := range got {
			require.NoError(t, checkLocation(l))
			host, _, _ := net.SplitHostPort(l)
			ip, err := netip.ParseAddr(host)
			require.False(t, err == nil && ip.IsUnspecified(), "nobody can dial %s", l)
		}
		if isLoopback(s) {
			require.Equal(t, []string{s}, got)
		}
	})
}
