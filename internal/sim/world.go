package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/bare"
	"github.com/vatnet/vatnet/vat"
)

// Options say how a world is run.
type Options struct {
	Verbose bool         // keep the trace
	Without map[int]bool // steps to leave out
	// Features, if not 0, are those that the world has, whatever its seed says.
	Features Feature
}

// Result is what became of a world.
type Result struct {
	Hash     uint64 // of all that happened
	Features Feature
	Steps    int
	Bad      string // the rule that was broken; "" is none
	Trace    string
	Seen     map[string]int // how often each kind of event happened
}

// world is vats, the wires between them, and the shadow of what they know.
type world struct {
	opts     Options
	rng      *rand.Rand
	step     int
	hash     uint64
	trace    strings.Builder
	seen     map[string]int
	bad      string
	features Feature
	limits   captp.Limits
	faults   bool

	vats    []*machine
	calls   []*call
	grants  []*grant
	counts  []*call // those that wait, or may, for plain data
	handles int
	keep    []any // what the collector must not find before it was released
	mark    int   // see walk
	marks   int   // see judgement
	secret  uint64
	puppet  *machine // the attacker's vat, in a hostile world
	parted  bool     // a session was lost
	nonces  uint64
	calm    bool // it says what it means: the end has come
}

// machine is one vat of the world, in its present incarnation.
type machine struct {
	w         *world
	i         int
	id        crypto.VatID
	epoch     int
	core      bare.Core
	self      *vat.Vat
	root      *thing
	links     []*end // to each other vat; nil to itself
	handles   []*handle
	resolvers []*resolver

	grants []*grant
	clock  time.Time
	holds  bool // somebody has the turn right, and keeps it

	data          []*handle // promises for data
	dataResolvers []*dataResolver
}

// end is one vat's end of a wire.
type end struct {
	session bare.Session
	wire    *wire
	out     []byte // under way to the peer
	stalled int    // nothing of out arrives before this step
	slow    bool   // the peer reads few bytes at a time
	shut    bool   // half-closed: this side has learned of the end, the other has not
	gone    bool   // both have, and there will be no other session
	ended   bool   // this honest side has ended the session with the attacker
	tap     *tap   // of the attacker's end
	reading bool   // the vat is in the middle of reading this
	part    []byte // of a message, for the trace
}

// Run runs the world of a seed.
func Run(seed uint64, opts Options) (r Result) {
	var w *world
	defer func() {
		if p := recover(); p != nil {
			w.fail("panic: %v", p)
			if opts.Verbose {
				w.trace.Write(debug.Stack())
			}
			r = w.result(r.Steps)
		}
	}()
	w = &world{opts: opts, seen: map[string]int{}}
	if w.features = opts.Features &^ Plain; opts.Features == 0 {
		w.features = featuresOf(seed)
	}
	w.secret = rand.New(rand.NewPCG(seed, 1<<40)).Uint64()
	w.at(seed, 0)
	w.build(seed)
	steps := 40 + w.rng.IntN(120)
	r.Steps = steps
	for i := 1; i <= steps && w.bad == ""; i++ {
		if !opts.Without[i] {
			w.at(seed, i)
			w.act()
		}
	}
	w.at(seed, steps+1)
	w.finish()
	r = w.result(steps)
	w.forget()
	return r
}

// forget cuts what ties the vats of a world to what they were told: a reference that the collector would release leads to
// its vat, and by way of things back to itself, so that the world would stay in memory.
func (w *world) forget() {
	w.calls, w.counts, w.keep, w.grants = nil, nil, nil, nil
	for _, m := range w.vats {
		*m = machine{}
	}
}

func (w *world) result(steps int) Result {
	return Result{Hash: w.hash, Features: w.features, Steps: steps, Bad: w.bad, Trace: w.trace.String(), Seen: w.seen}
}

// at begins a step. Each has random numbers of its own, so that one can be left out.
func (w *world) at(seed uint64, step int) {
	w.step, w.rng = step, rand.New(rand.NewPCG(seed, uint64(step)))
}

