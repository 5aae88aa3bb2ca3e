package captp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// The search. A vat is a transducer: its state and what happens to it give its next
// state and what it sends. These transitions are computed once each, by a real
// machine, and remembered; the states of the world are tuples of the vats' states and
// of what is on the wires, each visited once.
//
// What need not be tried, and why: explore_reduce_test.go.

// local is a state of one vat, with a history that leads there.
type local struct {
	at       int
	id       int32
	parent   *local
	in       xIn
	steps    bool // it can do a step
	writes   bool // it has something to say, and is lazy
	left     int  // steps that it has not done
	arrivals []string
	bad      string
	live     *xVat // in this state, until it goes on from it
	next     map[inKey]transition
	known    []inKey // of next
	sends    []uint8 // see foresee
	sure     map[inKey]sure
}

type inKey struct {
	from int8 // acts, writes, or who sent the message
	msg  int32
}

type transition struct {
	to   *local
	outs []wireMsg
}

type wireMsg struct {
	to  int
	msg int32
}

// search is one exploration of a shape.
type search struct {
	s         *shape
	noEmbargo bool
	merge     bool // vats that are in the same state are taken for one
	limit     int  // states after which it stops; 0: never

	dump    *dumper
	locals  []*local
	hashes  []map[xHash]*local // by vat
	msgs    [][]byte
	msgIDs  map[string]int32
	linked  [][]bool
	index   map[string]int32
	nodes   []node
	paths   []float64 // schedules from a state on; -1: being explored
	bad     string
	badAt   int32
	rests   int             // states at rest …
	ends    map[string]bool // … as they are seen
	stuck   int             // … in which calls wait for credit for ever
	locked  int             // … although all objects have answered what came to them
	stopped bool
	all     bool // everything that can happen is tried
	learned int  // how many transitions are known, and messages found different
	rounds  int
}

// node is a state of the world and how it was reached.
type node struct {
	key    string
	parent int32
	via    event
}

// event is something that happens in a world: a message arrives at a vat, or the vat
// does its next step or writes.
type event struct{ from, at int8 }

const (
	acts   = -1
	writes = -2
)

// state is a node's key, decoded: the vats' states and, by sender and receiver, the
// wires.
type state struct {
	locals []int32
	wires  [][][]int32
}

func (s *shape) search(noEmbargo, merge bool, limit int) *search {
	n := len(s.vats)
	x := &search{s: s, noEmbargo: noEmbargo, merge: merge, limit: limit, dump: newDumper(), msgIDs: map[string]int32{}, index: map[string]int32{}, ends: map[string]bool{}, badAt: -1}
	for range n {
		x.hashes = append(x.hashes, map[xHash]*local{})
		x.linked = append(x.linked, make([]bool, n))
	}
	for _, l := range s.links {
		a, b, _ := strings.Cut(l, " ")
		i, j := slices.Index(s.vats, a), slices.Index(s.vats, b)
		x.linked[i][j], x.linked[j][i] = true, true
	}
	return x
}

// begin returns the state in which all vats have met.
func (x *search) begin() state {
	n := len(x.s.vats)
	st := state{locals: make([]int32, n), wires: make([][][]int32, n)}
	for i, name := range x.s.vats {
		st.wires[i] = make([][]int32, n)
		v := x.s.newVat(name, x.noEmbargo)
		st.locals[i] = x.local(v, i, nil, xIn{}).id
	}
	// What is explored begins behind this: each asks for its peers' bootstrap objects.
	for i := range n {
		st = x.do(st, event{acts, int8(i)})
	}
	for {
		es := slices.DeleteFunc(x.enabled(st), func(e event) bool { return e.from == acts })
		if len(es) == 0 {
			return st
		}
		st = x.do(st, es[0])
	}
}

