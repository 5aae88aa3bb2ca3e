package captp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/internal/capn"
)

// The vats of the explorer: a machine, objects with scripted reactions, and a list
// of steps. Nothing that one vat does reads another vat: what it does depends on
// what has come to it and on its own steps, in their order, and on nothing else.
// The search rests on that.

// xVat is one vat.
type xVat struct {
	s        *shape
	name     string
	m        *Machine
	sessions map[string]*Session
	objects  map[string]*xObject
	refs     map[string]*Ref  // what it holds, by names of the shape's
	kept     map[string]*xMsg // calls to be answered later
	gated    map[string]*xMsg // calls that wait at their gate
	sent     map[string]*xSent
	steps    []xStep
	turns    []func()
	arrivals []string   // messages, in the order of their turns
	meets    []*Handoff // asked for, in shapes where that takes a step
	nonces   int
	bad      string // what went wrong here
}

// xStep is something that a vat does by itself, once it can.
type xStep struct {
	can func(v *xVat) bool // nil: at once
	do  func(v *xVat)
}

// xObject notes what arrives, and reacts in a turn at the end of the event.
type xObject struct {
	v    *xVat
	name string
	on   map[string]func(v *xVat, m *xMsg)
	wait map[string]bool // messages that wait at the gate until goOn
}

// xMsg is a message that has arrived.
type xMsg struct {
	o        *xObject
	c        *Call
	name     string
	answered bool
}

func (m *xMsg) caps() []*Ref {
	_, caps := m.c.Params()
	return caps
}

// answer answers with r, of which the holder passes; nil is nothing.
func (m *xMsg) answer(r *Ref) {
	m.answered = true
	if r == nil {
		m.c.Return(nil, nil)
		return
	}
	m.c.Return(results("", 1), []*Ref{r})
}

// fail answers with an exception.
func (m *xMsg) fail() {
	m.answered = true
	m.c.Fail(&Error{Kind: Failed, Reason: "failed on purpose"})
}

// keep leaves the answer for a later step: see ret.
func (m *xMsg) keep() {
	m.answered = true
	m.o.v.kept[m.name] = m
}

// Deliver implements Object.
func (o *xObject) Deliver(c *Call) bool {
	content, caps := c.Params()
	p, _ := content.Field(0)
	b, _ := p.Text()
	m := &xMsg{o: o, c: c, name: string(b)}
	needs := slices.Contains(o.v.s.needs, m.name) && caps[0].State() == Promise
	if o.wait[m.name] || needs {
		o.v.gated[m.name] = m
		if needs {
			caps[0].Watch(m)
		}
		return true
	}
	m.arrive()
	return false
}

// Changed implements Watcher: the argument that a call waits for has settled.
func (m *xMsg) Changed(*Ref) {
	m.o.v.turns = append(m.o.v.turns, func() {
		if m.o.v.gated[m.name] != nil { // not given up meanwhile
			m.o.v.goOn(m.name)
		}
	})
}

// arrive notes a message, and queues its turn.
func (m *xMsg) arrive() {
	v := m.o.v
	for _, a := range v.arrivals {
		if a == m.name {
			v.wrong("%s arrived twice", m.name)
		}
	}
	v.arrivals = append(v.arrivals, m.name)
	v.turns = append(v.turns, func() {
		if react := m.o.on[m.name]; react != nil {
			react(v, m)
		} else if v.s.react != nil {
			v.s.react(v, m)
		}
		if !m.answered {
			m.answer(nil)
		}
	})
}

// goOn lets a message through its gate.
func (v *xVat) goOn(msg string) {
	m := v.gated[msg]
	if m == nil {
		v.wrong("%s does not wait", msg)
		return
	}
	delete(v.gated, msg)
	m.arrive()
	m.c.Ready()
}

// Canceled implements Object.
func (o *xObject) Canceled(*Call) {}

// Dropped implements Object.
func (o *xObject) Dropped(*Grant) {}

func (v *xVat) wrong(format string, args ...any) {
	if v.bad == "" {
		v.bad = fmt.Sprintf(format, args...)
	}
}

func (v *xVat) object(name string) *xObject {
	o := v.objects[name]
	if o == nil {
		o = &xObject{v: v, name: name, on: map[string]func(*xVat, *xMsg){}, wait: map[string]bool{}}
		v.objects[name] = o
	}
	return o
}

