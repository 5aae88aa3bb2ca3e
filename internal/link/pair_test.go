package link

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// The explorer runs two pairs against each other through every interleaving of
// dials, messages, losses, closings and restarts. Every link writes one token of
// its own as soon as it can, and keeps it until its dial is answered. The claim
// to be proven: no token is read twice; and when nothing broke, both vats end up
// on one transport and have read each other's token.

type tkind uint8

const (
	tThird      tkind = iota // message 3 and the dialler's accept
	tAccept                  // the responder's accept
	tSuperseded              // the responder's refusal
	tToken                   // data
)

type tmsg struct {
	kind  tkind
	offer offered
	claim claims
	token int
}

// tside is where a transport stands at one of its ends.
type tside uint8

const (
	tNone tside = iota // not yet known to the responder
	tOwn               // the dialler's, dialling or claimed
	tHeld
	tLive
	tDead
)

type twire struct {
	from   int
	number uint64
	third  bool      // message 3 was sent
	side   [2]tside  // by node
	queue  [2][]tmsg // by receiving node
	cut    bool      // the ends may notice the loss from now on
}

type tnode struct {
	pair  pair
	epoch uint64
	used  uint64
	link  int // its token, 0 for none
	wire  int // the link's transport, -1 for none
	held  int // transport of an offer on hold, -1 for none
	offer offered
	dials int
}

type tworld struct {
	nodes    [2]tnode
	wires    []twire
	tokens   int
	read     map[int]int // token → how often it was read
	cuts     int
	closes   int
	restarts int
}

func (w *tworld) clone() *tworld {
	c := *w
	c.read = maps.Clone(w.read)
	c.wires = slices.Clone(w.wires)
	for i := range c.wires {
		for s := range 2 {
			c.wires[i].queue[s] = slices.Clone(c.wires[i].queue[s])
		}
	}
	return &c
}

// key gives a text that no other world has.
func (w *tworld) key() string {
	b := make([]byte, 0, 512)
	put := func(vs ...int) {
		for _, v := range vs {
			b = append(b, byte(v)) // every number here is small
		}
	}
	offer := func(o offered) { put(int(o.epoch), int(o.session), int(o.seen)) }
	for _, n := range w.nodes {
		p := n.pair
		put(int(p.phase), int(p.epoch), int(p.void), int(p.taken), int(p.own))
		put(int(n.epoch), int(n.used), n.link, n.wire, n.held, n.dials)
		offer(n.offer)
	}
	for _, t := range w.wires {
		put(255, t.from, int(t.number), int(t.side[0]), int(t.side[1]))
		b = strconv.AppendBool(b, t.third)
		b = strconv.AppendBool(b, t.cut)
		for _, q := range t.queue {
			put(254, len(q))
			for _, m := range q {
				put(int(m.kind), int(m.claim.used), int(m.claim.seen), m.token)
				offer(m.offer)
			}
		}
	}
	put(253, w.tokens, w.cuts, w.closes, w.restarts)
	for token := range w.tokens {
		put(w.read[token+1])
	}
	return string(b)
}

func (w *tworld) send(wire, to int, m tmsg) {
	if !w.wires[wire].cut {
		w.wires[wire].queue[to] = append(w.wires[wire].queue[to], m)
	}
}

func (w *tworld) newLink(x int) {
	w.tokens++
	w.nodes[x].link = w.tokens
}

// drop ends a transport at x.
func (w *tworld) drop(x, wire int) {
	if wire >= 0 && w.wires[wire].side[x] != tDead {
		w.wires[wire].side[x] = tDead
		w.wires[wire].queue[x] = nil
		w.wires[wire].cut = true
	}
}

// unheld decides about an offer that x holds once its dial is out of the way.
func (w *tworld) unheld(x int, judge func(offered) verdict) {
	n := &w.nodes[x]
	if n.held < 0 {
		return
	}
	wire, o := n.held, n.offer
	n.held = -1
	w.decide(x, wire, o, judge(o))
}

// lost is what happens at x when its claimed dial ended without an accept.
func (w *tworld) lost(x int, refused bool) {
	n := &w.nodes[x]
	w.drop(x, n.wire)
	n.wire = -1
	if n.held >= 0 {
		w.unheld(x, n.pair.release)
		if n.pair.phase == joined {
			return
		}
	}
	n.link = 0
	n.pair.left()
}

