package captp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
)

// The explorer runs small worlds in every order in which their messages can
// arrive, and looks whether sends keep theirs. What happens at different vats is
// independent, so of all schedules that differ only in the order of independent
// events one is run (sleep sets, Godefroid 1996). A world is run again from its
// beginning for each schedule: machines are not copied.

// shape is a small world.
type shape struct {
	name  string
	vats  []string
	links []string // "a b": a session between a and b
	// setup gives objects their behaviour, before anything runs.
	setup func(x *xWorld)
	// steps are what each vat does by itself, in order, interleaved with everything.
	steps map[string][]func(v *xVat)
	// before lists pairs of messages: the first must arrive before the second.
	before [][2]string
	// all lists messages that must arrive, each once.
	all []string
	// fails says that without embargoes the order is lost.
	fails bool
}

type xWorld struct {
	t        testing.TB
	vats     map[string]*xVat
	order    []string
	arrivals []string // messages, in the order of their delivery, by object
}

type xVat struct {
	x        *xWorld
	name     string
	m        *Machine
	sessions map[string]*Session
	wires    map[string][][]byte
	objects  map[string]*xObject
	refs     map[string]*Ref
	steps    []func(v *xVat)
	turns    []func()
}

// xObject notes what arrives, and reacts in a turn at the end of the event.
type xObject struct {
	v    *xVat
	name string
	wait map[string]bool // messages that wait at the gate
	on   map[string]func(v *xVat, c *Call, caps []*Ref)
}

func (o *xObject) Deliver(c *Call) bool {
	content, caps := c.Params()
	p, _ := content.Field(0)
	b, _ := p.Text()
	msg := string(b)
	o.v.x.arrivals = append(o.v.x.arrivals, msg)
	react := o.on[msg]
	o.v.turns = append(o.v.turns, func() {
		if react != nil {
			react(o.v, c, caps)
			return
		}
	})
	if o.wait[msg] {
		// Noted when it goes on, not when it arrives at the gate.
		o.v.x.arrivals = o.v.x.arrivals[:len(o.v.x.arrivals)-1]
		o.v.refs["waiting "+msg] = nil
		waiting := c
		o.on["go "+msg] = func(v *xVat, c *Call, _ []*Ref) {
			v.x.arrivals = append(v.x.arrivals, msg)
			waiting.Ready()
		}
		return true
	}
	return false
}

func (o *xObject) Canceled(*Call) {}
func (o *xObject) Dropped(*Grant) {}

func (v *xVat) object(name string) *xObject {
	o := v.objects[name]
	if o == nil {
		o = &xObject{v: v, name: name, wait: map[string]bool{}, on: map[string]func(*xVat, *Call, []*Ref){}}
		v.objects[name] = o
	}
	return o
}

func (v *xVat) near(name string) *Ref { return v.m.Near(v.object(name), nil) }

// send sends msg with references on r, and keeps the promise for the first
// capability of the results as refs[msg].
func (v *xVat) send(r *Ref, msg string, caps ...*Ref) {
	v.sendCall(r, msg, false, caps...)
}

// tell sends msg on r. Nobody answers it, so that there is less to explore.
func (v *xVat) tell(r *Ref, msg string, caps ...*Ref) { v.sendCall(r, msg, true, caps...) }

func (v *xVat) sendCall(r *Ref, msg string, only bool, caps ...*Ref) {
	for i := range caps {
		caps[i] = caps[i].Retain()
	}
	c := v.m.Send(r, &Outgoing{Interface: testInterface, Params: params(msg, len(caps)), Caps: caps, NoPipelining: only})
	if !only {
		v.refs[msg] = c.Pipe(0)
	}
	c.Done()
}

func (v *xVat) boot(peer string) *Ref { return v.refs["boot "+peer] }

// event is one thing that can happen next: a message arrives at a vat, or the vat
// does its next step.
type event struct{ from, at string }

func (e event) String() string {
	if e.from == "" {
		return e.at + " acts"
	}
	return e.from + "→" + e.at
}

func (s *shape) world(t testing.TB, noEmbargo bool) *xWorld {
	x := &xWorld{t: t, vats: map[string]*xVat{}, order: s.vats}
	for _, name := range s.vats {
		v := &xVat{x: x, name: name, m: New(&Config{ObjectInterface: testInterface}), sessions: map[string]*Session{}, wires: map[string][][]byte{}, objects: map[string]*xObject{}, refs: map[string]*Ref{}, steps: s.steps[name]}
		v.m.noEmbargo = noEmbargo
		x.vats[name] = v
	}
	for _, l := range s.links {
		a, b, _ := strings.Cut(l, " ")
		for _, p := range [][2]*xVat{{x.vats[a], x.vats[b]}, {x.vats[b], x.vats[a]}} {
			sess := p[0].m.Connect(SessionConfig{Peer: p[1].name, Bootstrap: p[0].near("boot")})
			sess.Grant(4096, 16<<20)
			p[0].sessions[p[1].name] = sess
		}
	}
	s.setup(x)
	x.meet()
	return x
}

