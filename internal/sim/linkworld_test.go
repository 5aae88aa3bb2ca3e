package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/link"
	"github.com/vatnet/vatnet/internal/memnet"
)

// linkWorld is a few vats of which there are only the links: real handshakes and sealed records over a network in memory,
// in a bubble of time. What a session writes says whose it is and how far it has come, and so the shadow knows of each
// byte that arrives from which session, of which incarnation, it is.
type linkWorld struct {
	t     *testing.T
	rng   *rand.Rand
	net   *memnet.Net
	hosts []string
	vats  []*linkVat
	epoch uint64
	start time.Time
	trace strings.Builder
	seen  map[string]int

	mu       sync.Mutex // what follows, and all incarnations and sessions
	sessions []*linkSession
	bad      string
}

// linkVat is one identity, with its incarnations.
type linkVat struct {
	name string
	id   *crypto.Identity
	now  *incarnation
	all  []*incarnation
}

// incarnation is one run of a vat. An earlier one may live on elsewhere.
type incarnation struct {
	w     *linkWorld
	vat   *linkVat
	host  string
	epoch uint64
	links *link.Links
	gone  bool
	met   map[crypto.VatID]uint64    // the highest epoch of each peer
	left  map[crypto.VatID]time.Time // when the last session with it ended
}

// linkSession is one session as one side has it. It implements link.Receiver.
type linkSession struct {
	in     *incarnation
	link   *link.Link
	name   string
	next   int // of the tokens that it wrote
	up     int
	epoch  uint64 // of the peer
	got    bytes.Buffer
	closed []error
}

const (
	linkPort = ":7000"
	memory   = time.Minute // for which a peer's numbers are kept at least
)

func newLinkWorld(t *testing.T, seed uint64) *linkWorld {
	w := &linkWorld{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), net: memnet.New(), epoch: 100, start: time.Now(), seen: map[string]int{},
	}
	for i := range 2 + w.rng.IntN(2) {
		v := &linkVat{name: string(rune('a' + i)), id: crypto.IdentityFromSeed([32]byte{byte(i), byte(seed), 3})}
		w.vats = append(w.vats, v)
		w.begin(v, v.name)
	}
	for i, a := range w.hosts {
		for _, b := range w.hosts[:i] {
			w.net.Latency(a, b, time.Duration(1+w.rng.IntN(12))*time.Millisecond)
		}
	}
	return w
}

// begin begins an incarnation on a host.
func (w *linkWorld) begin(v *linkVat, host string) {
	w.epoch++
	in := &incarnation{
		w: w, vat: v, host: host, epoch: w.epoch, met: map[crypto.VatID]uint64{}, left: map[crypto.VatID]time.Time{},
	}
	var err error
	in.links, err = link.New(link.Config{
		Identity: v.id, Epoch: in.epoch, Network: w.net.Host(host), Handler: in, Credit: crypto.Credit{Calls: 1, Bytes: 1},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, in.links.Listen(linkPort))
	v.now, v.all = in, append(v.all, in)
	w.hosts = append(w.hosts, host)
	w.did("begin", "%s", in)
}

func (in *incarnation) String() string {
	return fmt.Sprintf("%s (%s, %d)", in.vat.name, in.host, in.epoch)
}

// living returns the incarnations that have not ended.
func (w *linkWorld) living() (ins []*incarnation) {
	for _, v := range w.vats {
		for _, in := range v.all {
			if !in.gone {
				ins = append(ins, in)
			}
		}
	}
	return ins
}

func (w *linkWorld) did(kind, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[kind]++
	w.say(kind+" "+format, args...)
}

// say writes to the trace. The caller holds w.mu.
func (w *linkWorld) say(format string, args ...any) {
	fmt.Fprintf(&w.trace, "%9.3f "+format+"\n", append([]any{time.Since(w.start).Seconds()}, args...)...)
}

// fail notes the first rule that was broken. The caller holds w.mu.
func (w *linkWorld) fail(format string, args ...any) {
	if w.bad == "" {
		w.bad = fmt.Sprintf(format, args...)
		w.say("BROKEN: %s", w.bad)
	}
}

// pass lets time go by, and what comes of it settle.
func (w *linkWorld) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
	w.check()
}

// Open implements link.Handler.
func (in *incarnation) Open(l *link.Link) link.Receiver { return in.session(l) }

// session makes the Receiver of a link.
func (in *incarnation) session(l *link.Link) *linkSession {
	in.w.mu.Lock()
	defer in.w.mu.Unlock()
	s := &linkSession{in: in, link: l, name: fmt.Sprintf("%s%d.%d", in.vat.name, in.epoch, len(in.w.sessions))}
	in.w.sessions = append(in.w.sessions, s)
	return s
}