// near returns the vat's object of that name, with a holder for the vat's hands.
func (v *xVat) near(name string) *Ref {
	r := v.refs["near "+name]
	if r == nil {
		r = v.m.Near(v.object(name), nil)
		v.refs["near "+name] = r
	}
	return r
}

// set keeps r, whose holder passes, under a name.
func (v *xVat) set(name string, r *Ref) {
	old := v.refs[name]
	v.refs[name] = r
	if old != nil {
		old.Release()
	}
}

// drop lets go of what is kept under a name.
func (v *xVat) drop(name string) {
	if r := v.refs[name]; r != nil {
		delete(v.refs, name)
		r.Release()
	}
}

func (v *xVat) boot(peer string) *Ref { return v.refs["boot "+peer] }

// promise returns the vat's promise of that name, made when first asked for.
func (v *xVat) promise(name string) *Ref {
	r := v.refs["promise "+name]
	if r == nil {
		r = v.m.NewPromise()
		v.refs["promise "+name] = r
	}
	return r
}

// resolve makes the vat's promise lead to r, whose holder stays with the caller.
func (v *xVat) resolve(name string, r *Ref) { v.m.Resolve(v.promise(name), r.Retain()) }

// xSent is a message that the vat has sent.
type xSent struct {
	v        *xVat
	c        *Call
	msg      string
	told     int
	err      string
	followed bool // the handle is kept to the end
}

// Settled implements Sink.
func (x *xSent) Settled(_ *Call, out Outcome) {
	if x.told++; x.told > 1 {
		x.v.wrong("%s settles twice", x.msg)
	}
	if out.Err != nil {
		x.err = out.Err.Reason
		if out.Err.Kind == Overloaded {
			x.v.wrong("%s of an honest sender is overloaded", x.msg)
		}
	}
	x.v.turns = append(x.v.turns, func() { x.c.Done() })
}

// send sends msg with references on r, and keeps the promise for the first
// capability of the results as refs[msg].
func (v *xVat) send(r *Ref, msg string, caps ...*Ref) {
	x := v.sendCall(r, msg, false, caps)
	v.set(msg, x.c.Pipe(0))
	x.c.Done()
}

// tell sends msg on r, of which only the outcome is noted.
func (v *xVat) tell(r *Ref, msg string, caps ...*Ref) { v.sendCall(r, msg, true, caps) }

func (v *xVat) sendCall(r *Ref, msg string, only bool, caps []*Ref) *xSent {
	passed := make([]*Ref, len(caps))
	for i := range caps {
		passed[i] = caps[i].Retain()
	}
	x := &xSent{v: v, msg: msg}
	v.sent[msg] = x
	out := &Outgoing{Interface: testInterface, Params: params(msg, len(passed)), Caps: passed, NoPipelining: only}
	if only {
		out.Sink = x
	}
	x.c = v.m.Send(r, out)
	x.c.tangled = true // looked at, and maybe canceled or followed, later
	return x
}

// ret answers a call that was kept with r, whose holder stays with the caller.
func (v *xVat) ret(msg string, r *Ref) {
	m := v.kept[msg]
	delete(v.kept, msg)
	if r != nil {
		r.Retain()
	}
	m.answer(r)
}

// cancel cancels the call that was sent as msg.
func (v *xVat) cancel(msg string) { v.sent[msg].c.Cancel() }

// letGo lets go of everything that the vat's hands hold.
func (v *xVat) letGo() {
	for _, name := range sortedNames(v.refs) {
		v.drop(name)
	}
	for _, name := range sortedNames(v.sent) {
		if x := v.sent[name]; x.followed {
			x.followed = false
			x.c.Done()
		}
	}
	for _, name := range sortedNames(v.sessions) {
		v.sessions[name].ForgetBootstrap()
	}
}

// xIn is something that happens at a vat: a message comes, it does its next step, or,
// if it is lazy, it writes what it has to say.
type xIn struct {
	from string // "": a step
	msg  []byte
	out  bool
}

// xOut is a message of a vat's.
type xOut struct {
	to  string
	msg []byte
}

