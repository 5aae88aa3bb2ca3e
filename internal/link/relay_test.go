package link

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vatnet/vatnet/internal/memnet"
)

// until is reached once a session has got a text of that length, or when stopped.
type until struct {
	s       *session
	length  int
	stopped atomic.Bool
}

func (u *until) Reached() bool { return u.stopped.Load() || len(u.s.text()) >= u.length }

// atRest gives a session between two vats, 10 ms apart, whose reader at alice rests.
func atRest(t *testing.T) (n *memnet.Net, a, b *session, alice, bob *vat) {
	n = memnet.New()
	alice, bob = twoVats(t, n)
	a = alice.dial(bob)
	a.link.Write([]byte("hello;"))
	pass(time.Second)
	n.Latency("alice", "bob", 10*time.Millisecond)
	b = bob.only()
	a.mu.Lock()
	a.onReceive = func([]byte) { a.link.Rest() }
	a.mu.Unlock()
	b.link.Write([]byte("1;"))
	pass(time.Second)
	require.Equal(t, "1;", a.text())
	b.link.Write([]byte("2;"))
	pass(time.Second)
	require.Equal(t, "1;", a.text(), "nobody reads")
	return n, a, b, alice, bob
}

// bubble runs a test of what follows upon a rest, and closes the vats.
func bubble(t *testing.T, body func(t *testing.T, n *memnet.Net, a, b *session)) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, alice, bob := atRest(t)
		defer bob.close()
		defer alice.close()
		body(t, n, a, b)
	})
}

func TestReadOnAfterRest(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memnet.Net, a, b *session) {
		a.link.ReadOn()
		pass(0)
		require.Equal(t, "1;2;", a.text())
		b.link.Write([]byte("3;"))
		pass(time.Second)
		require.Equal(t, "1;2;", a.text(), "its Receive had it rest again")
		a.link.ReadOn()
		a.link.ReadOn()
		pass(0)
		require.Equal(t, "1;2;3;", a.text())
	})
}

func TestCallersRead(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memnet.Net, a, b *session) {
		for i := 3; i < 10; i++ {
			require.True(t, a.link.Lead())
			require.False(t, a.link.Lead(), "one at a time")
			b.link.Write(fmt.Appendf(nil, "%d;", i))
			a.link.ReadUntil(&until{s: a, length: 2 * i})
			require.True(t, a.link.Leave(true))
			require.Len(t, a.text(), 2*i)
		}
		b.link.Write([]byte("x;"))
		pass(time.Second)
		require.NotContains(t, a.text(), "x", "nobody reads between two callers")
		require.True(t, a.link.Lead())
		a.link.ReadOn() // somebody expects more
		a.link.ReadUntil(&until{s: a, length: 20})
		require.Contains(t, a.text(), "x")
		require.False(t, a.link.Leave(true))
		b.link.Write([]byte("y;"))
		pass(time.Second)
		require.Contains(t, a.text(), "y")
	})
}

// A caller may lead while the reader is still within the Receive that has it rest.
func TestLeadBehindTheReader(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memnet.Net, a, b *session) {
		begun, end := make(chan struct{}), make(chan struct{})
		var once sync.Once
		a.mu.Lock()
		a.onReceive = func([]byte) {
			a.link.Rest()
			once.Do(func() {
				close(begun)
				<-end
			})
		}
		a.mu.Unlock()
		a.link.ReadOn()
		<-begun
		require.True(t, a.link.Lead())
		b.link.Write([]byte("3;"))
		done := make(chan struct{})
		go func() {
			a.link.ReadUntil(&until{s: a, length: 6})
			close(done)
		}()
		pass(time.Second)
		require.Equal(t, "1;2;", a.text(), "both would be within Receive")
		close(end)
		<-done
		require.Equal(t, "1;2;3;", a.text())
		require.True(t, a.link.Leave(true))
	})
}

