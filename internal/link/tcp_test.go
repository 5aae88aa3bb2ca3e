package link

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vatnet/vatnet/crypto"
)

// tcpVat listens on loopback.
func tcpVat(t testing.TB, id *crypto.Identity, change func(*Config)) *vat {
	t.Helper()
	v := &vat{t: t, name: id.VatID().Short()}
	c := Config{Identity: id, Handler: v}
	if change != nil {
		change(&c)
	}
	links, err := New(c)
	require.NoError(t, err)
	v.links = links
	require.NoError(t, links.Listen("127.0.0.1:0"))
	return v
}

func (v *vat) dialTCP(other *vat) *session {
	return v.link(other.links.self, other.links.Locations()...)
}

// eventually waits for something in real time.
func eventually(t testing.TB, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 20*time.Second, time.Millisecond)
}

func TestTCP(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server, client := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
	defer server.close()
	defer client.close()
	server.onOpen = func(s *session) { s.onReceive = func(b []byte) { s.link.Write(b) } }
	s := client.dialTCP(server)
	s.link.Write([]byte("over the loopback"))
	eventually(t, func() bool { return s.text() == "over the loopback" })
	stats := s.link.Stats()
	require.EqualValues(t, 1, stats.RoundTrips)
	require.EqualValues(t, 1, stats.Flushes, "message 3, accept and data in one write")
	require.NotZero(t, stats.Handshake)
	require.NoError(t, s.link.Shutdown(t.Context()))
	eventually(t, func() bool { return server.all()[0].end() != nil })
	requireClosed(t, server.all()[0], ErrClosed, true)
}

func TestTCPMegabytes(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server, client := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
	defer server.close()
	defer client.close()
	server.onOpen = func(s *session) { s.onReceive = func(b []byte) { s.link.Write(b) } }
	s := client.dialTCP(server)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	for range 8 {
		s.link.Write([]byte(big))
	}
	eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.got.Len() >= 8*len(big) })
	require.Equal(t, strings.Repeat(big, 8), s.text())
}

func TestTCPWrongVatAndNobody(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server, client := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
	defer client.close()
	other := crypto.IdentityFromSeed([32]byte{5}).VatID()
	s := client.link(other, server.links.Locations()...)
	<-s.link.Done()
	eventually(t, func() bool { return s.end() != nil })
	require.ErrorIs(t, s.end(), crypto.ErrWrongVat)
	at := server.links.Locations()
	server.close()
	s = client.link(id1.VatID(), at...)
	eventually(t, func() bool { return s.end() != nil })
	requireClosed(t, s, ErrUnreachable, false)
	require.NotErrorIs(t, s.end(), crypto.ErrWrongVat)
}

// TestTCPPeerThatDoesNotRead fills the sockets of a peer whose receiver is stuck.
func TestTCPPeerThatDoesNotRead(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server := tcpVat(t, id1, nil)
	client := tcpVat(t, id2, func(c *Config) { c.Limits.WriteTimeout = 4 * time.Second })
	stuck := make(chan struct{})
	defer server.close()
	defer close(stuck)
	defer client.close()
	server.onOpen = func(s *session) { s.onReceive = func([]byte) { <-stuck } }
	s := client.dialTCP(server)
	chunk := make([]byte, 64<<10)
	longest := time.Duration(0)
	for range 1000 {
		start := time.Now()
		s.link.Write(chunk)
		longest = max(longest, time.Since(start))
	}
	require.Less(t, longest, 2*time.Second, "Write waited")
	require.Greater(t, s.link.Buffered(), 10<<20)
	eventually(t, func() bool { return s.end() != nil })
	requireClosed(t, s, ErrTimeout, true)
}

// echo is a Receiver that answers as fast as it can, without recording.
type echo struct {
	link *Link
	done chan struct{}
	left int
	ball []byte
}

func (*echo) Up(crypto.Hello) {}
func (*echo) Closed(error)    {}
func (e *echo) Receive(b []byte) {
	if e.done == nil {
		e.link.Write(b)
		return
	}
	if e.left--; e.left <= 0 {
		e.done <- struct{}{}
		return
	}
	e.link.Write(e.ball)
}

type echoHandler struct{}

func (echoHandler) Open(l *Link) Receiver { return &echo{link: l} }

// pingPong makes two Links over loopback TCP and gives what plays n rounds.
func pingPong(b testing.TB, size int) (play func(n int), link *Link, closeAll func()) {
	id1, id2 := identities()
	server, err := New(Config{Identity: id1, Handler: echoHandler{}})
	require.NoError(b, err)
	require.NoError(b, server.Listen("127.0.0.1:0"))
	client, err := New(Config{Identity: id2, Handler: echoHandler{}})
	require.NoError(b, err)
	e := &echo{done: make(chan struct{}), ball: make([]byte, size)}
	e.link = client.Link(id1.VatID(), server.Locations(), func(l *Link) Receiver { e.link = l; return e })
	play = func(n int) {
		e.left = n
		e.link.Write(e.ball)
		<-e.done
	}
	play(100)
	return play, e.link, func() {
		require.NoError(b, client.Close())
		require.NoError(b, server.Close())
	}
}

func TestRecordsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	play, _, closeAll := pingPong(t, 100)
	defer closeAll()
	require.Less(t, testing.AllocsPerRun(5, func() { play(1000) }), 20.0, "per 2000 records")
}

