package link

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

func TestSession(t *testing.T) {
	spec.Covers(t, "SES-4", "SES-10")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 10*time.Millisecond)
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		bob.onOpen = func(s *session) {
			s.onUp = func() { s.link.Write([]byte("welcome;")) }
			s.onReceive = func(b []byte) { s.link.Write([]byte("echo " + string(b))) }
		}
		start := time.Now()
		var answered time.Duration
		alice.onOpen = func(s *session) {
			s.onUp = func() { s.link.Write([]byte("from up;")) }
			s.onReceive = func([]byte) { answered = time.Since(start) }
		}
		a := alice.dial(bob)
		a.link.Write([]byte("one;"))
		a.link.Write([]byte("two;"))
		require.Equal(t, 8, a.link.Buffered())
		pass(time.Second)
		b := bob.only()
		require.True(t, b.opened)
		require.Equal(t, "one;two;from up;", b.text())
		require.Equal(t, "welcome;echo one;two;from up;", a.text())
		require.Equal(t, 60*time.Millisecond, answered, "dial, handshake, data behind message 3")
		require.Equal(t, 3, n.Stats().Turns)
		require.False(t, a.link.Incoming())
		require.True(t, b.link.Incoming())
		require.Zero(t, a.link.Buffered())
		require.EqualValues(t, 4096, a.ups[0].Credit.Calls)
		require.Equal(t, []string{"alice:7000"}, b.ups[0].Hints)
		require.EqualValues(t, 1, a.link.Stats().RoundTrips)
		require.Same(t, a.link, alice.dial(bob).link)
		require.Same(t, b.link, bob.links.Lookup(alice.links.self))
	})
}

func TestManyBytesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		a := alice.dial(bob)
		big := strings.Repeat("0123456789", 100_000)
		a.link.Write([]byte(big))
		synctest.Wait()
		b := bob.only()
		for range 1000 {
			b.link.Write([]byte(big[:997]))
		}
		synctest.Wait()
		require.Equal(t, len(big), len(b.text()))
		require.Equal(t, big, b.text())
		require.Equal(t, strings.Repeat(big[:997], 1000), a.text())
	})
}
