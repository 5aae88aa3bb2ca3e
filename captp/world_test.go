package captp

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/vatnet/vatnet/internal/capn"
)

// world is a few machines and the wires between them, driven by a script: the
// golden interactions in testdata run in it.
type world struct {
	t     testing.TB
	out   strings.Builder
	vats  map[string]*testVat
	order []string
	quiet bool
	// handoff says that vats connected from now on hand references over.
	handoff bool
}

// testVat is one machine with named references, calls and objects.
type testVat struct {
	w        *world
	name     string
	m        *Machine
	sessions map[string]*Session // by the peer's name
	wires    map[string][][]byte // frames under way to the peer
	refs     map[string]*Ref
	calls    map[string]*Call
	inbox    map[string]*Call // delivered calls by #number
	grants   map[string]*Grant
	objects  map[string]*testObject
	n        int
	meets    []*Handoff // whom it is to meet
	nonces   int
}

// testObject prints what is delivered to it.
type testObject struct {
	v    *testVat
	name string
	wait bool
}

func (o *testObject) Deliver(c *Call) bool {
	v := o.v
	v.n++
	id := fmt.Sprintf("#%d", v.n)
	v.inbox[id] = c
	_, method := c.Method()
	content, caps := c.Params()
	text, _ := content.Field(0)
	args, _ := text.Text()
	v.say("%s: %s gets %s %s(%s)", v.name, o.name, id, methodName(method), describeArgs(v, string(args), caps, id))
	return o.wait
}

func (o *testObject) Canceled(c *Call) {
	for id, x := range o.v.inbox {
		if x == c {
			o.v.say("%s: %s is canceled", o.v.name, id)
		}
	}
}

func (o *testObject) Dropped(g *Grant) { o.v.say("%s: %s is dropped", o.v.name, o.name) }

func describeArgs(v *testVat, text string, caps []*Ref, id string) string {
	parts := []string{}
	if text != "" {
		parts = append(parts, text)
	}
	for i, r := range caps {
		if r == nil {
			parts = append(parts, "null")
			continue
		}
		if id != "" {
			v.refs[refName(id, i)] = r.Retain()
		}
		parts = append(parts, v.describe(r))
	}
	return strings.Join(parts, ", ")
}

func (v *testVat) describe(r *Ref) string {
	switch r.State() {
	case Near:
		o, g := r.Object()
		name := "data"
		if t, ok := o.(*testObject); ok {
			name = t.name
		}
		if g != nil {
			name += " under " + g.Tag.(string)
		}
		return "near " + name
	case Far:
		if r.Vine() {
			return "far by way of " + r.Session().Peer()
		}
		if r.Session() == nil {
			return "far, between two ways"
		}
		return fmt.Sprintf("far %s/%d", r.Session().Peer(), r.Settled().imp.id)
	case Broken:
		return "broken: " + r.Err().Error()
	}
	if s := r.Session(); s != nil {
		return "promise at " + s.Peer()
	}
	return "promise here"
}

func (w *world) say(format string, args ...any) {
	if !w.quiet {
		fmt.Fprintf(&w.out, format+"\n", args...)
	}
}

func (v *testVat) say(format string, args ...any) { v.w.say(format, args...) }

// testSink prints the outcome of a call.
type testSink struct {
	v    *testVat
	name string
}

func (s testSink) Settled(c *Call, out Outcome) {
	if out.Err != nil {
		how := ""
		switch out.Err.Delivery {
		case NotDelivered:
			how = " (not delivered)"
		case OutcomeUnknown:
			how = " (outcome unknown)"
		}
		s.v.say("%s: %s fails: %s: %s%s", s.v.name, s.name, out.Err.Kind, out.Err, how)
		return
	}
	text := ""
	if out.Content.IsStruct() {
		// Results carry capabilities first, a text behind them.
		if p, err := out.Content.Field(out.Content.Ptrs() - 1); err == nil && p.IsList() {
			b, _ := p.Text()
			text = string(b)
		}
	}
	s.v.say("%s: %s returns (%s)", s.v.name, s.name, describeArgs(s.v, text, out.Caps, s.name+":"))
}

var methodNames []string

func methodID(name string) uint16 {
	for i, n := range methodNames {
		if n == name {
			return uint16(i)
		}
	}
	methodNames = append(methodNames, name)
	return uint16(len(methodNames) - 1)
}

func methodName(id uint16) string {
	if int(id) < len(methodNames) {
		return methodNames[id]
	}
	return fmt.Sprint(id)
}

// testInterface is the interface of all calls in scripts but the data ones.
const testInterface = 0x7e57

// params builds (text, cap 0, cap 1, …); results (cap 0, cap 1, …, text).
func params(text string, n int) []byte {
	var b capn.Builder
	b.Init(nil)
	st := b.Root(0, 1+n)
	if text != "" {
		b.Text(st.Slot(0), text)
	}
	for i := range n {
		b.SetCap(st.Slot(1+i), uint32(i))
	}
	return b.Bytes()
}

func results(text string, n int) []byte {
	var b capn.Builder
	b.Init(nil)
	st := b.Root(0, n+1)
	for i := range n {
		b.SetCap(st.Slot(i), uint32(i))
	}
	if text != "" {
		b.Text(st.Slot(n), text)
	}
	return b.Bytes()
}

// data builds results whose first pointer, where a capability could be, is null.
func data(text string) []byte {
	var b capn.Builder
	b.Init(nil)
	b.Text(b.Root(0, 2).Slot(1), text)
	return b.Bytes()
}

type holderHost struct{ w *world }

func (h holderHost) Holder(content capn.Ptr, caps []*Ref, _ *Session) Object {
	return &holderObject{}
}

