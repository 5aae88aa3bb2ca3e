package crypto_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
)

// A responder answers as the identity for which message 1 was made, and as no other.
func TestAcceptAsFormer(t *testing.T) {
	spec.Covers(t, "HS-16")
	cfg := func() *crypto.AcceptConfig {
		return &crypto.AcceptConfig{
			Identity: fixed(2), Hello: crypto.Hello{Epoch: 2},
			Former: []crypto.Former{
				{Identity: fixed(3), Hello: crypto.Hello{Epoch: 3, Features: crypto.FeatureFormer}},
				{Identity: fixed(4), Hello: crypto.Hello{Epoch: 4}},
			},
		}
	}
	for seed := byte(2); seed <= 4; seed++ {
		a, b := tcp(t)
		accepted := accepting(b, cfg())
		s, err := crypto.Dial(a, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(seed).VatID()})
		require.NoError(t, err)
		require.EqualValues(t, seed, s.Hello.Epoch)
		require.Equal(t, seed == 3, s.Hello.Features&crypto.FeatureFormer != 0)
		require.Equal(t, fixed(1).VatID(), s.Self)
		got := <-accepted
		require.NoError(t, got.err)
		require.Equal(t, fixed(seed).VatID(), got.s.Self)
		require.Equal(t, fixed(1).VatID(), got.s.Peer)
		require.Equal(t, s.Transcript, got.s.Transcript)
	}
	a, b := tcp(t)
	accepted := accepting(b, cfg())
	_, err := crypto.Dial(a, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(5).VatID()})
	require.ErrorIs(t, err, crypto.ErrWrongVat)
	require.ErrorIs(t, (<-accepted).err, crypto.ErrMAC)

	// Who is turned away knows that it is by the vat that was meant.
	a, b = tcp(t)
	busy := cfg()
	busy.Admit = func() error { return errors.New("too much") }
	accepted = accepting(b, busy)
	_, err = crypto.Dial(a, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(4).VatID()})
	require.ErrorIs(t, err, crypto.ErrBusy)
	require.ErrorIs(t, (<-accepted).err, crypto.ErrBusy)
}

func TestSealedIdentity(t *testing.T) {
	spec.Covers(t, "ID-9")
	former, present := fixed(1), fixed(2)
	sealed := present.Seal(former)
	require.Len(t, sealed, crypto.SealedIdentitySize)
	require.NotEqual(t, sealed, present.Seal(former))
	back, err := present.Unseal(sealed, former.VatID())
	require.NoError(t, err)
	require.Equal(t, former.VatID(), back.VatID())
	require.Equal(t, former.StoreKey(), back.StoreKey())

	refused := func(id *crypto.Identity, sealed []byte, want crypto.VatID) {
		t.Helper()
		_, err := id.Unseal(sealed, want)
		require.ErrorIs(t, err, crypto.ErrKeyFile)
	}
	refused(fixed(3), sealed, former.VatID())
	refused(present, sealed, fixed(3).VatID())
	refused(present, sealed[1:], former.VatID())
	refused(present, nil, former.VatID())
	for i := range sealed {
		damaged := append([]byte(nil), sealed...)
		damaged[i] ^= 1
		refused(present, damaged, former.VatID())
	}
}
