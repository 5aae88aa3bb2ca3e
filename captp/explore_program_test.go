package captp

import (
	"fmt"
	"slices"
	"strings"
)

// A program is a shape that is written in one line, and so can be made and made
// smaller by a machine: what each vat does, in order, and what is required of it, which
// follows from the program alone.
//
//	"A>B 1 call; A echo B o; A tell r0; A tell r0"
//
// Each part is a vat and what it does; a part is named by its number. References:
//
//	A B …   the bootstrap object of that vat
//	o       an object of the vat's own
//	r3      the result of what part 3 sent
//	a3      the reference that came with what part 3 sent
//	p3      the promise that part 3 made, or that was answered to it
//
// What is done:
//
//	tell H [X]      send on H, with X
//	echo H X        send X on H, which is answered with X
//	own H [X]       … with an object of the receiver's
//	prom H [X]      … with a promise of the receiver's
//	kept H [X]      … by a later ret
//	fail H [X]      … with an exception
//	need H X        send on H, to a method that waits until X is no promise
//	ret 3 X         answer what part 3 sent with X
//	follow 3 4      answer what part 3 sent with the outcome of what part 4 sent
//	new             make a promise
//	res P X         resolve it
//	cancel 3        cancel what part 3 sent
//	await H         wait until H is no promise
//	drop H          let go of H
//	meet            find whom it was told of (with "late")
//	tick            eleven seconds pass at the vat
//	leave           end all sessions
//
// A vat waits with a part until it holds what the part names. Options come first,
// without a vat: "A>B 2 calls", "A>B 620 bytes", "tail" (sessions allow tail
// calls), "eager" (references are let go of after their last use), "lazy" (vats write
// some time later), "circle" (promises may lead to themselves: then they break), "handoff"
// (references are handed over), "late" (… once the recipient does "meet"), "link BC" (a link
// that no part names).
type program struct {
	vats   int
	opts   []string
	ops    []gop
	eager  bool
	tail   bool
	circle bool
	lazy   bool
	hand   bool
	late   bool
}

type gop struct {
	at   int
	verb string
	args []string
}

func (o gop) String() string {
	return strings.Join(append([]string{string(rune('A' + o.at)), o.verb}, o.args...), " ")
}

func (p *program) String() string {
	parts := slices.Clone(p.opts)
	for _, o := range p.ops {
		parts = append(parts, o.String())
	}
	return strings.Join(parts, "; ")
}

// parseProgram reads a program. It does not check that it makes sense: see plan.
func parseProgram(text string) *program {
	p := &program{vats: 2}
	for _, part := range strings.Split(text, ";") {
		f := strings.Fields(part)
		switch {
		case len(f) == 0:
		case len(f[0]) > 1:
			p.option(strings.Join(f, " "))
		default:
			p.ops = append(p.ops, gop{at: int(f[0][0] - 'A'), verb: f[1], args: f[2:]})
			p.vats = max(p.vats, int(f[0][0]-'A')+1)
			for _, a := range f[2:] {
				if a >= "A" && a <= "D" {
					p.vats = max(p.vats, int(a[0]-'A')+1)
				}
			}
		}
	}
	return p
}

func (p *program) option(o string) {
	p.opts = append(p.opts, o)
	p.eager = p.eager || o == "eager"
	p.tail = p.tail || o == "tail"
	p.circle = p.circle || o == "circle"
	p.lazy = p.lazy || o == "lazy"
	p.hand = p.hand || o == "handoff"
	p.late = p.late || o == "late"
}

// The meaning of a program, found without running it.

type gnode struct {
	vat  int    // an object of this vat, or -1
	to   *gedge // a promise or result: what it is
	dead bool   // it breaks
}

type gedge struct {
	h    *ghandle
	fork int // sends made on h before
}

type ghandle struct {
	name    string
	vat     int
	node    *gnode
	parents []gedge
	sends   []*gmsg
	last    int // the part that uses it last
}

type gmsg struct {
	op, seq int
	h       *ghandle
	arg     *gedge
	to      int // the vat to which it comes
	result  *gnode
	kept    bool // to be answered still
}

