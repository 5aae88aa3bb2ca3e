package captp

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/vatnet/vatnet/internal/capn"
)

// rworld is a random world: machines, wires, and a schedule drawn from a seed.
type rworld struct {
	rng     *rand.Rand
	vats    []*rvat
	calls   []*rcall
	handles int
	log     strings.Builder
	verbose bool
	hash    uint64

	credit   uint32 // calls that each grants each
	bytes    uint64
	tail     bool
	waits    bool // objects may wait for arguments
	cuts     bool // sessions may be lost
	lossy    bool // one was, or everything was canceled: anything may fail
	stuck    bool // all waited for credit and had to be canceled
	draining bool
	aside    *rand.Rand // when messages are put aside and when not; nil: never
}

// rvat is one machine in it.
type rvat struct {
	w        *rworld
	i        int
	name     string
	m        *Machine
	sessions []*Session
	out      [][]byte // bytes under way to each peer
	handles  []*rhandle
	promises []*rhandle // unresolved ones, with their resolver's holder
	objects  []*robject
	grants   []*rgrant
	inbox    []*rcall // delivered, not answered
	waiting  []*rcall // delivered, waiting
	calls    []*rcall // sent, handle kept
}

type robject struct {
	vat     *rvat
	name    string
	dropped int
}

type rviolation string

func (w *rworld) fail(format string, args ...any) { panic(rviolation(fmt.Sprintf(format, args...))) }

func (w *rworld) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %s", w.hash, line)
	w.hash = h.Sum64()
	if w.verbose {
		w.log.WriteString(line + "\n")
	}
}

func (w *rworld) chance(percent int) bool { return w.rng.IntN(100) < percent }

func pick[T any](w *rworld, s []T) T { return s[w.rng.IntN(len(s))] }

func newRandomWorld(seed uint64, src rand.Source, verbose bool) *rworld {
	w := &rworld{rng: rand.New(src), verbose: verbose, credit: 4096, bytes: 16 << 20}
	n := 2 + w.rng.IntN(3)
	if w.chance(50) {
		w.credit = uint32(1 + w.rng.IntN(8))
	}
	if w.chance(25) {
		w.bytes = 2000
	}
	w.tail, w.waits, w.cuts = w.chance(40), w.chance(50), w.chance(15)
	lim := Limits{OpenCalls: int(w.credit), OpenBytes: int64(w.bytes)}
	if seed%4 == 0 {
		lim.Embargoes = 1
	}
	w.say("seed %d: %d vats, credit %d calls %d bytes, tail %v, waits %v, cuts %v", seed, n, w.credit, w.bytes, w.tail, w.waits, w.cuts)
	for i := range n {
		v := &rvat{w: w, i: i, name: string(rune('A' + i)), sessions: make([]*Session, n), out: make([][]byte, n)}
		v.m = New(&Config{Limits: lim})
		v.objects = []*robject{{vat: v, name: "root"}}
		w.vats = append(w.vats, v)
		for j := range i {
			w.connect(v, w.vats[j])
		}
	}
	return w
}

func (w *rworld) connect(a, b *rvat) {
	for _, p := range [][2]*rvat{{a, b}, {b, a}} {
		v, o := p[0], p[1]
		s := v.m.Connect(SessionConfig{Peer: o.name, Tag: o, TailCalls: w.tail, Bootstrap: v.m.Near(v.objects[0], nil)})
		s.Grant(w.credit, w.bytes)
		v.sessions[o.i], v.out[o.i] = s, nil
	}
}

func (w *rworld) cut(a, b *rvat) {
	w.lossy = true
	w.say("cut %s %s", a.name, b.name)
	for _, p := range [][2]*rvat{{a, b}, {b, a}} {
		p[0].sessions[p[1].i].Disconnect(PeerGone.ends(), false)
		p[0].flush()
		p[0].out[p[1].i] = nil
	}
	w.connect(a, b)
}

// flush puts what a vat has to say on its wires.
func (v *rvat) flush() {
	for _, s := range v.m.TakeDirty(nil) {
		o := s.Tag().(*rvat)
		if v.sessions[o.i] != s {
			continue
		}
		data := s.TakeOut(nil)
		if v.w.verbose {
			v.w.trace(v, o, data)
		}
		v.out[o.i] = append(v.out[o.i], data...)
		if err := s.Err(); err != nil && err.Outcome != PeerGone {
			v.w.fail("%s ended its session with %s: %s", v.name, o.name, err)
		}
	}
}

