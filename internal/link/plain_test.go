package link

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
)

// plain is a network whose connections are a net.Conn and nothing more: as on
// systems without a write that does not wait.
type plain struct{ *memnet.Host }

type plainListener struct{ net.Listener }

type plainConn struct{ net.Conn }

func (p plain) Listen(addr string) (net.Listener, error) {
	ln, err := p.Host.Listen(addr)
	return plainListener{ln}, err
}

func (p plain) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := p.Host.Dial(ctx, addr)
	return plainConn{conn}, err
}

func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return plainConn{conn}, nil
}

func TestConnectionsThatOnlyWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 10*time.Millisecond)
		id1, id2 := identities()
		vatOn := func(name string, id *crypto.Identity) *vat {
			return newVat(t, n, name, id, func(c *Config) { c.Network = plain{n.Host(name)} })
		}
		alice, bob := vatOn("alice", id1), vatOn("bob", id2)
		defer alice.close()
		defer bob.close()
		a, b := alice.dial(bob), bob.dial(alice)
		a.link.Write([]byte("from alice;"))
		b.link.Write([]byte("from bob;"))
		pass(time.Second)
		require.Same(t, a, alice.only())
		big := strings.Repeat("0123456789", 100_000)
		a.link.Write([]byte(big))
		for range 100 {
			b.link.Write([]byte("tick,"))
		}
		pass(time.Minute) // the writer's deadline is not left behind
		a.link.Write([]byte("!"))
		require.NoError(t, b.link.Shutdown(t.Context()))
		synctest.Wait()
		require.Equal(t, "from alice;"+big+"!", b.text())
		require.Equal(t, "from bob;"+strings.Repeat("tick,", 100), a.text())
		requireClosed(t, a, ErrClosed, true)
	})
}
