package captp

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// gen makes programs.
type gen struct {
	rng *rand.Rand
	p   *program
}

func (g *gen) chance(percent int) bool { return g.rng.IntN(100) < percent }

func oneOf[T any](g *gen, s []T) T { return s[g.rng.IntN(len(s))] }

// add appends a part if the program makes sense with it.
func (g *gen) add(at int, verb string, args ...string) *plan {
	g.p.ops = append(g.p.ops, gop{at, verb, args})
	pl := g.p.plan()
	if pl.bad != "" {
		g.p.ops = g.p.ops[:len(g.p.ops)-1]
		return nil
	}
	return pl
}

// name returns something that a vat holds, rather something that came about by the program.
func (g *gen) name(pl *plan, at int, far bool) string {
	names := sortedNames(pl.hands[at])
	for range 4 {
		n := oneOf(g, names)
		if far && n == "o" {
			continue
		}
		if n[0] >= 'a' || g.chance(30) {
			return n
		}
	}
	if far {
		return string(rune('A' + (at+1)%g.p.vats))
	}
	return oneOf(g, names)
}

// makeProgram makes the program of a seed.
func makeProgram(seed uint64, vats int) *program {
	g := &gen{rng: rand.New(rand.NewPCG(seed, 0x9e0))}
	for {
		if p := g.program(vats); len(p.ops) <= *partsFlag {
			if vats > 2 && *handoffFlag {
				p = g.handOver(p)
			}
			return p
		}
	}
}

func (g *gen) program(vats int) *program {
	g.p = &program{vats: vats}
	for a := range vats {
		for b := range vats {
			if a == b || g.chance(20) || *richFlag {
				continue
			}
			o := fmt.Sprintf("%c>%c %d calls", 'A'+a, 'A'+b, 1+g.rng.IntN(3))
			if g.chance(15) {
				o = fmt.Sprintf("%c>%c %d bytes", 'A'+a, 'A'+b, 600+g.rng.IntN(3)*200)
			}
			g.p.option(o)
		}
	}
	if g.chance(30) {
		g.p.option("eager")
	}
	if g.chance(15) {
		g.p.option("tail")
	}
	if g.chance(15) {
		g.p.option("lazy")
	}
	switch k := g.rng.IntN(100); {
	case k < 30:
		g.change(vats)
		return g.p
	case k < 70:
		g.graph()
		return g.p
	}
	n := 3 + g.rng.IntN(6)
	for tries := 0; len(g.p.ops) < n && tries < 200; tries++ {
		g.part()
	}
	g.complete()
	for range 1 + g.rng.IntN(2) {
		pl := g.p.plan()
		at := g.rng.IntN(vats)
		g.add(at, "tell", g.name(pl, at, true))
	}
	g.complete()
	return g.p
}

// change makes a program from one that went wrong once.
func (g *gen) change(vats int) {
	var all []string
	for _, why := range sortedNames(programsFound) {
		all = append(all, programsFound[why]...)
	}
	p := parseProgram(oneOf(g, all))
	p.vats = vats
	if g.chance(50) {
		for _, o := range g.p.opts {
			p.option(o)
		}
	}
	for range 1 + g.rng.IntN(3) {
		q := p
		i := g.rng.IntN(len(p.ops))
		switch g.rng.IntN(4) {
		case 0: // two parts change places
			if i > 0 {
				q = p.renamed(func(n int) int {
					switch n {
					case i:
						return i - 1
					case i - 1:
						return i
					}
					return n
				})
				q.ops[i], q.ops[i-1] = q.ops[i-1], q.ops[i]
			}
		case 1:
			q = p.without(i, 1)
		case 2: // another reference
			o := p.ops[i]
			o.args = slices.Clone(o.args)
			if k := len(o.args) - 1; k >= 0 {
				pl := (&program{vats: vats, ops: p.ops[:i]}).plan()
				if pl.bad == "" {
					o.args[k] = g.name(pl, o.at, false)
				}
			}
			q = p.renamed(func(n int) int { return n })
			q.ops[i] = o
		default: // one more
			g.p = &program{vats: vats, ops: slices.Clone(p.ops[:i])}
			g.part()
			if len(g.p.ops) > i {
				q = p.with(i, g.p.ops[i])
			}
		}
		if q.plan().bad == "" {
			p = q
		}
	}
	g.p = p
	g.complete()
}

