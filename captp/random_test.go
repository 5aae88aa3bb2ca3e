package captp

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec"
)

var (
	worldsFlag = flag.Int("worlds", 0, "random worlds to run; 0: up to 10000, but no longer than 10 s")
	fromFlag   = flag.Uint64("from", 1, "the seed of the first")
	worldFlag  = flag.Uint64("world", 0, "run the world of this seed only and print its trace")
	asideFlag  = flag.Bool("aside", false, "… where messages are put aside")
)

// TestRandomWorlds runs worlds of two to four vats on schedules drawn from
// seeds: sends, pipelines, promises as arguments, resolutions, releases,
// cancellations, small credits, calls that wait, lost sessions. A shadow model
// (random_shadow_test.go) knows what every reference means. Checked are the
// target of every delivery, the order of sends on every reference and along the
// ways by which references are passed on, that a call is delivered and settled
// at most once, and that the tables are empty when everything was let go.
//
//	go test ./captp -run RandomWorlds -worlds 200000 -from 1
//	go test ./captp -run RandomWorlds -world 4711 -v -shrink
func TestRandomWorlds(t *testing.T) {
	spec.Covers(t, "ORDER-1", "ORDER-2", "ORDER-3", "CREDIT-1", "CREDIT-2", "GATE-1", "GATE-2", "EMB-1", "PROM-2")
	if *worldFlag != 0 {
		w, bad := runWorld(*worldFlag, *asideFlag, true)
		if *shrinkFlag {
			w, bad = shrink(*worldFlag)
		}
		t.Log("\n" + w.log.String())
		if bad != "" {
			t.Fatal(bad)
		}
		return
	}
	runWorlds(t, *asideFlag)
}

// TestRandomWorldsAside runs worlds whose vats put messages aside, by lot. The
// messages that may pass others then do.
func TestRandomWorldsAside(t *testing.T) {
	spec.Covers(t, "CREDIT-6")
	runWorlds(t, true)
}

func runWorlds(t *testing.T, aside bool) {
	n, atMost := *worldsFlag, time.Hour
	if n == 0 {
		n, atMost = 10000, 10*time.Second
	}
	if testing.Short() {
		n = min(n, 300)
	}
	start, stuck, calls, failures := time.Now(), 0, 0, 0
	for i := range n {
		if time.Since(start) > atMost {
			n = i
			break
		}
		seed := *fromFlag + uint64(i)
		w, bad := runWorld(seed, aside, false)
		calls += len(w.calls)
		if w.stuck {
			stuck++
		}
		if bad != "" {
			t.Errorf("world %d (go test ./captp -run RandomWorlds$ -world %d -aside=%v -v): %s", seed, seed, aside, bad)
			if failures++; failures == 25 {
				return
			}
		}
	}
	t.Logf("%d worlds, %d calls, %d out of credit all round, %v", n, calls, stuck, time.Since(start).Round(time.Millisecond))
}

// TestRandomWorldsFound runs worlds that went wrong once, by what was wrong.
func TestRandomWorldsFound(t *testing.T) {
	spec.Covers(t, "ORDER-1", "ORDER-2", "CREDIT-2", "CREDIT-3", "PROM-4", "EMB-5")
	for why, seeds := range map[string][]uint64{
		"a Disembargo overtook calls that had been moved in the line":           {49075, 61299, 206934},
		"a call took its old place in the line towards what a peer sent back":   {90663, 412413},
		"a call to what the peer had not been told of was kept on its way":      {511111, 1032765},
		"the peer was told of a promise, its calls went to what that stood for": {204293, 513698, 622362, 1033617},
		"calls to a promise and to what it became went different ways":          {2054164},
		"results that broke kept two questions open":                            {21864, 413903, 405057, 421391},
		"calls on what broke kept the credit that they waited for":              {400396, 1006421, 1036748},
		"a promise was lost with the line in which it waited":                   {626753, 3002537},
		"results of a tail call were lost to others":                            {5746},
		"what was told as a promise was taken for a way of the peer's":          {4023162, 5064790, 5067709, 5072622, 5073901, 5098779},
		"what waited on a promise in the line went to the line's end":           {2059707, 20011063, 1112463, 21039561},
		"results that are the same object were taken for one promise":           {21067686},
		"a result was taken for a way of the peer's that was told as a promise": {4030, 50239492},
		"what waited for credit beside calls changed places":                    {21045439},
		"calls passed where a Disembargo was reflected, and went on behind it":  {22024029},
		"a tail call was counted where it came back, and no more as our own":    {50112511, 50116182},
		"mended with one of the two above, not told apart":                      {22045209},
		"results that lead through each other kept two questions open":          {86982, 424781, 1002275, 1021370, 1052163, 5022881, 21005254, 21032388},
	} {
		for _, seed := range seeds {
			_, bad := runRandomWorld(seed, false)
			require.Empty(t, bad, "%s: world %d", why, seed)
		}
	}
}