// to gives the session of in with another vat, dialling one of its hosts if there is none.
func (in *incarnation) to(v *linkVat, host string) *linkSession {
	l := in.links.Link(v.id.VatID(), []string{host + linkPort}, func(l *link.Link) link.Receiver { return in.session(l) })
	return l.Receiver().(*linkSession)
}

// write writes n tokens.
func (s *linkSession) write(n int) {
	s.in.w.mu.Lock()
	defer s.in.w.mu.Unlock()
	s.link.Write([]byte(s.tokens(s.next, s.next+n)))
	s.next += n
}

func (s *linkSession) tokens(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%s:%d;", s.name, i)
	}
	return b.String()
}

// Up implements link.Receiver.
func (s *linkSession) Up(hello crypto.Hello) {
	in, w := s.in, s.in.w
	w.mu.Lock()
	defer w.mu.Unlock()
	peer := s.link.Peer()
	w.say("%s: %s is up with epoch %d", in, s.name, hello.Epoch)
	if s.up++; s.up > 1 || len(s.closed) > 0 {
		w.fail("%s: Up of %s comes twice, or too late", in, s.name)
	}
	if left, ok := in.left[peer]; hello.Epoch < in.met[peer] && (!ok || time.Since(left) <= memory) {
		w.fail("%s: a session with epoch %d, having met %d", in, hello.Epoch, in.met[peer])
	}
	s.epoch, in.met[peer] = hello.Epoch, hello.Epoch
}

// Receive implements link.Receiver.
func (s *linkSession) Receive(data []byte) {
	in, w := s.in, s.in.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s.got.Write(data)
	switch {
	case s.up != 1 || len(s.closed) > 0:
		w.fail("%s: %s is delivered something before Up, or at its end", in, s.name)
	case s.epoch < in.met[s.link.Peer()]:
		w.fail("%s: %s, of epoch %d, is delivered something after %d was met", in, s.name, s.epoch, in.met[s.link.Peer()])
	}
}

// Closed implements link.Receiver.
func (s *linkSession) Closed(err error) {
	in, w := s.in, s.in.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say("%s: %s ends: %v, delivered %v", in, s.name, err, link.Delivered(err))
	in.left[s.link.Peer()] = time.Now()
	if s.closed = append(s.closed, err); len(s.closed) > 1 {
		w.fail("%s: %s ends twice", in, s.name)
	}
}

// check checks what holds at all times.
func (w *linkWorld) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	type pair struct {
		in   *incarnation
		peer crypto.VatID
	}
	alive := map[pair]*linkSession{}
	for _, s := range w.sessions {
		if len(s.closed) > 0 {
			continue
		}
		k := pair{s.in, s.link.Peer()}
		if other := alive[k]; other != nil {
			w.fail("%s has two sessions with one vat: %s and %s", s.in, other.name, s.name)
		}
		alive[k] = s
	}
	for _, v := range w.vats {
		for _, r := range w.received(v) {
			w.whose(v, r)
		}
	}
}

// received returns the sessions that were delivered something from v.
func (w *linkWorld) received(v *linkVat) (list []*linkSession) {
	for _, s := range w.sessions {
		if s.link.Peer() == v.id.VatID() && s.got.Len() > 0 {
			list = append(list, s)
		}
	}
	return list
}

// whose returns which session of v's wrote what r got; nil if that cannot be told yet.
func (w *linkWorld) whose(v *linkVat, r *linkSession) *linkSession {
	got := r.got.String()
	name, _, whole := strings.Cut(got, ":")
	for _, s := range w.sessions {
		if s.in.vat != v || s.link.Peer() != r.in.vat.id.VatID() || whole && s.name != name || !strings.HasPrefix(s.name, name) {
			continue
		}
		if !strings.HasPrefix(s.tokens(0, s.next), got) {
			w.fail("%s: %s got what %s did not write: %.100q", r.in, r.name, s.name, got)
		}
		if whole {
			return s
		}
		return nil
	}
	w.fail("%s: %s got what nobody wrote: %.100q", r.in, r.name, got)
	return nil
}

// finish checks what can be said of each session when all have ended.
func (w *linkWorld) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	readers := map[*linkSession]*linkSession{}
	for _, v := range w.vats {
		for _, r := range w.received(v) {
			s := w.whose(v, r)
			if s == nil {
				continue
			}
			if other := readers[s]; other != nil {
				w.fail("what %s wrote was delivered twice: to %s and %s", s.name, other.name, r.name)
			}
			readers[s] = r
			if r.epoch != s.in.epoch {
				w.fail("%s is of epoch %d, and was told %d", s.name, s.in.epoch, r.epoch)
			}
		}
	}
	for _, s := range w.sessions {
		switch {
		case len(s.closed) != 1:
			w.fail("%s: %s ended %d times", s.in, s.name, len(s.closed))
		case readers[s] != nil && !link.Delivered(s.closed[0]):
			w.fail("%s: %s was told that nothing was delivered: %v", s.in, s.name, s.closed[0])
		}
	}
}