// meet has every vat ask for its peers' bootstrap objects, so that what is
// explored begins behind that.
func (x *xWorld) meet() {
	for _, name := range x.order {
		v := x.vats[name]
		v.steps = append([]func(v *xVat){func(v *xVat) {
			for _, peer := range x.order {
				if s := v.sessions[peer]; s != nil {
					v.refs["boot "+peer] = s.Bootstrap()
				}
			}
		}}, v.steps...)
		x.do(event{"", name})
	}
	for {
		i := slices.IndexFunc(x.enabled(), func(e event) bool { return e.from != "" })
		if i < 0 {
			return
		}
		x.do(x.enabled()[i])
	}
}

// enabled lists what can happen next, always in the same order.
func (x *xWorld) enabled() []event {
	var es []event
	for _, at := range x.order {
		v := x.vats[at]
		if len(v.steps) > 0 {
			es = append(es, event{"", at})
		}
		for _, from := range x.order {
			if len(x.vats[from].wires[at]) > 0 {
				es = append(es, event{from, at})
			}
		}
	}
	return es
}

func (x *xWorld) do(e event) {
	v := x.vats[e.at]
	if e.from == "" {
		step := v.steps[0]
		v.steps = v.steps[1:]
		step(v)
	} else {
		q := x.vats[e.from].wires[e.at]
		x.vats[e.from].wires[e.at] = q[1:]
		_, err := v.sessions[e.from].Receive(q[0], 0)
		require.Nil(x.t, err, "session of %s with %s", e.at, e.from)
	}
	for len(v.turns) > 0 {
		turn := v.turns[0]
		v.turns = v.turns[1:]
		turn()
	}
	for _, s := range v.m.TakeDirty(nil) {
		for out := s.TakeOut(nil); len(out) > 0; {
			size, _, _ := capn.FrameSize(out, 64, 64<<20)
			v.wires[s.Peer()] = append(v.wires[s.Peer()], out[:size:size])
			out = out[size:]
		}
	}
}

// wrong says what is wrong with a world at rest; "" if nothing.
func (s *shape) wrong(x *xWorld) string {
	at := map[string]int{}
	for i, m := range x.arrivals {
		if _, twice := at[m]; twice {
			return m + " arrived twice"
		}
		at[m] = i
	}
	for _, m := range s.all {
		if _, ok := at[m]; !ok {
			return m + " did not arrive"
		}
	}
	for _, p := range s.before {
		if at[p[0]] > at[p[1]] {
			return fmt.Sprintf("%s arrived before %s", p[1], p[0])
		}
	}
	return ""
}

// exploration is one run of the explorer.
type exploration struct {
	s         *shape
	t         testing.TB
	noEmbargo bool
	states    int
	schedules int
	limit     int // schedules after which it stops; 0: never
	violation string
	trace     []event
}

// from explores everything that can follow the events in prefix, of which x, if
// not nil, is the world; events in sleep were explored before an independent one.
func (ex *exploration) from(prefix []event, x *xWorld, sleep []event) {
	if x == nil {
		x = ex.s.world(ex.t, ex.noEmbargo)
		for _, e := range prefix {
			x.do(e)
		}
	}
	enabled := x.enabled()
	if len(enabled) == 0 {
		ex.schedules++
		if bad := ex.s.wrong(x); bad != "" && ex.violation == "" {
			ex.violation, ex.trace = bad, slices.Clone(prefix)
		}
		return
	}
	for _, e := range enabled {
		if slices.Contains(sleep, e) {
			continue
		}
		if ex.violation != "" || ex.limit > 0 && ex.schedules >= ex.limit {
			return
		}
		var asleep []event
		for _, o := range sleep {
			if o.at != e.at {
				asleep = append(asleep, o)
			}
		}
		ex.states++
		next := append(slices.Clip(prefix), e)
		if x != nil {
			x.do(e)
			ex.from(next, x, asleep)
			x = nil // used up: the next branch replays
		} else {
			ex.from(next, nil, asleep)
		}
		sleep = append(slices.Clip(sleep), e)
	}
}

// TestExplore runs every shape in every order: without the race detector, under
// which only the first schedules of each are run. There is one goroutine here.
func TestExplore(t *testing.T) {
	limit := 0
	if raceDetector {
		limit = 100
	}
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			ex := &exploration{s: s, t: t, limit: limit}
			ex.from(nil, nil, nil)
			t.Logf("%d states, %d schedules", ex.states, ex.schedules)
			require.Empty(t, ex.violation, "after %v", ex.trace)
			if !s.fails {
				return
			}
			broken := &exploration{s: s, t: t, noEmbargo: true}
			broken.from(nil, nil, nil)
			require.NotEmpty(t, broken.violation, "without embargoes nothing goes wrong in %d schedules: the shape shows nothing", broken.schedules)
			t.Logf("without embargoes: %s after %d schedules", broken.violation, broken.schedules)
		})
	}
}