func (w *tworld) decide(x, wire int, o offered, v verdict) {
	n := &w.nodes[x]
	switch v {
	case refuse:
		w.send(wire, 1-x, tmsg{kind: tSuperseded})
		w.wires[wire].side[x] = tDead
		return
	case hold:
		if n.held >= 0 && n.offer.session >= o.session {
			w.decide(x, wire, o, refuse)
			return
		}
		if n.held >= 0 {
			w.decide(x, n.held, n.offer, refuse)
		}
		n.held, n.offer = wire, o
		w.wires[wire].side[x] = tHeld
		return
	case replace:
		n.link = 0
	case adopt:
	}
	w.drop(x, n.wire)
	if n.link == 0 {
		w.newLink(x)
	}
	n.wire = wire
	w.wires[wire].side[x] = tLive
	w.send(wire, 1-x, tmsg{kind: tAccept, claim: claims{used: n.used, seen: n.pair.taken}})
	w.send(wire, 1-x, tmsg{kind: tToken, token: n.link})
	w.unheld(x, n.pair.offer)
}

// receive has x take the next message of a transport.
func (w *tworld) receive(x, wire int) {
	n, t := &w.nodes[x], &w.wires[wire]
	m := t.queue[x][0]
	t.queue[x] = t.queue[x][1:]
	switch m.kind {
	case tThird:
		w.decide(x, wire, m.offer, n.pair.offer(m.offer))
	case tAccept:
		t.side[x] = tLive
		n.pair.answer(m.claim)
		w.unheld(x, n.pair.offer)
	case tSuperseded:
		w.lost(x, true)
	case tToken:
		w.read[m.token]++
	}
}

// next gives every world that may come after w.
func (w *tworld) next() []*tworld {
	var out []*tworld
	step := func(f func(c *tworld)) {
		c := w.clone()
		f(c)
		out = append(out, c)
	}
	for x := range 2 {
		n := w.nodes[x]
		if n.link == 0 && n.dials > 0 {
			step(func(c *tworld) {
				n := &c.nodes[x]
				n.dials--
				n.used++
				c.newLink(x)
				n.pair.dial(n.used)
				n.wire = len(c.wires)
				t := twire{from: x, number: n.used}
				t.side[x] = tOwn
				c.wires = append(c.wires, t)
			})
		}
		if n.pair.phase == dialling {
			step(func(c *tworld) {
				n := &c.nodes[x]
				seen, ok := n.pair.claim(c.nodes[1-x].epoch)
				if !ok {
					panic("an epoch went back")
				}
				c.wires[n.wire].third = true
				c.send(n.wire, 1-x, tmsg{kind: tThird, offer: offered{n.epoch, n.used, seen}})
				c.send(n.wire, 1-x, tmsg{kind: tToken, token: n.link})
			})
		}
		if n.link != 0 && w.closes > 0 { // the program closes the link
			step(func(c *tworld) {
				c.closes--
				c.leave(x)
			})
		}
		if w.restarts > 0 {
			step(func(c *tworld) {
				c.restarts--
				c.restart(x)
			})
		}
	}
	for i := range w.wires {
		t := &w.wires[i]
		for x := range 2 {
			if len(t.queue[x]) > 0 && w.mayRead(x, i) {
				step(func(c *tworld) { c.receive(x, i) })
			}
			if t.cut && (t.side[x] == tOwn || t.side[x] == tLive) {
				step(func(c *tworld) { c.notice(x, i) })
			}
		}
		if !t.cut && w.cuts > 0 && t.third {
			step(func(c *tworld) {
				c.cuts--
				c.wires[i].cut = true
			})
		}
	}
	return out
}

// mayRead tells whether x reads a transport now: not while an offer is on hold,
// and never one that it dropped.
func (w *tworld) mayRead(x, wire int) bool {
	switch w.wires[wire].side[x] {
	case tNone:
		return w.wires[wire].from != x
	case tOwn, tLive:
		return true
	default:
		return false
	}
}

func (w *tworld) leave(x int) {
	n := &w.nodes[x]
	w.drop(x, n.wire)
	n.link, n.wire = 0, -1
	n.pair.left()
	w.unheld(x, n.pair.offer)
}

