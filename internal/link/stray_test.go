package link

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

// silent listens on a host of n, and says nothing to whoever comes.
func silent(t *testing.T, n *memnet.Net, name string) net.Listener {
	ln, err := n.Host(name).Listen(port)
	require.NoError(t, err)
	go func() {
		for {
			if _, err := ln.Accept(); err != nil {
				return
			}
		}
	}()
	return ln
}

// toOther runs a test in which a client looks for another vat, whose id it has.
func toOther(t *testing.T, body func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID)) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		id1, id2 := identities()
		client := newVat(t, n, "client", id1, nil)
		defer client.close()
		other := newVat(t, n, "other", id2, nil)
		defer other.close()
		body(t, n, client, id2.VatID())
	})
}

// What a donor says of a vat does not keep the program from that vat, where it knows it to be.
func TestToldDialDoesNotStandInTheWay(t *testing.T) {
	spec.Covers(t, "LOC-9")
	toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
		ln := silent(t, n, "silent")
		defer func() { _ = ln.Close() }()
		client.told(crypto.VatID{1}, id, "silent"+port)
		pass(time.Second)
		s := client.link(id, "other"+port) // it knows better
		pass(2 * time.Second)
		require.NoError(t, s.end())
		s.mu.Lock()
		ups := len(s.ups)
		s.mu.Unlock()
		pass(time.Minute)
		require.Equal(t, 1, ups, "the program's own hint is not dialled; it got: %v", s.end())
	})
}

// Nor do its failures have the program wait.
func TestToldFailuresDoNotDelay(t *testing.T) {
	spec.Covers(t, "LOC-9")
	toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
		for range donorDials {
			client.told(crypto.VatID{1}, id, "nobody"+port)
			pass(6 * time.Second)
		}
		pass(30 * time.Second)
		s := client.link(id, "other"+port)
		pass(10 * time.Millisecond)
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Len(t, s.ups, 1, "the program's first dial waits")
	})
}

// A vat that nobody can dial costs its donor no dial.
func TestNoLocationIsNoDial(t *testing.T) {
	spec.Covers(t, "LOC-11")
	toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
		for range donorDials + 1 {
			s := client.told(crypto.VatID{1}, crypto.VatID{2})
			pass(0)
			require.ErrorIs(t, s.end(), ErrUnreachable)
		}
		client.links.mu.Lock()
		require.Empty(t, client.links.peers, "nor does it take a place in the table")
		client.links.mu.Unlock()
		s := client.told(crypto.VatID{1}, id, "other"+port)
		pass(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Len(t, s.ups, 1)
	})
}
