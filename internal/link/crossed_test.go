package link

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

// TestCrossedDials has both vats dial, the one so much later than the other, over
// all of a handshake: whatever the overlap, they end up on one session, on which
// each reads once what the other wrote.
func TestCrossedDials(t *testing.T) {
	spec.Covers(t, "SES-10", "SES-13", "SES-14", "SES-16", "SES-20")
	adopted := map[bool]int{}
	for _, swap := range []bool{false, true} {
		for late := time.Duration(0); late < 80*time.Millisecond; late += time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				n.Latency("alice", "bob", 10*time.Millisecond)
				first, second := twoVats(t, n)
				if swap {
					first, second = second, first
				}
				defer first.close()
				defer second.close()
				a := first.dial(second)
				a.link.Write([]byte("first"))
				pass(late)
				b := second.dial(first)
				b.link.Write([]byte("second"))
				pass(5 * time.Second)
				require.Len(t, first.all(), 1)
				require.Len(t, second.all(), 1)
				require.NoError(t, a.end())
				require.NoError(t, b.end())
				require.Equal(t, "second", a.text(), "%v late, swapped %v", late, swap)
				require.Equal(t, "first", b.text(), "%v late, swapped %v", late, swap)
				require.NotEqual(t, a.link.Incoming(), b.link.Incoming())
				require.Equal(t, 1, n.Conns())
				adopted[a.link.Incoming()]++
				a.link.Write([]byte("more"))
				pass(time.Second)
				require.Equal(t, "firstmore", b.text())
			})
		}
	}
	require.NotZero(t, adopted[true], "no dial was given up: the test misses its point")
}

// TestAHeldDialTakesOver has the dial of the smaller id lost without a trace right
// behind message 3, while the peer's own dial waits.
func TestAHeldDialTakesOver(t *testing.T) {
	spec.Covers(t, "SES-14", "SES-16", "SES-20")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 10*time.Millisecond)
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		a := alice.dial(bob)
		a.link.Write([]byte("from alice"))
		pass(41 * time.Millisecond) // message 3 is on its way
		n.Blackhole("alice", "bob")
		b := bob.dial(alice)
		b.link.Write([]byte("from bob"))
		pass(2900 * time.Millisecond)
		require.Empty(t, a.text(), "nothing is read from a dial on hold")
		require.Greater(t, a.link.Buffered(), 0)
		pass(300 * time.Millisecond)
		require.Equal(t, "from bob", a.text())
		require.Equal(t, "from alice", b.text())
		require.True(t, a.link.Incoming())
		require.Len(t, a.ups, 1)
		require.Same(t, a, alice.only())
		require.Same(t, b, bob.only())
	})
}

// TestAHeldDialOutlivesTheLinkThatHeldIt has the smaller id's session closed while the peer's dial
// waits: the peer begins a session of its own then.
func TestAHeldDialOutlivesTheLinkThatHeldIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Latency("alice", "bob", 10*time.Millisecond)
		alice, bob := twoVats(t, n)
		defer bob.close()
		a := alice.dial(bob)
		pass(41 * time.Millisecond)
		n.Blackhole("alice", "bob")
		b := bob.dial(alice)
		b.link.Write([]byte("from bob"))
		pass(time.Second)
		a.link.Close(nil)
		pass(time.Second)
		requireClosed(t, a, ErrClosed, false)
		require.Equal(t, "from bob", alice.only().text())
		require.True(t, alice.only().opened)
		require.NoError(t, b.end())

		// And when the vat closes meanwhile, nothing is opened any more.
		b.link.Close(nil)
		pass(61 * time.Second) // so that neither dial is delayed
		alice.dial(bob)
		pass(41 * time.Millisecond)
		n.Blackhole("alice", "bob")
		b = bob.dial(alice)
		pass(time.Second)
		sessions := len(alice.all())
		alice.close()
		pass(time.Second)
		require.Len(t, alice.all(), sessions)
		require.Error(t, b.end())
	})
}