func (w *world) build(seed uint64) {
	n := 2 + w.rng.IntN(3)
	w.faults = w.rng.IntN(2) == 0
	if w.rng.IntN(3) == 0 {
		w.limits.OpenCalls = 32
	}
	if w.has(Driven) {
		w.limits = captp.Limits{
			OpenCalls: 64, OpenBytes: 32 << 10, SoftBytes: 240 << 10, HardBytes: 320 << 10, MaxMessage: 8 << 10,
		}
	}
	if w.has(Cycles) {
		w.limits.OpenCalls = 32 // calls on what waits for itself go round until there is no more
	}
	if w.has(Hostile) {
		n = max(n, 3)
		// An honest vat that passes on what an attacker sends answers for it: what the attacker may have sent at a
		// time must leave room in the limits of the next session.
		w.limits = captp.Limits{
			OpenCalls: 64, OpenBytes: 512 << 10, SoftBytes: 2 << 20, HardBytes: 4 << 20, Exports: 4096, Imports: 4096,
			Embargoes: 32,
		}
		if w.has(Handoffs) { // a reference that is passed on by handoff takes more
			w.limits.SoftBytes, w.limits.HardBytes = 3<<20, 6<<20
		}
	}
	if w.has(Tight) {
		w.limits.OpenCalls, w.limits.OpenBytes = 1+w.rng.IntN(8), int64(2000+w.rng.IntN(3000))
	}
	w.say("seed %d, %s: %d vats, faults %v, credit %d", seed, w.features, n, w.faults, w.limits.OpenCalls)
	w.furnish(n)
}

// furnish makes n vats and connects them.
func (w *world) furnish(n int) {
	for i := range n {
		m := &machine{w: w, i: i, id: crypto.VatID{byte(i + 1)}, links: make([]*end, n), clock: time.Unix(1e9, 0)}
		m.boot()
		w.vats = append(w.vats, m)
	}
	if w.has(Hostile) {
		w.puppet = pick(w, w.vats)
		w.say("%s is an attacker", w.puppet)
	}
	for i, a := range w.vats {
		for _, b := range w.vats[:i] {
			w.connect(a, b)
		}
	}
}

// boot begins an incarnation.
func (m *machine) boot() {
	m.epoch++
	m.core = bare.New(m.id, m.w.limits, slog.New(&alarm{w: m.w}), func() time.Time { return m.clock }, m.w.nonce)
	m.self = m.core.Vat().(*vat.Vat)
	if m.holds = false; m.w.has(Driven) {
		m.core.Drive()
	}
	m.root = m.thing()
	if err := m.core.Publish(m.root, rootSecret); err != nil {
		m.w.fail("publishing: %v", err)
	}
	m.handles, m.resolvers, m.data, m.dataResolvers, m.grants = nil, nil, nil, nil, nil
	m.add(&handle{ref: m.near(m.root), means: &meaning{thing: m.root}})
}

// nonce is one that no vat has had before.
func (w *world) nonce() (n [32]byte) {
	w.nonces++
	binary.BigEndian.PutUint64(n[:], w.nonces)
	return n
}

var rootSecret = [32]byte{7}

func (m *machine) String() string { return string(rune('A' + m.i)) }

// connect begins a session between two vats; each asks for the other's root.
func (w *world) connect(a, b *machine) {
	x := &wire{a: a, b: b, hostile: a == w.puppet || b == w.puppet}
	for _, p := range [][2]*machine{{a, b}, {b, a}} {
		e := &end{session: p[0].core.Connect(p[1].id, w.has(Handoffs)), wire: x}
		if p[0] == w.puppet {
			e.tap = &tap{}
		}
		p[0].links[p[1].i] = e
	}
	a.ask(b)
	b.ask(a)
}

// ask gets a handle on the root of o.
func (m *machine) ask(o *machine) {
	e := m.links[o.i]
	m.add(&handle{ref: e.session.Ask(rootSecret).(*vat.Ref), means: &meaning{thing: o.root}, over: e.wire})
}

func (w *world) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %s", w.hash, line)
	w.hash = h.Sum64()
	if w.opts.Verbose {
		fmt.Fprintf(&w.trace, "%4d %s\n", w.step, line)
	}
}

// did is say for an event that is counted.
func (w *world) did(kind, format string, args ...any) {
	w.seen[kind]++
	w.say(kind+" "+format, args...)
}

// fail notes the first rule that was broken.
func (w *world) fail(format string, args ...any) {
	if w.bad == "" {
		w.bad = fmt.Sprintf(format, args...)
		w.say("BROKEN: %s", w.bad)
	}
}

func pick[T any](w *world, s []T) T { return s[w.rng.IntN(len(s))] }

// alarm is a log in which errors break a rule: panics, and what must not be told to peers.
type alarm struct{ w *world }

// Enabled implements slog.Handler.
func (a *alarm) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

// Handle implements slog.Handler.
func (a *alarm) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(x slog.Attr) bool {
		if x.Key == "detail" {
			text += ": " + x.Value.String()
		}
		return true
	})
	a.w.fail("the log has an error: %s", text)
	return nil
}

// WithAttrs implements slog.Handler.
func (a *alarm) WithAttrs([]slog.Attr) slog.Handler { return a }

// WithGroup implements slog.Handler.
func (a *alarm) WithGroup(string) slog.Handler { return a }