// TestRandomWorldsAsideFound runs worlds in which what passed others was too much.
func TestRandomWorldsAsideFound(t *testing.T) {
	spec.Covers(t, "CREDIT-6")
	for why, seeds := range map[string][]uint64{
		"a result passed the Resolve of the promise that had its id before": {1190137},
		"a lookup passed the Finish that freed its id":                      {21435, 24553},
		"a lookup passed a call to a promise for the bootstrap object":      {6382, 6820},
		"a Finish passed what named its answer":                             {594, 764},
		"a result that came home passed calls on it":                        {450, 634},
		"a Disembargo that waited went a way that had been left meanwhile":  {40052140},
	} {
		for _, seed := range seeds {
			_, bad := runWorld(seed, true, false)
			require.Empty(t, bad, "%s: world %d", why, seed)
		}
	}
}

// TestRandomWorldsRepeat checks that a seed gives the same trace every time.
func TestRandomWorldsRepeat(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		a, _ := runRandomWorld(seed, false)
		b, _ := runRandomWorld(seed, false)
		require.Equal(t, a.hash, b.hash, "seed %d", seed)
	}
}

func runRandomWorld(seed uint64, verbose bool) (w *rworld, bad string) {
	return runWorld(seed, false, verbose)
}

func runWorld(seed uint64, aside, verbose bool) (w *rworld, bad string) {
	t := newTape(seed)
	t.aside = aside
	w, _, bad = runTape(seed, t, nil, verbose)
	return w, bad
}

// step does one random thing.
func (w *rworld) step() {
	v := pick(w, w.vats)
	switch k := w.rng.IntN(100); {
	case k < 30:
		w.deliver(v, pick(w, w.vats), false)
	case k < 52:
		v.send()
	case k < 62:
		v.pipe()
	case k < 72:
		v.answer()
	case k < 77:
		v.promise()
	case k < 83:
		v.resolve()
	case k < 86:
		v.ready()
	case k < 91:
		v.release()
	case k < 93:
		v.near()
	case k < 95:
		v.boot()
	case k < 96:
		v.cancel()
	case k < 98:
		v.finish()
	case k < 99:
		v.revoke()
	default:
		if o := pick(w, w.vats); w.cuts && o != v && w.chance(30) {
			w.cut(v, o)
		}
	}
}

func (v *rvat) send() {
	if len(v.handles) == 0 {
		return
	}
	w, h := v.w, pick(v.w, v.handles)
	c := &rcall{id: len(w.calls), from: v, h: h, seq: h.sent, pipelining: !w.chance(20)}
	var caps []*Ref
	for range w.rng.IntN(3) {
		if w.chance(10) {
			c.args, caps = append(c.args, redge{}), append(caps, nil)
			continue
		}
		a := pick(w, v.handles)
		c.args, caps = append(c.args, a.edge()), append(caps, a.ref.Retain())
	}
	w.calls = append(w.calls, c)
	h.sent++
	w.say("%s: call %d on handle %d (%s), %d arguments", v.name, c.id, h.id, h.node, len(caps))
	c.call = v.m.Send(h.ref, &Outgoing{
		Interface: 1, Params: rbody(uint64(c.id), len(caps)), Caps: caps, NoPipelining: !c.pipelining, Sink: rsink{c},
	})
	v.calls = append(v.calls, c)
}

// rbody is a message body: a number and n capabilities.
func rbody(id uint64, n int) []byte {
	var b capn.Builder
	b.Init(nil)
	st := b.Root(1, n)
	st.SetU64(0, id)
	for i := range n {
		b.SetCap(st.Slot(i), uint32(i))
	}
	return b.Bytes()
}

func (v *rvat) pipe() {
	if len(v.calls) == 0 {
		return
	}
	c := pick(v.w, v.calls)
	if !c.pipelining {
		return
	}
	i := v.w.rng.IntN(2)
	h := v.hold(c.call.Pipe(uint16(i)), c.result(i))
	v.w.say("%s: handle %d is result %d of call %d", v.name, h.id, i, c.id)
}

func (v *rvat) promise() {
	h := v.hold(v.m.NewPromise(), &rnode{promise: true, owner: v})
	h.ref.Retain() // the resolver's
	v.promises = append(v.promises, h)
	v.w.say("%s: handle %d is a promise", v.name, h.id)
}

func (v *rvat) resolve() {
	if len(v.promises) == 0 {
		return
	}
	w := v.w
	i := w.rng.IntN(len(v.promises))
	p := v.promises[i]
	v.promises = append(v.promises[:i], v.promises[i+1:]...)
	switch {
	case len(v.handles) == 0 || w.chance(10):
		w.say("%s: handle %d breaks", v.name, p.id)
		p.node.promise, p.node.broken = false, true
		v.m.Break(p.ref, &Error{Reason: "broken on purpose"})
	default:
		to := pick(w, v.handles)
		if to.node.dependsOn(p.node, nil) {
			w.say("%s: handle %d breaks", v.name, p.id)
			p.node.promise, p.node.broken = false, true
			v.m.Break(p.ref, &Error{Reason: "it would depend on itself"})
			break
		}
		w.say("%s: handle %d resolves to handle %d (%s)", v.name, p.id, to.id, to.node)
		e := to.edge()
		p.node.to = &e
		v.m.Resolve(p.ref, to.ref.Retain())
	}
	p.ref.Release()
}