func TestARestartedVatIsServedAtOnce(t *testing.T) {
	spec.Covers(t, "SES-1", "SES-9", "SES-11", "SES-17")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer bob.close()
		a := alice.dial(bob)
		a.link.Write([]byte("old"))
		synctest.Wait()
		old := bob.only()
		n.Blackhole("alice", "bob") // alice goes, and bob does not hear of it
		alice.close()
		requireClosed(t, a, ErrClosed, true)

		id, _ := identities()
		pass(time.Millisecond)
		again := newVat(t, n, "alice", id, nil)
		require.Greater(t, again.links.Epoch(), alice.links.Epoch())
		a = again.dial(bob)
		a.link.Write([]byte("new"))
		pass(time.Second)
		requireClosed(t, old, ErrSuperseded, false)
		require.Equal(t, "new", bob.only().text())

		// The earlier incarnation is still there somewhere. It is told so, and the
		// session that stands does not notice.
		stale := newVat(t, n, "elsewhere", id, func(c *Config) { c.Epoch = alice.links.Epoch() })
		s := stale.dial(bob)
		s.link.Write([]byte("ghost"))
		pass(time.Second)
		requireClosed(t, s, ErrSuperseded, false)
		require.Equal(t, "new", bob.only().text())
		require.NoError(t, a.end())

		// And who dials the earlier incarnation by mistake finds that out.
		again.close()
		synctest.Wait()
		b := bob.link(id.VatID(), "elsewhere"+port)
		pass(time.Second)
		requireClosed(t, b, ErrUnreachable, false)
		require.ErrorIs(t, b.end(), errStale)
		stale.close()
	})
}

func TestASecondDialReplacesTheFirst(t *testing.T) {
	spec.Covers(t, "SES-2", "SES-11")
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := twoVats(t, n)
		defer alice.close()
		defer bob.close()
		a := alice.dial(bob)
		a.link.Write([]byte("one"))
		synctest.Wait()
		b := bob.only()
		b.link.Write([]byte("answer"))
		synctest.Wait()
		n.Blackhole("alice", "bob") // so that bob cannot see alice leave
		a.link.Close(nil)
		synctest.Wait()
		requireClosed(t, a, ErrClosed, true)
		a = alice.dial(bob)
		a.link.Write([]byte("two"))
		synctest.Wait()
		requireClosed(t, b, ErrSuperseded, true)
		require.Equal(t, "one", b.text())
		require.Equal(t, "two", bob.only().text())
		require.NoError(t, a.end())
	})
}

// stream is what a chaos session writes: its name and a counter, over and over.
type stream struct {
	name string
	next int
}

func (s *stream) write(l *Link, n int) {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%s:%d;", s.name, s.next)
		s.next++
	}
	l.Write([]byte(b.String()))
}

// TestChaos has two vats dial, write, lose connections at any byte, stall, close
// and restart by a seed, and then checks for every link: what it wrote
// was delivered at most once, in order, without a gap, and to one session; a
// link that ended as not delivered was not.
func TestChaos(t *testing.T) {
	spec.Covers(t, "SES-19", "SES-20", "SES-21")
	seeds := 80
	if testing.Short() {
		seeds = 20
	}
	if n, err := strconv.Atoi(os.Getenv("VATNET_CHAOS")); err == nil {
		seeds = n // for a long run
	}
	delivered, undelivered := 0, 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			d, u := chaos(t, rand.New(rand.NewPCG(uint64(seed), 1)))
			delivered += d
			undelivered += u
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d links delivered something, %d did not", delivered, undelivered)
	require.NotZero(t, delivered)
	require.NotZero(t, undelivered)
}

type player struct {
	*vat
	id       *crypto.Identity
	streams  map[*session]*stream
	sessions []*session // of earlier incarnations too
}

func (p *player) track(s *session) {
	if p.streams[s] == nil {
		p.streams[s] = &stream{name: fmt.Sprintf("%s%d", p.name, len(p.streams))}
	}
}

