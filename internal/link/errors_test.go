package link

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
)

func TestReasons(t *testing.T) {
	codes := map[string]bool{}
	for _, r := range []*Reason{
		ErrClosed, ErrUnreachable, ErrSelf, ErrTimeout, ErrTruncated, ErrSuperseded, ErrProtocol, ErrLost,
	} {
		require.True(t, printable(r.Code()))
		require.LessOrEqual(t, len(r.Error()), 128)
		require.Regexp(t, `^(auth|proto|limit|peer)\.[a-z-]+$`, r.Code())
		require.False(t, codes[r.Code()])
		codes[r.Code()] = true
	}
}

func TestEnding(t *testing.T) {
	cases := []struct {
		in     error
		reason *Reason
		cause  error
	}{
		{nil, ErrClosed, nil},
		{ErrTimeout, ErrTimeout, nil},
		{crypto.ErrTruncated, ErrTruncated, nil},
		{crypto.ErrRecord, ErrProtocol, crypto.ErrRecord},
		{io.ErrNoProgress, ErrLost, io.ErrNoProgress},
		{&Error{Reason: ErrUnreachable, Cause: crypto.ErrWrongVat}, ErrUnreachable, crypto.ErrWrongVat},
		{errors.Join(ErrSelf, io.EOF), ErrSelf, io.EOF},
	}
	for _, c := range cases {
		e := ending(c.in)
		require.Equal(t, c.reason, e.Reason, "%v", c.in)
		require.ErrorIs(t, e, c.reason)
		require.Equal(t, c.reason.Code(), e.Code())
		if c.cause == nil {
			require.Equal(t, c.reason.Error(), e.Error())
			continue
		}
		require.ErrorIs(t, e, c.cause)
		require.Contains(t, e.Error(), c.cause.Error())
	}
	require.True(t, Delivered(io.EOF), "nothing is known of other errors")
	require.False(t, Delivered(&Error{Reason: ErrClosed}))
}

// shaky is a network whose listener is out of descriptors now and then.
type shaky struct {
	*memnet.Host
	failures int
}

func (s *shaky) Listen(addr string) (net.Listener, error) {
	ln, err := s.Host.Listen(addr)
	return &shakyListener{ln, s}, err
}

type shakyListener struct {
	net.Listener
	of *shaky
}

func (l *shakyListener) Accept() (net.Conn, error) {
	if l.of.failures > 0 {
		l.of.failures--
		return nil, syscall.EMFILE
	}
	return l.Listener.Accept()
}

func (s *shaky) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return s.Host.Dial(ctx, addr)
}

func TestListeningSurvivesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := identities()
		alice := newVat(t, n, "alice", a, func(c *Config) { c.Network = &shaky{n.Host("alice"), 9} })
		defer alice.close()
		bob := newVat(t, n, "bob", b, nil)
		defer bob.close()
		start := time.Now()
		bob.dial(alice).link.Write([]byte("x"))
		pass(5 * time.Second)
		require.Equal(t, "x", alice.only().text(), "%v", time.Since(start))
		require.Equal(t, b.VatID(), alice.only().link.Peer())
		require.NotEmpty(t, alice.only().link.RemoteAddr())
	})
	synctest.Test(t, func(t *testing.T) { // and Close does not wait for them
		n := memnet.New()
		a, _ := identities()
		alice := newVat(t, n, "alice", a, func(c *Config) { c.Network = &shaky{n.Host("alice"), 1 << 30} })
		pass(time.Minute)
		alice.close()
	})
}