// do has in happen and returns what the vat then sends.
func (v *xVat) do(in xIn) (outs []xOut) {
	defer func() {
		if p := recover(); p != nil {
			v.wrong("panic: %v", p)
		}
	}()
	if in.out {
		return v.flush()
	}
	if in.from == "" {
		step := v.steps[0]
		v.steps = v.steps[1:]
		step.do(v)
	} else if s := v.sessions[in.from]; s.Err() == nil {
		_, _ = s.Receive(in.msg, 0)
	}
	if v.s.lazy {
		v.runTurns()
		return nil
	}
	return v.flush()
}

func (v *xVat) runTurns() {
	for len(v.turns) > 0 {
		turn := v.turns[0]
		v.turns = v.turns[1:]
		turn()
	}
}

// flush runs the turns and takes what the vat has to say.
func (v *xVat) flush() (outs []xOut) {
	v.runTurns()
	for _, s := range v.m.TakeDirty(nil) {
		for out := s.TakeOut(nil); len(out) > 0; {
			size, _, _ := capn.FrameSize(out, 64, 64<<20)
			outs = append(outs, xOut{s.Peer(), out[:size:size]})
			out = out[size:]
		}
		if err := s.Err(); err != nil && !v.s.leaves {
			v.wrong("%s ended its session with %s: %s", v.name, s.Peer(), err)
		}
	}
	return outs
}

// ready reports whether the vat's next step can be done.
func (v *xVat) ready() bool {
	return v.bad == "" && len(v.steps) > 0 && (v.steps[0].can == nil || v.steps[0].can(v))
}

// newVat makes the vat of that name as the shape begins, its peers not met yet.
func (s *shape) newVat(name string, noEmbargo bool) *xVat {
	v := &xVat{
		s: s, name: name, sessions: map[string]*Session{}, objects: map[string]*xObject{}, refs: map[string]*Ref{},
		kept: map[string]*xMsg{}, gated: map[string]*xMsg{}, sent: map[string]*xSent{},
	}
	var lim Limits // the most that anybody was granted
	for _, l := range s.links {
		if c := s.creditOn(l, name); c != nil {
			lim.OpenCalls = max(lim.OpenCalls, int(c.calls))
			lim.OpenBytes = max(lim.OpenBytes, int64(c.bytes))
		}
	}
	cfg := &Config{ObjectInterface: testInterface, Limits: lim}
	if s.handoff {
		cfg.Vat, cfg.Introducer = vatIDOf(name), v
	}
	v.m = New(cfg)
	v.m.noEmbargo, v.m.hasty = noEmbargo && (!s.handoff || s.bare), noEmbargo
	for _, l := range s.links {
		a, b, _ := strings.Cut(l, " ")
		if b == name {
			a, b = b, a
		}
		if a != name {
			continue
		}
		sess := v.m.Connect(SessionConfig{Peer: b, Bootstrap: v.near("boot").Retain(), TailCalls: s.tail, Vat: vatIDOf(b)})
		sess.Offer(nil)
		c := s.creditOn(l, b)
		sess.Grant(c.calls, c.bytes)
		v.sessions[b] = sess
	}
	v.steps = append([]xStep{{do: func(v *xVat) {
		for _, peer := range sortedNames(v.sessions) {
			v.refs["boot "+peer] = v.sessions[peer].Bootstrap()
		}
	}}}, s.steps[name]...)
	if f := s.objects[name]; f != nil {
		f(v)
	}
	return v
}

// vatIDOf is what others know a vat of that name by.
func vatIDOf(name string) string {
	var id [idSize]byte
	copy(id[:], name)
	return string(id[:])
}

// Nonce implements Introducer.
func (v *xVat) Nonce() (n [idSize]byte) {
	v.nonces++
	copy(n[:], fmt.Sprintf("%s-%d", v.name, v.nonces))
	return n
}

// Meet implements Introducer.
func (v *xVat) Meet(h *Handoff) {
	v.meets = append(v.meets, h)
	if !v.s.late {
		v.turns = append(v.turns, v.meetAll)
	}
}

// leave ends all sessions.
func (v *xVat) leave() {
	for _, name := range sortedNames(v.sessions) {
		v.sessions[name].Abort(PeerGone.ends())
	}
}

// meetAll has the vat find whom it has to meet, if there is a way.
func (v *xVat) meetAll() {
	meets := v.meets
	v.meets = nil
	for _, h := range meets {
		v.m.Met(h, v.sessions[strings.TrimRight(h.Host(), "\x00")])
	}
}