func BenchmarkPingPong100(b *testing.B) {
	play, l, closeAll := pingPong(b, 100)
	defer closeAll()
	b.ReportAllocs()
	b.ResetTimer()
	play(b.N)
	b.StopTimer()
	b.ReportMetric(float64(l.Stats().Flushes)/float64(l.Stats().RecordsOut), "flushes/record")
}

// BenchmarkRawPingPong100 is the same without Links: what the sockets cost.
func BenchmarkRawPingPong100(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(b, err)
	ball := make([]byte, 100)
	b.ResetTimer()
	for range b.N {
		_, err = conn.Write(ball)
		require.NoError(b, err)
		_, err = io.ReadFull(conn, ball)
		require.NoError(b, err)
	}
	b.StopTimer()
	require.NoError(b, conn.Close())
	require.NoError(b, ln.Close())
}

func BenchmarkStream64K(b *testing.B) {
	id1, id2 := identities()
	sink := make(chan int, 1)
	server, err := New(Config{Identity: id1, Handler: sinkHandler{sink, b.N * (64 << 10)}})
	require.NoError(b, err)
	require.NoError(b, server.Listen("127.0.0.1:0"))
	client, err := New(Config{Identity: id2, Handler: echoHandler{}})
	require.NoError(b, err)
	chunk := make([]byte, 64<<10)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	l := client.Link(id1.VatID(), server.Locations(), func(l *Link) Receiver { return &echo{link: l} })
	for range b.N {
		for l.Buffered() > 1<<20 {
			runtime.Gosched()
		}
		l.Write(chunk)
	}
	<-sink
	b.StopTimer()
	require.NoError(b, client.Close())
	require.NoError(b, server.Close())
}

type sinkHandler struct {
	done chan int
	want int
}

func (h sinkHandler) Open(*Link) Receiver { return &sink{sinkHandler: h} }

type sink struct {
	sinkHandler
	got int
}

func (*sink) Up(crypto.Hello) {}
func (*sink) Closed(error)    {}
func (s *sink) Receive(b []byte) {
	if s.got += len(b); s.got >= s.want {
		s.done <- s.got
	}
}

// TestTCPCrossedDials has both dial at once, over real sockets, time and again.
func TestTCPCrossedDials(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	for range 20 {
		a, b := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
		at, there := a.links.Locations(), b.links.Locations()
		start := make(chan struct{})
		var both sync.WaitGroup
		both.Go(func() { <-start; a.link(id2.VatID(), there...).link.Write([]byte("from a")) })
		both.Go(func() { <-start; b.link(id1.VatID(), at...).link.Write([]byte("from b")) })
		close(start)
		both.Wait()
		eventually(t, func() bool { return got(a) == "from b" && got(b) == "from a" })
		a.close()
		b.close()
	}
}

// got gives what all sessions of a vat received.
func got(v *vat) (s string) {
	for _, each := range v.all() {
		s += each.text()
	}
	return s
}

// turns is a Receiver whose Receive goes on for as long as somebody else wants,
// after it has consumed its data.
type turns struct {
	mu   sync.Mutex
	got  []byte
	held chan struct{} // closed to end the turn under way; nil when there is none
	sum  chan struct{}
	want int
}

func (*turns) Up(crypto.Hello) {}
func (*turns) Closed(error)    {}
func (r *turns) Receive(b []byte) {
	r.mu.Lock()
	r.got = append(r.got, b...)
	if len(r.got) == r.want {
		close(r.sum)
	}
	turn := make(chan struct{})
	r.held = turn
	r.mu.Unlock()
	<-turn
}

// TestRelieveKeepsTheOrder relieves every reader, while bytes pour in.
func TestRelieveKeepsTheOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	id1, id2 := identities()
	server, client := tcpVat(t, id1, nil), tcpVat(t, id2, nil)
	defer server.close()
	defer client.close()
	var want []byte
	for i := range 20_000 {
		want = fmt.Appendf(want, "%d,", i)
	}
	r := &turns{sum: make(chan struct{}), want: len(want)}
	up := make(chan *Link, 1)
	server.onOpen = func(s *session) { s.onUp = func() { up <- s.link } }
	client.onOpen = func(s *session) { s.onReceive = r.Receive }
	s := client.dialTCP(server)
	s.link.Write([]byte("x"))
	back := <-up // the server writes, the client's reader is relieved
	l := s.link
	var pump sync.WaitGroup
	defer pump.Wait()
	stop := make(chan struct{})
	defer close(stop)
	pump.Go(func() {
		var ended []chan struct{}
		for {
			select {
			case <-stop:
				r.mu.Lock()
				if r.held != nil {
					ended = append(ended, r.held)
				}
				r.mu.Unlock()
				for _, turn := range ended {
					close(turn)
				}
				return
			default:
			}
			r.mu.Lock()
			if r.held != nil && l.Relieve() {
				ended = append(ended, r.held) // ends much later
				r.held = nil
			}
			r.mu.Unlock()
			runtime.Gosched()
		}
	})
	for i := 0; i < len(want); i += 97 {
		back.Write(want[i:min(len(want), i+97)])
	}
	<-r.sum
	require.Equal(t, string(want), string(r.got))
}