// plan is what follows from a program.
type plan struct {
	p        *program
	hands    []map[string]*ghandle // by vat
	msgs     map[int]*gmsg
	open     map[*gnode]string // promises that are not resolved, by a name
	followed map[int]bool      // parts whose calls others follow
	cancels  bool
	leaves   bool
	bad      string
}

func (n *gnode) end() *gnode {
	for n.to != nil {
		n = n.to.h.node
	}
	return n
}

func (h *ghandle) edge() gedge { return gedge{h, len(h.sends)} }

// hold gives a vat something.
func (pl *plan) hold(vat int, name string, n *gnode, parents ...gedge) *ghandle {
	h := &ghandle{name: name, vat: vat, node: n, parents: parents, last: -1}
	pl.hands[vat][name] = h
	return h
}

func (p *program) plan() *plan {
	pl := &plan{p: p, msgs: map[int]*gmsg{}, open: map[*gnode]string{}, followed: map[int]bool{}}
	boots := make([]*gnode, p.vats)
	for i := range p.vats {
		pl.hands = append(pl.hands, map[string]*ghandle{})
		boots[i] = &gnode{vat: i}
	}
	for i := range p.vats {
		pl.hold(i, "o", &gnode{vat: i})
		for j, n := range boots {
			if i != j {
				pl.hold(i, string(rune('A'+j)), n)
			}
		}
	}
	for i, o := range p.ops {
		if pl.do(i, o); pl.bad != "" {
			return pl
		}
		pl.arrive()
	}
	return pl
}

// wrong says why the program makes no sense; "" if it does.
func (pl *plan) wrong() string {
	if pl.bad == "" && len(pl.open) > 0 {
		return "not all is resolved"
	}
	return pl.bad
}

func (pl *plan) use(i int, o gop, name string) *ghandle {
	h := pl.hands[o.at][name]
	if h == nil {
		pl.bad = fmt.Sprintf("part %d: no %s", i, name)
		return &ghandle{node: &gnode{}}
	}
	h.last = i
	return h
}

// sent returns the message that a part sent, as the argument k of another names it.
func (pl *plan) sent(i int, o gop, k int) *gmsg {
	n := -1
	if len(o.args) > k {
		fmt.Sscan(o.args[k], &n)
	}
	m := pl.msgs[n]
	if m == nil {
		pl.bad = fmt.Sprintf("part %d: nothing was sent", i)
		return &gmsg{h: &ghandle{}, result: &gnode{}}
	}
	return m
}

// settle makes a promise or result lead where e leads.
func (pl *plan) settle(i int, n *gnode, e gedge) {
	for x := e.h.node; ; x = x.to.h.node {
		if x == n {
			if !pl.p.circle {
				pl.bad = fmt.Sprintf("part %d: a circle", i)
			}
			delete(pl.open, n)
			n.dead = true
			return
		}
		if x.to == nil {
			break
		}
	}
	delete(pl.open, n)
	n.to = &e
}

