package captp

import (
	"fmt"
	"slices"
	"strings"
)

// shape makes the shape of a program that makes sense.
func (p *program) shape() (*shape, string) {
	pl := p.plan()
	if bad := pl.wrong(); bad != "" {
		return nil, bad
	}
	s := &shape{name: p.String(), program: p.String(), credit: map[string]credit{}, steps: vatSteps{}, mayStick: true, tail: p.tail, lazy: p.lazy, cancels: pl.cancels || pl.leaves, leaves: pl.leaves, handoff: p.hand, late: p.late}
	for i := range p.vats {
		s.vats = append(s.vats, string(rune('A'+i)))
	}
	for i, o := range p.ops {
		if o.verb == "need" {
			s.needs = append(s.needs, msgName(i))
		}
		for _, a := range o.args {
			if a >= "A" && a <= "D" {
				s.link(s.vats[o.at], a)
			}
		}
	}
	for _, o := range p.opts {
		if l, ok := strings.CutPrefix(o, "link "); ok {
			s.link(l[:1], l[1:])
		}
		var way, unit string
		var n uint64
		if k, _ := fmt.Sscan(o, &way, &n, &unit); k < 3 {
			continue
		}
		c := *ample
		if unit == "bytes" {
			c.bytes = n
		} else {
			c.calls = uint32(n)
		}
		s.credit[way] = c
	}
	for i, o := range p.ops {
		s.steps[s.vats[o.at]] = append(s.steps[s.vats[o.at]], p.step(pl, i, o))
	}
	s.react = func(v *xVat, m *xMsg) { p.react(pl, v, m) }
	for _, i := range sortedNames(pl.msgs) {
		m := pl.msgs[i]
		for _, b := range m.before() {
			s.before = append(s.before, [2]string{msgName(b.op), msgName(i)})
		}
		switch {
		case pl.cancels || pl.leaves:
			s.may = append(s.may, msgName(i))
		case m.to == p.vats:
			s.breaks = append(s.breaks, msgName(i))
		case p.ops[i].verb == "fail":
			s.all, s.may = append(s.all, msgName(i)), append(s.may, msgName(i))
		default:
			s.all = append(s.all, msgName(i))
		}
	}
	return s, ""
}

// link adds a link between two vats if there is none.
func (s *shape) link(a, b string) {
	l := min(a, b) + " " + max(a, b)
	if !slices.Contains(s.links, l) {
		s.links = append(s.links, l)
		slices.Sort(s.links)
	}
}

func msgName(op int) string { return fmt.Sprintf("m%d", op) }

// ref returns what a vat holds under a name of the program's, nil if it does not yet.
func (v *xVat) ref(name string) *Ref {
	switch {
	case name == "o":
		return v.near("o")
	case name[0] >= 'A' && name[0] <= 'D':
		return v.boot(name)
	}
	return v.refs[name]
}

// step is what a vat does at part i.
func (p *program) step(pl *plan, i int, o gop) xStep {
	msg := msgName(i)
	num := func(k int) string { return "m" + o.args[k] }
	names := o.args
	switch o.verb {
	case "ret":
		names = o.args[1:]
	case "follow", "cancel":
		names = nil
	}
	var does func(v *xVat)
	switch o.verb {
	case "tell", "need", "echo", "own", "prom", "kept", "fail":
		does = func(v *xVat) {
			var caps []*Ref
			if len(o.args) > 1 {
				caps = append(caps, v.ref(o.args[1]))
			}
			if o.verb == "tell" || o.verb == "need" {
				v.tell(v.ref(o.args[0]), msg, caps...)
				return
			}
			x := v.sendCall(v.ref(o.args[0]), msg, false, caps)
			v.set(fmt.Sprintf("r%d", i), x.c.Pipe(0))
			if x.followed = pl.followed[i]; !x.followed {
				x.c.Done()
			}
		}
	case "new":
		does = func(v *xVat) { v.set(fmt.Sprintf("p%d", i), v.m.NewPromise()) }
	case "res":
		does = func(v *xVat) { v.m.Resolve(v.ref(o.args[0]), v.ref(o.args[1]).Retain()) }
	case "ret":
		does = func(v *xVat) { v.ret(num(0), v.ref(o.args[1])) }
	case "follow":
		does = func(v *xVat) {
			m := v.kept[num(0)]
			delete(v.kept, num(0))
			m.c.Follow(v.sent[num(1)].c)
		}
	case "cancel":
		does = func(v *xVat) { v.cancel(num(0)) }
	case "await":
		does = func(*xVat) {}
	case "meet":
		does = (*xVat).meetAll
	case "tick":
		does = func(v *xVat) {
			for range acceptTicks + 1 {
				v.m.Tick()
			}
		}
	case "leave":
		does = (*xVat).leave
	case "drop":
		does = func(v *xVat) { v.drop(o.args[0]) }
	}
	return xStep{
		can: func(v *xVat) bool {
			for _, name := range names {
				if v.ref(name) == nil {
					return false
				}
			}
			if o.verb == "await" && v.ref(o.args[0]).State() == Promise {
				return false
			}
			return o.verb != "ret" && o.verb != "follow" || v.kept[num(0)] != nil
		},
		do: func(v *xVat) {
			does(v)
			if p.eager {
				for _, name := range append([]string{fmt.Sprintf("r%d", i), fmt.Sprintf("p%d", i)}, names...) {
					if h := pl.hands[o.at][name]; h != nil && h.last <= i && strings.Contains("rap", name[:1]) {
						v.drop(name)
					}
				}
			}
		},
	}
}

// react is what happens when the message of a part comes.
func (p *program) react(pl *plan, v *xVat, m *xMsg) {
	var i int
	fmt.Sscanf(m.name, "m%d", &i)
	drop := func(name string) {
		if h := pl.hands[pl.msgs[i].to][name]; p.eager && h != nil && h.last < 0 {
			v.drop(name)
		}
	}
	if caps := m.caps(); len(caps) > 0 {
		name := fmt.Sprintf("a%d", i)
		v.set(name, caps[0].Retain())
		defer drop(name)
	}
	switch p.ops[i].verb {
	case "echo":
		m.answer(first(v, m))
	case "own":
		m.answer(v.m.Near(v.object(fmt.Sprintf("n%d", i)), nil))
	case "prom":
		name := fmt.Sprintf("p%d", i)
		v.set(name, v.m.NewPromise())
		m.answer(v.refs[name].Retain())
	case "kept":
		m.keep()
	case "fail":
		m.fail()
	}
}