// local enters the state in which v is.
func (x *search) local(v *xVat, at int, parent *local, in xIn) *local {
	v.modest()
	if bad := x.s.disorder(v.arrivals); bad != "" {
		v.wrong("%s", bad)
	}
	var h xHash
	if x.merge {
		h = x.dump.hash(v)
		if l := x.hashes[at][h]; l != nil {
			return l
		}
	}
	l := &local{at: at, id: int32(len(x.locals)), parent: parent, in: in, next: map[inKey]transition{}, live: v}
	l.steps, l.left, l.bad = v.ready(), len(v.steps), v.bad
	l.writes = x.s.lazy && v.bad == "" && len(v.m.dirty) > 0
	l.arrivals = slices.Clone(v.arrivals)
	x.locals = append(x.locals, l)
	x.hashes[at][h] = l
	return l
}

// vat returns a vat in state l, for the caller to go on with.
func (x *search) vat(l *local) *xVat {
	if v := l.live; v != nil {
		l.live = nil
		return v
	}
	var ins []xIn
	for p := l; p.parent != nil; p = p.parent {
		ins = append(ins, p.in)
	}
	v := x.s.newVat(x.s.vats[l.at], x.noEmbargo)
	for _, in := range slices.Backward(ins) {
		v.do(in)
	}
	return v
}

// step returns what follows when in happens in state l.
func (x *search) step(l *local, k inKey) transition {
	if t, ok := l.next[k]; ok {
		return t
	}
	in := xIn{}
	switch {
	case k.from == writes:
		in.out = true
	case k.from >= 0:
		in = xIn{from: x.s.vats[k.from], msg: x.msgs[k.msg]}
	}
	v := x.vat(l)
	var t transition
	for _, o := range v.do(in) {
		id, ok := x.msgIDs[string(o.msg)]
		if !ok {
			id = int32(len(x.msgs))
			x.msgs = append(x.msgs, o.msg)
			x.msgIDs[string(o.msg)] = id
		}
		t.outs = append(t.outs, wireMsg{slices.Index(x.s.vats, o.to), id})
	}
	t.to = x.local(v, l.at, l, in)
	l.next[k], l.known = t, append(l.known, k)
	x.learned++
	return t
}

// do returns the state after e.
func (x *search) do(st state, e event) state {
	k := inKey{from: e.from}
	next := state{locals: slices.Clone(st.locals), wires: make([][][]int32, len(st.wires))}
	for i := range st.wires {
		next.wires[i] = slices.Clone(st.wires[i])
	}
	if e.from >= 0 {
		w := st.wires[e.from][e.at]
		k.msg = w[0]
		next.wires[e.from][e.at] = w[1:]
	}
	t := x.step(x.locals[st.locals[e.at]], k)
	next.locals[e.at] = t.to.id
	for _, o := range t.outs {
		next.wires[e.at][o.to] = append(slices.Clip(next.wires[e.at][o.to]), o.msg)
	}
	return next
}

// enabled lists what can happen, always in the same order.
func (x *search) enabled(st state) (es []event) {
	for at := range st.locals {
		es = x.enabledAt(es, st, at)
	}
	return es
}

func (x *search) enabledAt(es []event, st state, at int) []event {
	if x.locals[st.locals[at]].steps {
		es = append(es, event{acts, int8(at)})
	}
	if x.locals[st.locals[at]].writes {
		es = append(es, event{writes, int8(at)})
	}
	for from := range st.wires {
		if len(st.wires[from][at]) > 0 {
			es = append(es, event{int8(from), int8(at)})
		}
	}
	return es
}

func (x *search) encode(st state) string {
	b := make([]byte, 0, 64)
	for _, l := range st.locals {
		b = binary.AppendUvarint(b, uint64(l))
	}
	for i := range st.wires {
		for j, w := range st.wires[i] {
			if !x.linked[i][j] {
				continue
			}
			b = binary.AppendUvarint(b, uint64(len(w)))
			for _, m := range w {
				b = binary.AppendUvarint(b, uint64(m))
			}
		}
	}
	return string(b)
}

