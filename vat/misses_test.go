package vat

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
)

// A crowd of guessing strangers pushes out the oldest of them, not everybody.
func TestMissesForgetTheOldest(t *testing.T) {
	c, now := &core{}, time.Now()
	id := func(i int) (v crypto.VatID) {
		binary.BigEndian.PutUint64(v[:], uint64(i))
		return v
	}
	for i := range missPeers {
		c.missesOf(id(i), now.Add(time.Duration(i))).count = maxMisses - 1
	}
	c.missesOf(id(missPeers), now.Add(missPeers))
	require.Len(t, c.misses, missPeers)
	require.Nil(t, c.misses[id(0)])
	require.Equal(t, maxMisses-1, c.missesOf(id(1), now).count)
	require.Equal(t, maxMisses-1, c.missesOf(id(missPeers-1), now).count)
}

// What a peer reports as disconnected, the session being well, is not known to have
// been in vain.
func TestDisconnectedByAPeer(t *testing.T) {
	spec.Covers(t, "ERR-8")
	err := fromWire(&captp.Error{Kind: captp.Disconnected, Remote: true})
	require.ErrorIs(t, err, ErrDisconnected)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.NotErrorIs(t, err, ErrNotDelivered)
}