// holderObject stands for data in the tests: it refuses every call.
type holderObject struct{ _ byte }

func (*holderObject) Deliver(c *Call) bool {
	c.Fail(&Error{Kind: Unimplemented, Reason: "this is data"})
	return false
}
func (*holderObject) Canceled(*Call) {}
func (*holderObject) Dropped(*Grant) {}

func newWorld(t testing.TB) *world { return &world{t: t, vats: map[string]*testVat{}} }

func (w *world) vat(name string, lim Limits) *testVat {
	v := &testVat{
		w: w, name: name, sessions: map[string]*Session{}, wires: map[string][][]byte{}, refs: map[string]*Ref{},
		calls: map[string]*Call{}, inbox: map[string]*Call{}, grants: map[string]*Grant{}, objects: map[string]*testObject{},
	}
	v.m = New(&Config{Host: holderHost{w}, ObjectInterface: testInterface, Limits: lim, Vat: vatIDOf(name), Introducer: v})
	w.vats[name] = v
	w.order = append(w.order, name)
	return v
}

// object returns the vat's object of that name, made when first named.
func (v *testVat) object(name string) *testObject {
	o := v.objects[name]
	if o == nil {
		o = &testObject{v: v, name: name}
		v.objects[name] = o
	}
	return o
}

func (w *world) connect(a, b *testVat, tail bool, calls uint32, bytes uint64) {
	for _, p := range [][2]*testVat{{a, b}, {b, a}} {
		boot := p[0].m.Near(p[0].object("boot"), nil)
		s := p[0].m.Connect(SessionConfig{Peer: p[1].name, Bootstrap: boot, TailCalls: tail, Vat: vatIDOf(p[1].name)})
		if w.handoff {
			s.Offer(nil)
		}
		if calls > 0 {
			s.Grant(calls, bytes)
		}
		p[0].sessions[p[1].name] = s
		delete(p[0].wires, p[1].name)
	}
}

// flush moves what a vat has written onto its wires, frame by frame.
func (v *testVat) flush() {
	for _, s := range v.m.TakeDirty(nil) {
		out := s.TakeOut(nil)
		for len(out) > 0 {
			size, _, err := capn.FrameSize(out, 64, 64<<20)
			if err != nil || size == 0 || size > len(out) {
				v.w.t.Fatalf("%s wrote a malformed message: %v", v.name, err)
			}
			v.wires[s.Peer()] = append(v.wires[s.Peer()], out[:size:size])
			out = out[size:]
		}
	}
}

// deliver moves one message from a to b, printing it. False: there is none.
func (w *world) deliver(a, b *testVat) bool {
	a.flush()
	q := a.wires[b.name]
	if len(q) == 0 {
		return false
	}
	a.wires[b.name] = q[1:]
	w.say("%s → %s: %s", a.name, b.name, traceFrame(q[0]))
	s := b.sessions[a.name]
	if s.Err() != nil {
		return true
	}
	if _, err := s.Receive(q[0], 0); err != nil {
		w.say("%s: session with %s ends: %s", b.name, a.name, err)
	}
	b.flush()
	return true
}

// run delivers everything, one message of each wire in turn, until it is quiet.
func (w *world) run() {
	for range 100000 {
		moved := false
		for _, a := range w.order {
			for _, b := range w.peers(a) {
				moved = w.deliver(w.vats[a], w.vats[b]) || moved
			}
		}
		if !moved {
			return
		}
	}
	w.t.Fatal("the world does not come to rest")
}

func (w *world) peers(a string) []string {
	var out []string
	for p := range w.vats[a].sessions {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// tables prints what is left in the tables.
func (w *world) tables() {
	for _, a := range w.order {
		v := w.vats[a]
		for _, b := range w.peers(a) {
			st := v.sessions[b].Stats()
			w.say("%s with %s: questions %d, answers %d, exports %d, imports %d, embargoes %d, held %d",
				a, b, st.Questions, st.Answers, st.Exports, st.Imports, st.Embargoes, st.Held)
		}
		if v.m.Charged() == 0 {
			w.say("%s: nothing charged, %d pending", a, v.m.Pending())
		} else {
			w.say("%s: something charged, %d pending", a, v.m.Pending())
		}
	}
}

// frameOf wraps words into a frame, for raw messages.
func frameOf(words ...uint64) []byte {
	b := make([]byte, 8+8*len(words))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(words)))
	for i, w := range words {
		binary.LittleEndian.PutUint64(b[8+8*i:], w)
	}
	return b
}

// refName names the i-th capability of a delivered call, #1.0, or of results, a:0.
func refName(id string, i int) string {
	if strings.HasSuffix(id, ":") {
		return fmt.Sprintf("%s%d", id, i)
	}
	return fmt.Sprintf("%s.%d", id, i)
}

// Nonce implements Introducer.
func (v *testVat) Nonce() (n [idSize]byte) {
	v.nonces++
	copy(n[:], fmt.Sprintf("%s-%d", v.name, v.nonces))
	return n
}

// Meet implements Introducer: who is to be met waits for a command.
func (v *testVat) Meet(h *Handoff) {
	v.say("%s: wants to meet %s", v.name, strings.TrimRight(h.Host(), "\x00"))
	v.meets = append(v.meets, h)
}

// meet has the vat meet whom it wants to, as far as it knows them.
func (v *testVat) meet(known bool) {
	meets := v.meets
	v.meets = nil
	for _, h := range meets {
		var s *Session
		if known {
			s = v.sessions[strings.TrimRight(h.Host(), "\x00")]
		}
		v.m.Met(h, s)
	}
}
