package link

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

func TestAnswer(t *testing.T) {
	spec.Covers(t, "HS-16", "SES-29")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		former := crypto.IdentityFromSeed([32]byte{3})
		require.NoError(t, bob.links.Answer(former, crypto.FeatureFormer))
		bob.onOpen = func(s *session) {
			s.onReceive = func(b []byte) { s.link.Write(append([]byte("echo "), b...)) }
		}
		now := alice.dial(bob)
		then := alice.link(former.VatID(), "bob"+port)
		now.link.Write([]byte("one"))
		then.link.Write([]byte("two"))
		pass(time.Second)
		require.Equal(t, "echo one", now.text())
		require.Equal(t, "echo two", then.text())
		require.Zero(t, now.ups[0].Features&crypto.FeatureFormer)
		require.NotZero(t, then.ups[0].Features&crypto.FeatureFormer)
		selves := map[crypto.VatID]bool{}
		for _, s := range bob.all() {
			selves[s.link.Self()] = true
		}
		require.Equal(t, map[crypto.VatID]bool{bob.links.self: true, former.VatID(): true}, selves)

		// It is given up: its session goes, the other stays, and who dials it finds another vat.
		bob.links.Retire(former.VatID())
		bob.links.Retire(former.VatID())
		pass(time.Second)
		require.Error(t, then.end())
		require.NoError(t, now.end())
		again := alice.link(former.VatID(), "bob"+port)
		pass(time.Minute)
		requireClosed(t, again, ErrUnreachable, false)
		require.ErrorIs(t, again.end(), crypto.ErrWrongVat)
	})
}

func TestAnswerRefuses(t *testing.T) {
	spec.Covers(t, "HS-16", "SES-30")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		first := crypto.IdentityFromSeed([32]byte{3})
		require.NoError(t, bob.links.Answer(first, 0))
		require.ErrorIs(t, bob.links.Answer(first, 0), ErrSelf)
		require.ErrorIs(t, bob.links.Answer(bob.links.config.Identity, 0), ErrSelf)
		for i := range MaxFormers - 1 {
			require.NoError(t, bob.links.Answer(crypto.IdentityFromSeed([32]byte{4, byte(i)}), 0))
		}
		require.ErrorIs(t, bob.links.Answer(crypto.IdentityFromSeed([32]byte{5}), 0), errFormers)

		// No session between two identities of one vat, whichever dials.
		own := bob.link(first.VatID(), "bob"+port)
		pass(time.Second)
		requireClosed(t, own, ErrSelf, false)
		thief := newVat(t, n, "thief", first, nil)
		defer thief.close()
		stolen := thief.dial(bob)
		pass(time.Minute)
		require.Error(t, stolen.end())
		require.Len(t, bob.all(), 1, "nothing but its own attempt")

		// With sessions of both, Shutdown ends those of both in order.
		now, then := alice.dial(bob), alice.link(first.VatID(), "bob"+port)
		now.link.Write([]byte("one"))
		then.link.Write([]byte("two"))
		pass(time.Second)
		require.NoError(t, bob.links.Shutdown(t.Context()))
		pass(time.Second)
		requireClosed(t, now, ErrClosed, true)
		requireClosed(t, then, ErrClosed, true)
		require.ErrorIs(t, bob.links.Answer(crypto.IdentityFromSeed([32]byte{6}), 0), ErrClosed)
	})
}
