package memnet_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/memnet"
)

// connect gives both ends of a connection from alice to bob.
func connect(t *testing.T, n *memnet.Net) (alice, bob *memnet.Conn) {
	t.Helper()
	ln, err := n.Host("bob").Listen("0.0.0.0:7000")
	require.NoError(t, err)
	a, err := n.Host("alice").Dial(t.Context(), "bob:7000")
	require.NoError(t, err)
	b, err := ln.Accept()
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return a.(*memnet.Conn), b.(*memnet.Conn)
}

func TestBytesArriveAfterTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 30*time.Millisecond)
		start := time.Now()
		a, b := connect(t, n)
		require.Equal(t, 60*time.Millisecond, time.Since(start), "a dial is a round trip")
		_, err := a.Write([]byte("hello"))
		require.NoError(t, err)
		buf := make([]byte, 16)
		k, err := b.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "hello", string(buf[:k]))
		require.Equal(t, 90*time.Millisecond, time.Since(start))
		require.Equal(t, memnet.Stats{Dials: 1, Bytes: 5}, n.Stats())
		_, err = b.Write([]byte("hi"))
		require.NoError(t, err)
		require.Equal(t, 1, n.Stats().Turns)
	})
}

func TestAReaderThatDoesNotReadHoldsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := connect(t, memnet.New())
		k, err := a.TryWrite(make([]byte, memnet.Window+5))
		require.NoError(t, err)
		require.Equal(t, memnet.Window, k)
		k, err = a.TryWrite([]byte("x"))
		require.NoError(t, err)
		require.Zero(t, k)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Second)))
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, a.SetWriteDeadline(time.Time{}))
		go func() { _, _ = io.CopyN(io.Discard, b, memnet.Window) }()
		_, err = a.Write([]byte("x"))
		require.NoError(t, err)
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := connect(t, memnet.New())
		buf := make([]byte, 1)
		require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := a.Read(buf)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = b.Write([]byte("x"))
		require.NoError(t, err)
		_, err = a.Read(buf)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "a deadline that passed fails reads until it moves")
		require.NoError(t, a.SetReadDeadline(time.Time{}))
		_, err = a.Read(buf)
		require.NoError(t, err)
		go func() { _ = a.SetDeadline(time.Unix(1, 0)) }() // moves under a read that waits
		_, err = a.Read(buf)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}

func TestFaults(t *testing.T) {
	cases := map[string]func(t *testing.T, n *memnet.Net, a, b *memnet.Conn){
		"close arrives behind the data": func(t *testing.T, _ *memnet.Net, a, b *memnet.Conn) {
			_, err := a.Write([]byte("last"))
			require.NoError(t, err)
			require.NoError(t, a.Close())
			got, err := io.ReadAll(b)
			require.NoError(t, err)
			require.Equal(t, "last", string(got))
			_, err = b.Write([]byte("x"))
			require.ErrorIs(t, err, memnet.ErrReset)
			_, err = a.Read(make([]byte, 1))
			require.ErrorIs(t, err, net.ErrClosed)
		},
		"half close": func(t *testing.T, _ *memnet.Net, a, b *memnet.Conn) {
			require.NoError(t, a.CloseWrite())
			_, err := io.ReadAll(b)
			require.NoError(t, err)
			_, err = b.Write([]byte("x"))
			require.NoError(t, err)
		},
		"cut": func(t *testing.T, n *memnet.Net, a, b *memnet.Conn) {
			_, err := a.Write([]byte("lost"))
			require.NoError(t, err)
			n.Cut("alice", "bob")
			for _, c := range []*memnet.Conn{a, b} {
				_, err = c.Read(make([]byte, 1))
				require.ErrorIs(t, err, memnet.ErrReset)
				_, err = c.Write([]byte("x"))
				require.ErrorIs(t, err, memnet.ErrReset)
			}
			require.Zero(t, n.Conns())
		},
		"abort": func(t *testing.T, _ *memnet.Net, a, b *memnet.Conn) {
			require.NoError(t, a.Abort())
			_, err := b.Read(make([]byte, 1))
			require.ErrorIs(t, err, memnet.ErrReset)
		},
		"one-way stall": func(t *testing.T, n *memnet.Net, a, b *memnet.Conn) {
			n.Stall("alice", "bob", true)
			_, err := a.Write([]byte("x"))
			require.NoError(t, err)
			_, err = b.Write([]byte("y"))
			require.NoError(t, err)
			_, err = a.Read(make([]byte, 1))
			require.NoError(t, err)
			require.NoError(t, b.SetReadDeadline(time.Now().Add(time.Hour)))
			_, err = b.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = n.Host("bob").Dial(ctx, "alice:1")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			n.Stall("alice", "bob", false)
			require.NoError(t, b.SetReadDeadline(time.Time{}))
			_, err = b.Read(make([]byte, 1))
			require.NoError(t, err)
		},
		"black hole": func(t *testing.T, n *memnet.Net, a, b *memnet.Conn) {
			n.Blackhole("alice", "bob")
			require.NoError(t, a.Close())
			require.NoError(t, b.SetReadDeadline(time.Now().Add(time.Hour)))
			_, err := b.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			a, b = connect(t, n)
			require.NoError(t, a.Close())
			_, err = b.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		},
		"nobody listens": func(t *testing.T, n *memnet.Net, a, b *memnet.Conn) {
			_, err := n.Host("alice").Dial(t.Context(), "bob:7000")
			require.ErrorIs(t, err, memnet.ErrRefused)
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a, b := connect(t, n)
				test(t, n, a, b)
			})
		})
	}
}

func TestResetAtAnExactByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.ResetAfter("bob", "alice", 3)
		a, b := connect(t, n)
		_, err := b.Write([]byte("ab"))
		require.NoError(t, err)
		_, err = b.Write([]byte("cdef"))
		require.ErrorIs(t, err, memnet.ErrReset)
		got, err := io.ReadAll(a)
		require.ErrorIs(t, err, memnet.ErrReset)
		require.Equal(t, "abc", string(got))
		a, _ = connect(t, n)
		_, err = a.Write([]byte("the next connection is whole"))
		require.NoError(t, err)
	})
}

func TestListeners(t *testing.T) {
	n := memnet.New()
	h := n.Host("bob")
	ln, err := h.Listen(":0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	_, err = h.Listen("bob:" + port)
	require.ErrorIs(t, err, memnet.ErrAddrInUse)
	_, err = h.Listen("alice:1")
	require.ErrorIs(t, err, memnet.ErrNotOurs)
	require.NoError(t, ln.Close())
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = h.Listen("bob:" + port)
	require.NoError(t, err)
}
