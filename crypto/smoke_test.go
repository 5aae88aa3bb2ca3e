package crypto_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vatnet/vatnet/crypto"
)

func identity(t testing.TB) *crypto.Identity {
	id, err := crypto.NewIdentity()
	require.NoError(t, err)
	return id
}

func TestDialAccept(t *testing.T) {
	a, b := identity(t), identity(t)
	ca, cb := net.Pipe()
	type result struct {
		s   *crypto.Secured
		err error
	}
	done := make(chan result)
	go func() {
		s, err := crypto.Accept(cb, &crypto.AcceptConfig{Identity: b, Hello: crypto.Hello{Epoch: 7, Hints: []string{"h:1"}}})
		done <- result{s, err}
	}()
	s, err := crypto.Dial(ca, &crypto.DialConfig{Identity: a, Peer: b.VatID(), Hello: crypto.Hello{Epoch: 9, Features: 3}})
	r := <-done
	require.NoError(t, err)
	require.NoError(t, r.err)
	require.Equal(t, b.VatID(), s.Peer)
	require.Equal(t, a.VatID(), r.s.Peer)
	require.Equal(t, uint64(7), s.Hello.Epoch)
	require.Equal(t, uint64(9), r.s.Hello.Epoch)
	rec := s.Seal.Seal(nil, crypto.RecordData, []byte("foot"))
	typ, body, err := r.s.Open.Open(rec[2:])
	require.NoError(t, err)
	require.Equal(t, crypto.RecordData, typ)
	require.Equal(t, "foot", string(body))
}