func chaos(t *testing.T, rnd *rand.Rand) (delivered, undelivered int) {
	n := memnet.New()
	n.Latency("alice", "bob", 10*time.Millisecond)
	a, b := identities()
	players := []*player{
		{vat: newVat(t, n, "alice", a, nil), id: a, streams: map[*session]*stream{}},
		{vat: newVat(t, n, "bob", b, nil), id: b, streams: map[*session]*stream{}},
	}
	for range 60 {
		me, other := players[0], players[1]
		if rnd.IntN(2) == 0 {
			me, other = other, me
		}
		switch rnd.IntN(12) {
		case 0, 1, 2, 3, 4:
			s := me.dial(other.vat)
			me.track(s)
			me.streams[s].write(s.link, 1+rnd.IntN(20))
		case 5, 6:
			for _, s := range me.all() {
				if s.end() == nil {
					me.track(s)
					me.streams[s].write(s.link, 1+rnd.IntN(3000))
				}
			}
		case 7:
			n.ResetAfter(me.name, other.name, rnd.IntN(4000))
		case 8:
			n.Cut("alice", "bob")
		case 9:
			n.Stall(me.name, other.name, rnd.IntN(2) == 0)
		case 10:
			if l := me.links.Lookup(other.links.self); l != nil {
				l.Close(nil)
			}
		case 11:
			if rnd.IntN(3) == 0 {
				me.close()
				me.sessions = append(me.sessions, me.all()...)
				pass(time.Millisecond)
				me.vat = newVat(t, n, me.name, me.id, nil)
			}
		}
		pass(time.Duration(rnd.IntN(60)) * time.Millisecond)
	}
	calm(t, n, players)
	for _, p := range players {
		p.close()
		p.sessions = append(p.sessions, p.all()...)
	}
	synctest.Wait()
	for i, p := range players {
		for s, st := range p.streams {
			if check(t, st, s, players[1-i].sessions) {
				delivered++
			} else {
				undelivered++
			}
		}
		for _, s := range p.sessions {
			require.Error(t, s.end(), "a session of %s never ended", p.name)
		}
	}
	return delivered, undelivered
}

// calm ends all faults, and has both vats dial at once: whatever was, they agree.
func calm(t *testing.T, n *memnet.Net, players []*player) {
	n.Partition("alice", "bob", false)
	n.ResetAfter("alice", "bob", -1)
	n.ResetAfter("bob", "alice", -1)
	pass(70 * time.Second)
	for i, p := range players {
		s := p.dial(players[1-i].vat)
		p.track(s)
		p.streams[s].write(s.link, 10)
	}
	pass(40 * time.Second)
	for i, p := range players {
		s, other := p.only(), players[1-i].only()
		p.track(s)
		st := p.streams[s]
		require.NotZero(t, st.next)
		require.True(t, strings.HasSuffix(other.text(), fmt.Sprintf("%s:%d;", st.name, st.next-1)),
			"%s does not hear %s", players[1-i].name, p.name)
	}
}

// check looks for what one link wrote among what the other side's sessions got.
func check(t *testing.T, st *stream, writer *session, readers []*session) (delivered bool) {
	var b strings.Builder
	for i := range st.next {
		fmt.Fprintf(&b, "%s:%d;", st.name, i)
	}
	whole := b.String()
	for _, r := range readers {
		got := r.text()
		if !strings.Contains(got, st.name+":") && (got == "" || !strings.HasPrefix(whole, got)) {
			continue
		}
		require.True(t, strings.HasPrefix(whole, got), "%s: %.80q is no prefix of what was written", st.name, got)
		require.False(t, delivered, "%s was delivered to two sessions", st.name)
		delivered = true
	}
	if delivered {
		require.True(t, Delivered(writer.end()), "%s was delivered, but its writer was told that it was not", st.name)
	}
	return delivered
}
