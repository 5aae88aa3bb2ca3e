package link

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
)

// port is where every test vat listens.
const port = ":7000"

// identities gives two identities, the one with the smaller vat id first.
func identities() (*crypto.Identity, *crypto.Identity) {
	a, b := crypto.IdentityFromSeed([32]byte{1}), crypto.IdentityFromSeed([32]byte{2})
	if b.VatID().Less(a.VatID()) {
		return b, a
	}
	return a, b
}

// vat is one side of a test: a Links with a handler that records.
type vat struct {
	t     testing.TB
	name  string
	links *Links

	mu       sync.Mutex
	sessions []*session // in the order of their beginning
	onOpen   func(*session)
}

// session is a Receiver that records.
type session struct {
	vat  *vat
	link *Link

	mu        sync.Mutex
	opened    bool // by the peer
	ups       []crypto.Hello
	got       bytes.Buffer
	batches   int
	closed    []error
	closedAt  time.Time
	onUp      func()
	onReceive func([]byte)
}

func (s *session) Up(hello crypto.Hello) {
	s.mu.Lock()
	s.ups = append(s.ups, hello)
	f := s.onUp
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

func (s *session) Receive(data []byte) {
	s.mu.Lock()
	s.got.Write(data)
	s.batches++
	f, late := s.onReceive, len(s.closed) > 0 || len(s.ups) != 1
	s.mu.Unlock()
	if late {
		s.vat.t.Error("Receive before Up or after Closed")
	}
	if f != nil {
		f(data)
	}
}

func (s *session) Closed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, err)
	s.closedAt = time.Now()
	if len(s.closed) > 1 {
		s.vat.t.Error("Closed twice")
	}
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

// end gives what Closed got, nil before.
func (s *session) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.closed) == 0 {
		return nil
	}
	return s.closed[0]
}

func (v *vat) receiver(opened bool) func(*Link) Receiver {
	return func(l *Link) Receiver {
		s := &session{vat: v, link: l, opened: opened}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sessions = append(v.sessions, s)
		if v.onOpen != nil {
			v.onOpen(s)
		}
		return s
	}
}

// Open implements Handler.
func (v *vat) Open(l *Link) Receiver { return v.receiver(true)(l) }

func (v *vat) all() []*session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.sessions)
}

// only gives the one session that has not ended.
func (v *vat) only() *session {
	v.t.Helper()
	var alive []*session
	for _, s := range v.all() {
		if s.end() == nil {
			alive = append(alive, s)
		}
	}
	require.Len(v.t, alive, 1, "sessions of %s that live", v.name)
	return alive[0]
}

// dial asks for the link with other, at its usual place.
func (v *vat) dial(other *vat) *session {
	return v.link(other.links.self, other.name+port)
}

func (v *vat) link(id crypto.VatID, hints ...string) *session {
	return v.links.Link(id, hints, v.receiver(false)).Receiver().(*session)
}

func (v *vat) close() { require.NoError(v.t, v.links.Close()) }

// newVat makes a vat on a host of n, listening. change may be nil.
func newVat(t testing.TB, n *memnet.Net, name string, id *crypto.Identity, change func(*Config)) *vat {
	t.Helper()
	v := &vat{t: t, name: name}
	c := Config{Identity: id, Network: n.Host(name), Handler: v, Credit: crypto.Credit{Calls: 4096, Bytes: 16 << 20}}
	if change != nil {
		change(&c)
	}
	links, err := New(c)
	require.NoError(t, err)
	v.links = links
	require.NoError(t, links.Listen(port))
	return v
}

// twoVats makes alice, whose id is the smaller one, and bob.
func twoVats(t testing.TB, n *memnet.Net) (alice, bob *vat) {
	t.Helper()
	a, b := identities()
	return newVat(t, n, "alice", a, nil), newVat(t, n, "bob", b, nil)
}

// pass lets time go by in a bubble, and what comes of it settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// requireClosed checks how a session ended.
func requireClosed(t testing.TB, s *session, reason error, delivered bool) {
	t.Helper()
	err := s.end()
	require.ErrorIs(t, err, reason)
	require.Equal(t, delivered, Delivered(err), "delivered: %v", err)
	var e *Error
	require.True(t, errors.As(err, &e))
	require.NotEmpty(t, e.Code())
}