func (v *rvat) answer() {
	if len(v.inbox) == 0 {
		return
	}
	w := v.w
	i := w.rng.IntN(len(v.inbox))
	c := v.inbox[i]
	v.inbox = append(v.inbox[:i], v.inbox[i+1:]...)
	c.answered = true
	switch k := w.rng.IntN(10); {
	case k == 0:
		c.failed = true
		w.say("%s: call %d is answered: fail", v.name, c.id)
		c.incoming.Fail(&Error{Reason: "failed on purpose"})
		return
	case k == 1 && len(v.calls) > 0:
		o := pick(w, v.calls)
		if o.pipelining && !o.result(0).dependsOn(nil, c) && !o.result(1).dependsOn(nil, c) {
			w.say("%s: call %d follows call %d", v.name, c.id, o.id)
			c.follow = o
			c.incoming.Follow(o.call)
			return
		}
	}
	var caps []*Ref
	for range w.rng.IntN(3) {
		var e redge
		var r *Ref
		if len(v.handles) > 0 && !w.chance(10) {
			if h := pick(w, v.handles); !h.node.dependsOn(nil, c) {
				e, r = h.edge(), h.ref.Retain()
			}
		}
		c.caps, caps = append(c.caps, e), append(caps, r)
	}
	w.say("%s: call %d is answered: %v", v.name, c.id, c.caps)
	c.incoming.Return(rbody(uint64(c.id), len(caps)), caps)
}

func (e redge) String() string {
	if e.h == nil {
		return "null"
	}
	return fmt.Sprintf("handle %d (%s)", e.h.id, e.h.node)
}

func (v *rvat) ready() {
	if len(v.waiting) == 0 {
		return
	}
	i := v.w.rng.IntN(len(v.waiting))
	c := v.waiting[i]
	v.waiting = append(v.waiting[:i], v.waiting[i+1:]...)
	v.w.say("%s: call %d is ready", v.name, c.id)
	v.turn(c)
	c.incoming.Ready()
}

func (v *rvat) release() {
	if len(v.handles) == 0 {
		return
	}
	i := v.w.rng.IntN(len(v.handles))
	h := v.handles[i]
	v.handles = append(v.handles[:i], v.handles[i+1:]...)
	v.w.say("%s: handle %d is released", v.name, h.id)
	h.ref.Release()
}

func (v *rvat) near() {
	w := v.w
	o := pick(w, v.objects)
	if w.chance(50) {
		o = &robject{vat: v, name: fmt.Sprintf("o%d", len(v.objects))}
		v.objects = append(v.objects, o)
	}
	n := &rnode{obj: o}
	var g *Grant
	if w.chance(30) {
		if len(v.grants) == 0 || w.chance(50) {
			v.grants = append(v.grants, &rgrant{})
		}
		n.grant = pick(w, v.grants)
		g = &n.grant.grant
	}
	h := v.hold(v.m.Near(o, g), n)
	w.say("%s: handle %d is %s", v.name, h.id, o.name)
}

func (v *rvat) boot() {
	o := pick(v.w, v.w.vats)
	if o == v {
		return
	}
	h := v.hold(v.sessions[o.i].Bootstrap(), &rnode{obj: o.objects[0]})
	v.w.say("%s: handle %d is the root of %s", v.name, h.id, o.name)
}

func (v *rvat) cancel() {
	if len(v.calls) > 0 {
		c := pick(v.w, v.calls)
		v.w.say("%s: call %d is canceled", v.name, c.id)
		c.canceled = c.canceled || c.told == 0
		c.call.Cancel()
	}
}

// finish gives the handle of a call back that nobody follows.
func (v *rvat) finish() {
	if len(v.calls) == 0 {
		return
	}
	i := v.w.rng.IntN(len(v.calls))
	c := v.calls[i]
	for _, o := range v.w.calls {
		if o.follow == c {
			return
		}
	}
	v.calls = append(v.calls[:i], v.calls[i+1:]...)
	v.w.say("%s: call %d is let go", v.name, c.id)
	c.done = true
	c.call.tangled = c.call.tangled || c.told == 0 // looked at, and canceled, at the end
	c.call.Done()
}

func (v *rvat) revoke() {
	if len(v.grants) > 0 {
		g := pick(v.w, v.grants)
		g.revoked = true
		v.w.say("%s: a grant is revoked", v.name)
		v.m.Revoke(&g.grant, &Error{Code: "vat.nosuchobject", Reason: "no such object"})
	}
}