func TestInterruptedCaller(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memnet.Net, a, b *session) {
		u := &until{s: a, length: 1000}
		for range 40 { // interruptions are no silence of the peer
			require.True(t, a.link.Lead())
			u.stopped.Store(false)
			time.AfterFunc(time.Second, func() {
				u.stopped.Store(true)
				a.link.Interrupt()
			})
			begin := time.Now()
			a.link.ReadUntil(u)
			require.Equal(t, time.Second, time.Since(begin))
			require.True(t, a.link.Leave(true))
		}
		require.NoError(t, a.end())
		b.link.Write([]byte("3;"))
		a.link.ReadOn()
		pass(time.Second)
		require.Equal(t, "1;2;3;", a.text())
	})
}

// A caller that waits long keeps the peer's session alive, and notices its death.
func TestCallersPing(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Net, a, b *session) {
		require.True(t, a.link.Lead())
		time.AfterFunc(time.Hour, func() { b.link.Write([]byte("late;")) })
		a.link.ReadUntil(&until{s: a, length: 8})
		require.Equal(t, "1;2;late;", a.text())
		n.Blackhole("alice", "bob")
		begin := time.Now()
		a.link.ReadUntil(&until{s: a, length: 1000})
		require.InDelta(t, 45, time.Since(begin).Seconds(), 16)
		require.NoError(t, a.end(), "the reader ends it")
		a.link.Leave(false)
		pass(time.Second)
		requireClosed(t, a, ErrTimeout, true)
	})
}

func TestEndsWhileNobodyReads(t *testing.T) {
	cases := map[string]struct {
		end    func(t *testing.T, n *memnet.Net, a, b *session)
		reason error
	}{
		"closed here": {func(t *testing.T, _ *memnet.Net, a, b *session) { a.link.Close(nil) }, ErrClosed},
		"shut down here": {func(t *testing.T, _ *memnet.Net, a, b *session) {
			require.NoError(t, a.link.Shutdown(t.Context()))
			require.Equal(t, "1;2;", a.text())
		}, ErrClosed},
		"cut, and read on": {func(t *testing.T, n *memnet.Net, a, b *session) {
			n.Cut("alice", "bob")
			n.Cut("bob", "alice")
			pass(time.Second)
			require.NoError(t, a.end(), "nobody saw it, or who did does not tell")
			a.link.ReadOn()
		}, ErrLost},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Net, a, b *session) {
				c.end(t, n, a, b)
				pass(time.Second)
				requireClosed(t, a, c.reason, true)
				require.False(t, a.link.Lead(), "there is nothing to read")
			})
		})
		t.Run(name+", while a caller reads", func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Net, a, b *session) {
				require.True(t, a.link.Lead())
				done := make(chan struct{})
				go func() {
					a.link.ReadUntil(&until{s: a, length: 1000})
					a.link.Leave(true)
					close(done)
				}()
				pass(0)
				c.end(t, n, a, b)
				<-done
				a.link.ReadOn()
				pass(time.Second)
				requireClosed(t, a, c.reason, true)
			})
		})
	}
}

// TestCallersAndReaderTakeTurns has callers, the reader, and who wants it back come
// in all orders, over TCP.
func TestCallersAndReaderTakeTurns(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server, client := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
	defer server.close()
	defer client.close()
	came := make(chan struct{}, 1)
	server.onOpen = func(s *session) { s.onReceive = func(b []byte) { s.link.Write(b) } }
	client.onOpen = func(s *session) {
		s.onReceive = func([]byte) {
			s.link.Rest()
			came <- struct{}{}
		}
	}
	s := client.dialTCP(server)
	var want sync.WaitGroup
	defer want.Wait()
	stop := make(chan struct{})
	defer close(stop)
	want.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%100 == 0 {
				s.link.ReadOn()
			}
			runtime.Gosched()
		}
	})
	leads := 0
	for i := range 5_000 {
		led := s.link.Lead()
		s.link.Write([]byte("x"))
		if led {
			leads++
			s.link.ReadUntil(&until{s: s, length: i + 1})
			s.link.Leave(true)
		} else {
			s.link.ReadOn()
		}
		<-came
	}
	require.Len(t, s.text(), 5_000)
	require.NotZero(t, leads)
}