func (w *tworld) notice(x, wire int) {
	if w.wires[wire].side[x] == tOwn {
		w.lost(x, false)
		return
	}
	w.leave(x)
}

func (w *tworld) restart(x int) {
	for i := range w.wires {
		w.drop(x, i)
	}
	n := &w.nodes[x]
	*n = tnode{pair: pair{smaller: n.pair.smaller}, epoch: n.epoch + 1, wire: -1, held: -1, dials: n.dials}
}

func explore(t *testing.T, start *tworld) (worlds, ends int) {
	t.Helper()
	calm := start.cuts+start.closes+start.restarts == 0
	met := map[string]bool{}
	stack := []*tworld{start}
	for len(stack) > 0 {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		k := w.key()
		if met[k] {
			continue
		}
		met[k] = true
		for token, times := range w.read {
			if times > 1 {
				t.Fatalf("token %d was read %d times:\n%+v", token, times, w)
			}
		}
		next := w.next()
		if len(next) == 0 && calm {
			ends++
			a, b := w.nodes[0], w.nodes[1]
			if a.wire < 0 || a.wire != b.wire || w.read[a.link] != 1 || w.read[b.link] != 1 {
				t.Fatalf("the vats do not agree:\n%+v", w)
			}
		}
		stack = append(stack, next...)
	}
	return len(met), ends
}

func TestPairInAllInterleavings(t *testing.T) {
	spec.Covers(t, "SES-12", "SES-13", "SES-14", "SES-15", "SES-16", "SES-19", "SES-21")
	cases := []struct {
		name                          string
		dials                         [2]int
		cuts, closes, restarts, least int
	}{
		{"crossed dials", [2]int{1, 1}, 0, 0, 0, 20},
		{"crossed dials that break", [2]int{1, 1}, 2, 0, 0, 100},
		{"one side dials again", [2]int{1, 3}, 1, 1, 0, 1000},
		{"both dial again", [2]int{2, 2}, 1, 1, 0, 10000},
		{"both dial again after a restart", [2]int{2, 2}, 0, 0, 1, 1000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.least > 1000 {
				t.Skip("takes seconds")
			}
			w := &tworld{read: map[int]int{}, cuts: c.cuts, closes: c.closes, restarts: c.restarts}
			for x := range 2 {
				w.nodes[x] = tnode{pair: pair{smaller: x == 0}, epoch: 1, wire: -1, held: -1, dials: c.dials[x]}
			}
			worlds, ends := explore(t, w)
			t.Logf("%d worlds, %d calm ends", worlds, ends)
			require.GreaterOrEqual(t, worlds, c.least)
		})
	}
}

func TestPairOrder(t *testing.T) {
	spec.Covers(t, "SES-9", "SES-11", "SES-15", "SES-17")
	var p pair
	steps := []struct {
		offer offered
		want  verdict
	}{
		{offered{epoch: 7, session: 1}, replace},
		{offered{epoch: 7, session: 1}, refuse}, // the same again
		{offered{epoch: 7, session: 3}, replace},
		{offered{epoch: 7, session: 2}, refuse},
		{offered{epoch: 6, session: 9}, refuse},
		{offered{epoch: 8, session: 1}, replace}, // restarted: counts anew
		{offered{epoch: 7, session: 99}, refuse},
	}
	for _, s := range steps {
		require.Equal(t, s.want, p.offer(s.offer), "%+v", s.offer)
	}
	p.left()
	p.dial(1)
	_, ok := p.claim(7)
	require.False(t, ok, "an earlier incarnation answers")
	seen, ok := p.claim(8)
	require.True(t, ok)
	require.EqualValues(t, 1, seen)
	p.answer(claims{used: 5})
	require.Equal(t, refuse, p.offer(offered{epoch: 8, session: 5}), "voided by the peer's accept")
	require.Equal(t, replace, p.offer(offered{epoch: 8, session: 6}))
}

func TestClaimsOnTheWire(t *testing.T) {
	spec.Covers(t, "SES-6")
	b := claims{used: 1, seen: 2}.append(nil)
	require.Equal(t, []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}, b)
	c, ok := parseClaims(append(b, 99))
	require.True(t, ok)
	require.Equal(t, claims{1, 2}, c)
	_, ok = parseClaims(b[:15])
	require.False(t, ok)
}