func (x *search) decode(key string) state {
	n := len(x.s.vats)
	st := state{locals: make([]int32, n), wires: make([][][]int32, n)}
	b := []byte(key)
	next := func() int32 {
		v, k := binary.Uvarint(b)
		b = b[k:]
		return int32(v)
	}
	for i := range n {
		st.locals[i] = next()
	}
	for i := range n {
		st.wires[i] = make([][]int32, n)
		for j := range n {
			if x.linked[i][j] {
				w := make([]int32, next())
				for k := range w {
					w[k] = next()
				}
				st.wires[i][j] = w
			}
		}
	}
	return st
}

// maxDepth bounds how much can happen in a world of the explorer.
const maxDepth = 600

// enter returns the number of a state of the world, and whether it is new.
func (x *search) enter(st state, parent int32, via event) (int32, bool) {
	key := x.encode(st)
	if i, ok := x.index[key]; ok {
		return i, false
	}
	i := int32(len(x.nodes))
	x.index[key] = i
	x.nodes = append(x.nodes, node{key, parent, via})
	return i, true
}

// fail notes the first thing that is wrong.
func (x *search) fail(at int32, format string, args ...any) {
	if x.bad == "" {
		x.bad, x.badAt = fmt.Sprintf(format, args...), at
	}
}

// run explores everything, again and again until nothing new is learned by it.
func (x *search) run() {
	st := x.begin()
	for before := -1; before != x.learned && x.bad == "" && !x.stopped; x.rounds++ {
		before = x.learned
		if !x.all {
			x.foresee()
			x.doubt()
		}
		clear(x.index)
		clear(x.ends)
		x.nodes, x.paths, x.rests, x.stuck, x.locked = x.nodes[:0], x.paths[:0], 0, 0, 0
		i, _ := x.enter(st, -1, event{})
		x.paths = append(x.paths, -1)
		x.from(i, st, 0)
		if x.all {
			return
		}
	}
}

// from explores what can follow the state i, and counts the schedules.
func (x *search) from(i int32, st state, depth int) {
	if x.check(i, st); x.bad != "" {
		return
	}
	es := x.enough(st)
	if len(es) == 0 {
		x.atRest(i, st)
		x.paths[i] = 1
		return
	}
	if depth > maxDepth {
		x.fail(i, "the world does not come to rest")
		return
	}
	sum := 0.0
	for k := range es {
		e := es[k]
		if x.limit > 0 { // not always the same corner of what is too large
			e = es[(k+int(i)*7/5)%len(es)]
		}
		next := x.do(st, e)
		j, fresh := x.enter(next, i, e)
		if fresh {
			if x.limit > 0 && len(x.nodes) > x.limit {
				x.stopped = true
			}
			x.paths = append(x.paths, -1)
			x.from(j, next, depth+1)
		} else if x.paths[j] < 0 && x.bad == "" && !x.stopped {
			x.fail(i, "the world goes round in a circle")
		}
		if x.bad != "" || x.stopped {
			return
		}
		sum += x.paths[j]
	}
	x.paths[i] = sum
}

// check looks at a state in which something may still happen.
func (x *search) check(i int32, st state) {
	for at, l := range st.locals {
		if bad := x.locals[l].bad; bad != "" {
			x.fail(i, "at %s: %s", x.s.vats[at], bad)
		}
	}
}

// shortest looks for a shortest schedule after which something is wrong, of all
// schedules, in up to max states, and reports whether there is one.
func (x *search) shortest(max int) bool {
	st := x.begin()
	x.enter(st, -1, event{})
	for i := 0; i < len(x.nodes) && len(x.nodes) < max; i++ {
		st := x.decode(x.nodes[i].key)
		es := x.enabled(st)
		if len(es) == 0 {
			x.atRest(int32(i), st)
		}
		for _, e := range es {
			next := x.do(st, e)
			if j, fresh := x.enter(next, int32(i), e); fresh {
				x.check(j, next)
			}
			if x.bad != "" {
				break
			}
		}
		if x.bad != "" {
			return true
		}
	}
	return false
}

// schedule returns what leads to the state i.
func (x *search) schedule(i int32) (es []event) {
	for ; i >= 0 && x.nodes[i].parent >= 0; i = x.nodes[i].parent {
		es = append(es, x.nodes[i].via)
	}
	slices.Reverse(es)
	return es
}