// deliver moves some bytes from a to b. False: there are none.
func (w *rworld) deliver(a, b *rvat, all bool) bool {
	if all || w.chance(70) {
		a.flush()
	}
	s := b.sessions[a.i]
	if all && s != nil && s.Kept() > 0 {
		s.Pause(false)
		w.say("%s goes on with %d messages of %s", b.name, s.Kept(), a.name)
		if err := s.Resume(0); err != nil {
			w.fail("%s ends its session with %s: %s", b.name, a.name, err)
		}
		return true
	}
	data := a.out[b.i]
	if len(data) == 0 {
		return false
	}
	n, most := len(data), 0
	if !all {
		switch w.rng.IntN(3) {
		case 0:
			n = 1 + w.rng.IntN(len(data))
		case 1:
			most = 1
		}
	}
	w.say("%s → %s: %d bytes %x", a.name, b.name, n, hashOf(data[:n]))
	rest, err := w.take(s, data[:n], most, all)
	a.out[b.i] = append(rest[:len(rest):len(rest)], data[n:]...)
	if err != nil {
		w.fail("%s ends its session with %s: %s", b.name, a.name, err)
	}
	return true
}

// take has s take bytes in; some of them, it may be, to be put aside.
func (w *rworld) take(s *Session, data []byte, most int, all bool) (rest []byte, err *Error) {
	if w.aside == nil || all {
		s.Pause(false)
		return s.Receive(data, most)
	}
	s.Pause(w.aside.IntN(3) > 0)
	if s.Kept() > 0 && w.aside.IntN(2) == 0 {
		err = s.Resume(1 + w.aside.IntN(3))
	}
	if s.Kept() == 0 && err == nil {
		if data, err = s.Receive(data, most); !s.paused {
			return data, err
		}
	}
	for len(data) > 0 && err == nil {
		data, err = s.Put(data)
		if most == 1 {
			break
		}
	}
	return data, err
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// trace prints messages as they are written.
func (w *rworld) trace(a, b *rvat, data []byte) {
	for len(data) > 0 {
		size, _, _ := capn.FrameSize(data, 0, 0)
		w.log.WriteString(fmt.Sprintf("  %s writes to %s: %s\n", a.name, b.name, traceFrame(data[:size])))
		data = data[size:]
	}
}

// hold makes a handle for a reference; its holder passes.
func (v *rvat) hold(ref *Ref, node *rnode, parents ...redge) *rhandle {
	v.w.handles++
	h := &rhandle{vat: v, ref: ref, node: node, parents: parents, id: v.w.handles}
	v.handles = append(v.handles, h)
	return h
}

// Deliver implements Object.
func (o *robject) Deliver(in *Call) bool {
	w := o.vat.w
	content, caps := in.Params()
	id := int(content.U64(0))
	if id >= len(w.calls) {
		w.fail("%s gets call %d, which nobody sent", o.name, id)
	}
	c := w.calls[id]
	w.checkTarget(c, o)
	if len(caps) != len(c.args) {
		w.fail("call %d has %d arguments, not %d", id, len(caps), len(c.args))
	}
	c.incoming = in
	if w.waits && !w.draining && w.chance(20) {
		w.say("%s: %s gets call %d, waits", o.vat.name, o.name, id)
		c.waiting = true
		o.vat.waiting = append(o.vat.waiting, c)
		return true
	}
	w.say("%s: %s gets call %d", o.vat.name, o.name, id)
	o.vat.turn(c)
	return false
}

// turn is the turn of a delivered call: its arguments come into hands.
func (v *rvat) turn(c *rcall) {
	c.waiting = false
	v.w.arrive(c)
	v.inbox = append(v.inbox, c)
	_, caps := c.incoming.Params()
	for i, r := range caps {
		e := c.args[i]
		if r == nil || e.h == nil {
			if r != nil || e.h != nil {
				v.w.fail("call %d: argument %d is null=%v", c.id, i, r == nil)
			}
			continue
		}
		v.hold(r.Retain(), e.h.node, e)
	}
}

func (o *robject) Canceled(in *Call) {}

func (o *robject) Dropped(g *Grant) { o.dropped++ }

type rsink struct{ c *rcall }

// Settled implements Sink.
func (s rsink) Settled(call *Call, out Outcome) {
	c := s.c
	w := c.from.w
	if c.told++; c.told > 1 {
		w.fail("call %d settles twice", c.id)
	}
	c.err = out.Err
	if out.Err != nil {
		w.say("%s: call %d fails: %s", c.from.name, c.id, out.Err.Reason)
		if out.Err == errOverloaded || out.Err.Kind == Overloaded {
			w.fail("call %d of an honest sender is overloaded", c.id)
		}
		return
	}
	w.say("%s: call %d returns", c.from.name, c.id)
	if c.done {
		return
	}
	for i, r := range out.Caps {
		if r == nil {
			continue
		}
		n := c.result(i)
		if _, st, may := n.resolve(); st == rBroken && !may && !w.lossy && r.State() != Broken && r.State() != Promise {
			w.fail("call %d returned a reference where its object returned none", c.id)
		}
		c.from.hold(r.Retain(), n)
	}
}