func (pl *plan) do(i int, o gop) {
	need := map[string]int{"echo": 2, "ret": 2, "res": 2, "follow": 2, "new": 0, "need": 2, "meet": 0, "tick": 0, "leave": 0}
	n, ok := need[o.verb]
	if !ok {
		n = 1
	}
	if len(o.args) < n {
		pl.bad = fmt.Sprintf("part %d is too short", i)
		return
	}
	switch o.verb {
	case "tell", "need", "echo", "own", "prom", "kept", "fail":
		h := pl.use(i, o, o.args[0])
		m := &gmsg{op: i, h: h, to: -1, seq: len(h.sends)}
		if len(o.args) > 1 {
			e := pl.use(i, o, o.args[1]).edge()
			m.arg = &e
		}
		h.sends = append(h.sends, m)
		pl.msgs[i] = m
		if o.verb != "tell" && o.verb != "need" {
			m.result = &gnode{vat: -1}
			pl.open[m.result] = fmt.Sprintf("r%d", i)
			pl.hold(o.at, fmt.Sprintf("r%d", i), m.result)
		}
	case "new":
		n := &gnode{vat: -1}
		pl.open[n] = fmt.Sprintf("p%d", i)
		pl.hold(o.at, fmt.Sprintf("p%d", i), n)
	case "res":
		h := pl.use(i, o, o.args[0])
		x := pl.use(i, o, o.args[1])
		if pl.bad == "" && (h.name[0] != 'p' || h.node.to != nil || h.node.dead) {
			pl.bad = fmt.Sprintf("part %d: %s cannot be resolved", i, h.name)
			return
		}
		pl.settle(i, h.node, x.edge())
	case "ret", "follow":
		m := pl.sent(i, o, 0)
		if pl.bad == "" && (!m.kept || m.to != o.at) {
			pl.bad = fmt.Sprintf("part %d: not to be answered", i)
			return
		}
		m.kept = false
		if o.verb == "ret" {
			pl.settle(i, m.result, pl.use(i, o, o.args[1]).edge())
			return
		}
		f := pl.sent(i, o, 1)
		if pl.bad == "" && (f.result == nil || pl.p.ops[f.op].at != o.at) {
			pl.bad = fmt.Sprintf("part %d: nothing to follow", i)
			return
		}
		pl.followed[f.op] = true
		pl.settle(i, m.result, gedge{h: &ghandle{vat: o.at, node: f.result}})
	case "cancel":
		m := pl.sent(i, o, 0)
		if pl.bad == "" && pl.p.ops[m.op].at != o.at {
			pl.bad = fmt.Sprintf("part %d: not one of its own", i)
		}
		pl.cancels = true
	case "await":
		pl.use(i, o, o.args[0])
	case "meet", "tick":
	case "leave":
		pl.leaves = true
	case "drop":
		h := pl.use(i, o, o.args[0])
		delete(pl.hands[o.at], h.name)
	default:
		pl.bad = fmt.Sprintf("part %d: what is %q", i, o.verb)
	}
}

// arrive delivers what can arrive now.
func (pl *plan) arrive() {
	for again := true; again; {
		again = false
		for _, i := range sortedNames(pl.msgs) {
			m := pl.msgs[i]
			if m.to >= 0 {
				continue
			}
			end := m.h.node.end()
			if end.vat < 0 && !end.dead {
				continue
			}
			if pl.p.ops[i].verb == "need" && !end.dead && pl.open[m.arg.h.node.end()] != "" {
				continue
			}
			m.to, again = end.vat, true
			if end.dead {
				m.to = len(pl.hands)
				if m.result != nil {
					delete(pl.open, m.result)
					m.result.dead = true
				}
				continue
			}
			pl.react(m)
		}
	}
}

func (pl *plan) react(m *gmsg) {
	i := m.op
	if m.arg != nil {
		pl.hold(m.to, fmt.Sprintf("a%d", i), m.arg.h.node, *m.arg)
	}
	switch pl.p.ops[i].verb {
	case "echo":
		pl.settle(i, m.result, gedge{h: pl.hands[m.to][fmt.Sprintf("a%d", i)]})
	case "own":
		delete(pl.open, m.result)
		m.result.vat = m.to
	case "fail":
		delete(pl.open, m.result)
		m.result.dead = true
	case "prom":
		n := &gnode{vat: -1}
		name := fmt.Sprintf("p%d", i)
		pl.open[n] = name
		pl.settle(i, m.result, gedge{h: pl.hold(m.to, name, n)})
	case "kept":
		m.kept = true
	}
}

// before returns the messages that must arrive before m.
func (m *gmsg) before() (all []*gmsg) {
	closed := map[*ghandle]int{}
	var closeTo func(h *ghandle, k int)
	var above func(h *ghandle)
	closeTo = func(h *ghandle, k int) {
		was := closed[h]
		if was >= k {
			return
		}
		closed[h] = k
		all = append(all, h.sends[was:k]...)
		if was > 0 {
			return
		}
		for _, e := range h.parents {
			closeTo(e.h, e.fork)
		}
		for n := h.node; n.to != nil; n = n.to.h.node {
			closeTo(n.to.h, n.to.fork)
			above(n.to.h)
		}
		above(h)
	}
	above = func(h *ghandle) {
		for _, e := range h.parents {
			closeTo(e.h, e.fork)
			above(e.h)
		}
	}
	closeTo(m.h, m.seq+1)
	return slices.DeleteFunc(all, func(x *gmsg) bool { return x == m })
}