// graph makes a few promises and resolves them to each other and to objects, and sends
// on one or two of them all the while.
func (g *gen) graph() {
	var watched [2]string // by "at name"
	tell := func() {
		if w := oneOf(g, watched[:]); w != "" {
			g.add(int(w[0]-'A'), "tell", w[2:])
		}
	}
	for range 2 + g.rng.IntN(3) {
		pl := g.p.plan()
		at := g.rng.IntN(g.p.vats)
		to := string(rune('A' + (at+1+g.rng.IntN(g.p.vats-1))%g.p.vats))
		if g.chance(25) {
			to = g.name(pl, at, true)
		}
		args := []string{to}
		if g.chance(40) {
			args = append(args, g.name(pl, at, false))
		}
		n := len(g.p.ops)
		name := "r"
		switch g.rng.IntN(6) {
		case 0:
			g.add(at, "new")
			name = "p"
		case 1, 2:
			g.add(at, "prom", args...)
		case 3:
			if len(args) == 2 {
				g.add(at, "echo", args...)
				break
			}
			g.add(at, "own", args...)
		default:
			g.add(at, "kept", args...)
		}
		if len(g.p.ops) > n && (watched[0] == "" || g.chance(40)) {
			watched[g.rng.IntN(2)] = fmt.Sprintf("%c %s%d", 'A'+at, name, n)
		}
		if g.chance(40) {
			tell()
		}
		if g.chance(15) {
			g.settle(g.p.plan())
		}
	}
	for range 30 {
		pl := g.p.plan()
		if len(pl.open) == 0 {
			break
		}
		g.settle(pl)
		if g.chance(25) {
			tell()
		}
		if g.chance(8) {
			pl := g.p.plan()
			at := g.rng.IntN(g.p.vats)
			g.add(at, "tell", g.name(pl, at, true), g.name(pl, at, false))
		}
	}
	for range 1 + g.rng.IntN(2) {
		tell()
	}
}

func (g *gen) part() {
	pl := g.p.plan()
	at := g.rng.IntN(g.p.vats)
	x := func() string { return g.name(pl, at, false) }
	h := func() string { return g.name(pl, at, true) }
	switch k := g.rng.IntN(100); {
	case k < 35:
		g.add(at, "tell", h())
	case k < 45:
		g.add(at, "tell", h(), x())
	case k < 57:
		g.add(at, "echo", h(), x())
	case k < 62:
		g.add(at, "own", h())
	case k < 70:
		g.add(at, "prom", h())
	case k < 78:
		if g.chance(50) {
			g.add(at, "kept", h())
		} else {
			g.add(at, "kept", h(), x())
		}
	case k < 88:
		g.settle(pl)
	case k < 94:
		g.add(at, "new")
	case k < 96:
		g.add(at, "fail", h())
	case k < 98:
		if n := len(g.p.ops); n > 0 && g.chance(40) {
			g.add(at, "cancel", fmt.Sprint(g.rng.IntN(n)))
		}
	default:
		g.add(at, "drop", h())
	}
}

// settle resolves something, or answers, if there is something.
func (g *gen) settle(pl *plan) bool {
	type todo struct {
		at   int
		verb string
		what string
	}
	var all []todo
	for at, hands := range pl.hands {
		for _, name := range sortedNames(hands) {
			if h := hands[name]; name[0] == 'p' && h.node.to == nil {
				all = append(all, todo{at, "res", name})
			}
		}
	}
	for _, i := range sortedNames(pl.msgs) {
		if m := pl.msgs[i]; m.kept {
			all = append(all, todo{m.to, "ret", fmt.Sprint(i)})
		}
	}
	if len(all) == 0 {
		return false
	}
	t := oneOf(g, all)
	if t.verb == "ret" && g.chance(15) {
		return g.add(t.at, "follow", t.what, fmt.Sprint(g.rng.IntN(len(g.p.ops)))) != nil
	}
	return g.add(t.at, t.verb, t.what, g.name(pl, t.at, false)) != nil
}

// complete resolves what is open.
func (g *gen) complete() {
	for range 100 {
		pl := g.p.plan()
		if len(pl.open) == 0 {
			return
		}
		g.settle(pl)
	}
}

// handOver has a program's references handed over, all vats being linked, at once or when a vat comes to it.
func (g *gen) handOver(p *program) *program {
	meets := 0
	if g.chance(80) {
		meets = 1 + g.rng.IntN(3)
	}
	for range meets {
		p = p.with(g.rng.IntN(len(p.ops)+1), gop{at: g.rng.IntN(p.vats), verb: "meet"})
	}
	if g.chance(8) {
		p = p.with(g.rng.IntN(len(p.ops)+1), gop{at: g.rng.IntN(p.vats), verb: "leave"})
	}
	if g.chance(8) {
		p = p.with(g.rng.IntN(len(p.ops)+1), gop{at: g.rng.IntN(p.vats), verb: "tick"})
	}
	p.option("handoff")
	if meets > 0 {
		p.option("late")
	}
	for a := range p.vats {
		for b := range a {
			p.option(fmt.Sprintf("link %c%c", 'A'+b, 'A'+a))
		}
	}
	return p
}
