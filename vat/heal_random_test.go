package vat_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

var healWorlds = flag.Int("healworlds", 300, "how many worlds TestHealRandom runs")

// Hearer hears numbers. What was heard is the world's to know: it outlives the incarnations.
type Hearer struct {
	vat.Object
	w *healWorld
}

// Hear takes the number of a send.
func (h *Hearer) Hear(n int) int { return h.w.heard(n) }

// healWorld is a vat with references that heal, and one with a store to whose object they lead. What is between them
// breaks, and the latter begins anew.
type healWorld struct {
	mu     sync.Mutex // guards sends, seen, wrong, epoch and what of healRefs and healSends turns change
	t      *testing.T
	rnd    *rand.Rand
	disk   *disk
	here   *vat.Vat
	end    func() // of the other's incarnation; nil: it is down
	epoch  int
	credit int // of the other
	uri    sturdyref.Ref
	refs   []*healRef
	sends  []*healSend
	seen   map[string]int
	wrong  []string
}

// healRef is a reference that heals, what it has reported, and what was heard of it.
type healRef struct {
	ref    *vat.Ref
	there  bool
	lost   bool
	latest int // of the sends that were heard
	epoch  int // in which that was
}

// healSend is a send, and what became of it.
type healSend struct {
	on    *healRef
	heard int
	p     *vat.Promise[int]
}

func (w *healWorld) fail(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// heard is called in a turn of the object.
func (w *healWorld) heard(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sends[n]
	switch s.heard++; {
	case s.heard > 1:
		w.fail("send %d was delivered %d times", n, s.heard)
	case n <= s.on.latest && s.on.epoch == w.epoch:
		w.fail("send %d came behind %d, in one incarnation", n, s.on.latest)
	}
	s.on.latest, s.on.epoch = n, w.epoch
	return n
}

// heal makes one more reference.
func (w *healWorld) heal() {
	h := &healRef{latest: -1}
	cfg := &vat.HealConfig{Jitter: rand.New(rand.NewPCG(w.rnd.Uint64(), 6)).Float64, Queue: 1 + w.rnd.IntN(40), RetryMax: time.Duration(1+w.rnd.IntN(20)) * time.Second}
	cfg.Lost = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if h.lost || !errors.Is(err, vat.ErrDisconnected) {
			w.fail("lost again, or not by disconnection: %v", err)
		}
		h.there, h.lost = false, true
		w.seen["lost"]++
	}
	cfg.Found = func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if h.there {
			w.fail("found twice")
		}
		h.there, h.lost = true, false
		w.seen["found"]++
	}
	h.ref = w.here.Heal(w.uri, cfg)
	w.refs = append(w.refs, h)
}

// send sends on one of the references.
func (w *healWorld) send() {
	h := w.refs[w.rnd.IntN(len(w.refs))]
	s := &healSend{on: h}
	w.mu.Lock()
	n := len(w.sends)
	w.sends = append(w.sends, s)
	w.mu.Unlock()
	s.p = vat.Send[int](h.ref, "hear", n)
}

// begin starts an incarnation of the durable vat.
func (w *healWorld) begin() {
	cfg := quiet()
	cfg.Limits.Protocol.OpenCalls = w.credit
	v, end := w.disk.start(cfg)
	w.mu.Lock()
	w.epoch++
	w.mu.Unlock()
	w.end = end
	require.NoError(w.t, v.Publish("hearer", &Hearer{w: w}))
	if w.epoch == 1 {
		g, err := v.Mint("hearer", nil)
		require.NoError(w.t, err)
		w.uri = g.Sturdyref()
	}
}

// act does one thing.
func (w *healWorld) act() {
	net, apart := w.disk.net, w.rnd.IntN(2) == 0
	switch n := w.rnd.IntN(24); {
	case n < 12:
		for range 1 + w.rnd.IntN(4) {
			w.send()
		}
	case n < 16:
		pass(time.Duration(w.rnd.IntN(40)) * time.Millisecond)
	case n < 17:
		pass(time.Duration(w.rnd.IntN(60)) * time.Second)
	case n < 20:
		net.Cut("here", "durable")
	case n < 21:
		net.Partition("here", "durable", apart)
	case n < 22:
		net.Stall("here", "durable", apart)
	case n < 23:
		net.Stall("durable", "here", apart)
	case w.end != nil:
		net.Cut("here", "durable") // it has no time for last words
		w.end()
		w.end = nil
	default:
		w.begin()
	}
}

// run runs the world, brings it to rest, and checks what became of each send.
func (w *healWorld) run() {
	w.disk, w.credit = newDisk(w.t), 1+w.rnd.IntN(64)
	w.disk.net.Latency("here", "durable", time.Duration(w.rnd.IntN(20))*time.Millisecond)
	w.here = w.disk.net.Vat(w.t, "here", quiet())
	w.begin()
	for range 1 + w.rnd.IntN(3) {
		w.heal()
	}
	for range 20 + w.rnd.IntN(60) {
		w.act()
	}
	w.disk.net.Partition("here", "durable", false)
	w.disk.net.Stall("here", "durable", false)
	w.disk.net.Stall("durable", "here", false)
	if w.end == nil {
		w.begin()
	}
	pass(10 * time.Minute)
	for _, h := range w.refs {
		require.NoError(w.t, h.ref.Await(w.t.Context()))
	}
	for n, s := range w.sends {
		_, err := s.p.Await(w.t.Context())
		w.settled(n, s, err)
	}
	w.end()
}

// settled checks the outcome of a send, which nobody has sent again.
func (w *healWorld) settled(n int, s *healSend, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil && s.heard == 1:
		w.seen["heard"]++
	case err == nil:
		w.fail("send %d succeeded, and was delivered %d times", n, s.heard)
	case errors.Is(err, vat.ErrOverloaded), errors.Is(err, vat.ErrNotDelivered):
		kind := "not delivered"
		if errors.Is(err, vat.ErrOverloaded) {
			kind = "no room"
		}
		w.seen[kind]++
		if s.heard > 0 {
			w.fail("send %d was delivered, and that is denied: %v", n, err)
		}
	case errors.Is(err, vat.ErrOutcomeUnknown):
		w.seen["unknown"]++
		w.seen["unknown and heard"] += s.heard
	default:
		w.fail("send %d: %v", n, err)
	}
}

// TestHealRandom: whatever breaks, and whenever, what is sent on a reference that heals is delivered once or not at all,
// in order within an incarnation; its sender learns which, or that nobody knows; and in the end the reference is there.
func TestHealRandom(t *testing.T) {
	spec.Covers(t, "ERR-5", "OBJ-3", "OBJ-4")
	seen := map[string]int{}
	for seed := range uint64(*healWorlds) {
		synctest.Test(t, func(t *testing.T) {
			w := &healWorld{t: t, rnd: rand.New(rand.NewPCG(seed, 5)), seen: seen}
			w.run()
			require.Empty(t, w.wrong, "seed %d", seed)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Log(seen)
	for _, kind := range []string{"lost", "found", "heard", "no room", "not delivered", "unknown", "unknown and heard"} {
		require.NotZero(t, seen[kind], kind)
	}
}
