package link

import (
	"fmt"
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

// Nor does it keep others' from being tried: those join the dial, and count for who said so.
func TestToldDialsJoin(t *testing.T) {
	spec.Covers(t, "LOC-12")
	up := func(s *session) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.ups) == 1
	}
	for name, c := range map[string]struct {
		spent, failed bool          // the honest donor's dials; or the hostile one's hints have failed before
		after         time.Duration // the honest one speaks
		joins         bool
	}{
		"at once":                     {joins: true},
		"later":                       {after: 5 * time.Second, joins: true},
		"while it waits to try again": {failed: true, joins: true},
		"with no dials left":          {spent: true},
	} {
		t.Run(name, func(t *testing.T) {
			toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
				ln := silent(t, n, "silent")
				defer func() { _ = ln.Close() }()
				hostile, honest := crypto.VatID{1}, crypto.VatID{2}
				if c.spent {
					for i := range byte(donorDials) {
						client.told(honest, crypto.VatID{9, i}, "nobody"+port)
					}
				}
				if c.failed {
					for range 4 {
						client.told(hostile, id, "nobody"+port)
						pass(5 * time.Second)
					}
				}
				first := client.told(hostile, id, "silent"+port)
				pass(c.after)
				require.Same(t, first, client.told(honest, id, "other"+port), "one session for all")
				require.Same(t, first, client.told(honest, id, "other"+port))
				pass(8 * time.Second)
				require.Equal(t, c.joins, up(first))
				if c.joins {
					client.links.mu.Lock()
					spent := client.links.donors[honest].spent
					client.links.mu.Unlock()
					require.InDelta(t, 1, spent, 0, "it counts once")
				}
				pass(time.Minute)
				require.Equal(t, c.joins, first.end() == nil, "a dial does not go on for ever")
			})
		})
	}
}

// However many places one donor says, there is room for another's.
func TestOneDonorDoesNotFillADial(t *testing.T) {
	spec.Covers(t, "LOC-12")
	toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
		hostile, honest := crypto.VatID{1}, crypto.VatID{2}
		var first *session
		for i := range donorDials {
			var hints []string
			for j := range 8 {
				name := fmt.Sprint("silent", i, "-", j)
				ln := silent(t, n, name)
				defer func() { _ = ln.Close() }()
				hints = append(hints, name+port)
			}
			s := client.told(hostile, id, hints...)
			if first == nil {
				first = s
			}
			require.Same(t, first, s)
		}
		require.Same(t, first, client.told(honest, id, "other"+port))
		pass(4 * time.Second)
		require.NoError(t, first.end())
		first.mu.Lock()
		defer first.mu.Unlock()
		require.Len(t, first.ups, 1)
	})
}

// However many others join, a dial ends.
func TestToldDialEnds(t *testing.T) {
	spec.Covers(t, "LOC-12")
	toOther(t, func(t *testing.T, n *memnet.Net, client *vat, id crypto.VatID) {
		var first *session
		for donor := range byte(3) { // each is given up after ten seconds
			name := fmt.Sprint("silent", donor)
			ln := silent(t, n, name)
			defer func() { _ = ln.Close() }()
			s := client.told(crypto.VatID{1 + donor}, id, name+port)
			if first == nil {
				first = s
			}
			require.Same(t, first, s)
			pass(9 * time.Second)
		}
		require.ErrorIs(t, first.end(), ErrUnreachable, "the last came too late")
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
