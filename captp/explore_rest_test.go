package captp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What is asserted of a shape: the order of messages in every state, and when
// nothing can happen any more, that everything has arrived and every send was told
// its outcome, and that nothing is left once everything was let go of.

// disorder says what is wrong with the order of the messages that have come to a
// vat; "" if nothing.
func (s *shape) disorder(arrivals []string) string {
	for _, p := range s.before {
		first, second := slices.Index(arrivals, p[0]), slices.Index(arrivals, p[1])
		switch {
		case second < 0 || first >= 0 && first < second:
		case first >= 0 || !slices.Contains(s.may, p[0]):
			return fmt.Sprintf("%s arrived before %s", p[1], p[0])
		}
	}
	return ""
}

// xWorld is all vats together, run to the end.
type xWorld struct {
	vats  []*xVat // nil: not of this world
	wires map[[2]string][][]byte
	say   func(format string, args ...any)
}

// world returns the world in state st, nothing on its wires.
func (x *search) world(st state) *xWorld {
	w := &xWorld{wires: map[[2]string][][]byte{}}
	for _, l := range st.locals {
		w.vats = append(w.vats, x.vat(x.locals[l]))
	}
	return w
}

// put puts what v sends on the wires.
func (w *xWorld) put(v *xVat, outs []xOut) {
	for _, o := range outs {
		k := [2]string{v.name, o.to}
		w.wires[k] = append(w.wires[k], o.msg)
	}
}

// settle delivers everything.
func (w *xWorld) settle() error {
	for range 2000 {
		moved := false
		for _, v := range w.vats {
			outs := v.flush()
			w.put(v, outs)
			moved = moved || len(outs) > 0
			for _, from := range sortedNames(v.sessions) {
				k := [2]string{from, v.name}
				q := w.wires[k]
				if len(q) == 0 {
					continue
				}
				w.wires[k] = q[1:]
				if w.say != nil {
					w.say("  (end) %s → %s: %s", from, v.name, traceFrame(q[0]))
				}
				w.put(v, v.do(xIn{from: from, msg: q[0]}))
				moved = true
			}
			if v.bad != "" {
				return fmt.Errorf("at %s: %s", v.name, v.bad)
			}
		}
		if !moved {
			return nil
		}
	}
	return fmt.Errorf("the world does not come to rest when it is let go of")
}

// atRest checks a state in which nothing can happen any more.
func (x *search) atRest(i int32, st state) {
	x.rests++
	w := x.world(st)
	x.ends[w.seen()] = true
	blameless := w.blameless()
	bad, stuck := x.s.wrongAtRest(w)
	if stuck {
		x.stuck++
	}
	if stuck && blameless {
		x.locked++
		if bad == "" && *strictFlag {
			bad = "calls wait for credit although all objects have answered what came to them"
		}
	}
	if bad != "" {
		x.fail(i, "%s", bad)
	}
}

// timePasses lets hosts give up on what will not come, since somebody has left.
func (w *xWorld) timePasses() string {
	for _, v := range w.vats {
		for range acceptTicks {
			v.m.Tick()
		}
	}
	if err := w.settle(); err != nil {
		return err.Error()
	}
	for _, v := range w.vats {
		if bad := v.s.disorder(v.arrivals); bad != "" {
			return fmt.Sprintf("at %s: %s", v.name, bad)
		}
	}
	return ""
}

// blameless reports whether no object owes an answer, and no vat a step.
func (w *xWorld) blameless() bool {
	for _, v := range w.vats {
		if len(v.kept)+len(v.gated)+len(v.steps) > 0 {
			return false
		}
	}
	return true
}

// wrongAtRest says what is wrong with a world at rest, and whether calls in it wait
// for credit for ever: with little of it vats can wait for each other, and whoever
// sent the calls has to give up.
func (s *shape) wrongAtRest(w *xWorld) (bad string, stuck bool) {
	for _, v := range w.vats {
		for _, name := range sortedNames(v.sessions) {
			v.sessions[name].touch()
		}
		if outs := v.flush(); len(outs) > 0 {
			return fmt.Sprintf("%s stands still although it has something to say: %s", v.name, traceFrame(outs[0].msg)), false
		}
	}
	if s.leaves {
		if bad := w.timePasses(); bad != "" {
			return bad, false
		}
	}
	for _, v := range w.vats {
		for _, sess := range v.sessions {
			stuck = stuck || sess.Held() > 0
		}
	}
	if bad := w.selfLocked(); bad != "" {
		return bad, stuck
	}
	steps, gated := 0, ""
	for _, v := range w.vats {
		steps += len(v.steps) + len(v.kept)
		for m := range v.gated {
			gated = m
		}
	}
	if gated != "" && steps == 0 && !stuck {
		return gated + " waits at its gate for ever", false
	}
	stuck = stuck || s.cancels && steps > 0 || gated != ""
	if !stuck {
		if bad := s.missing(w); bad != "" {
			return bad, false
		}
	} else if !s.mayStick && !s.cancels {
		return "calls wait for credit for ever", true
	}
	return w.end(stuck), stuck
}

// selfLocked says whether calls wait for credit that only questions hold which have
// been returned: then no program is to blame for it.
func (w *xWorld) selfLocked() string {
	for _, v := range w.vats {
		for _, name := range sortedNames(v.sessions) {
			s := v.sessions[name]
			open := false
			for _, q := range s.questions.entries {
				open = open || q != nil && !q.returned && q.donation == nil
			}
			if s.Held() > 0 && !open {
				return fmt.Sprintf("at %s %d sends wait for credit of %s's, though all calls there have returned", v.name, s.Held(), name)
			}
		}
	}
	return ""
}

// missing says what has not arrived, or was not told.
func (s *shape) missing(w *xWorld) string {
	at := map[string]string{}
	for _, v := range w.vats {
		if len(v.steps) > 0 && !s.cancels {
			return fmt.Sprintf("%s has steps left", v.name)
		}
		for _, m := range v.arrivals {
			if at[m] != "" {
				return m + " arrived twice"
			}
			at[m] = v.name
		}
	}
	for _, m := range s.all {
		if at[m] == "" {
			return m + " did not arrive"
		}
	}
	for _, m := range s.breaks {
		if at[m] != "" {
			return m + " arrived although it should break"
		}
	}
	for _, p := range s.before {
		if a, b := at[p[0]], at[p[1]]; a != b && a != "" && b != "" {
			return fmt.Sprintf("%s and %s arrived at different vats", p[0], p[1])
		}
	}
	for _, v := range w.vats {
		for _, m := range sortedNames(v.sent) {
			c := v.sent[m]
			may := slices.Contains(s.may, m)
			breaks := slices.Contains(s.breaks, m)
			switch {
			case c.c.state != callSettled:
				return fmt.Sprintf("%s of %s is never settled", m, v.name)
			case c.err != "" && !may && !breaks:
				return fmt.Sprintf("%s of %s failed: %s", m, v.name, c.err)
			case c.err == "" && breaks && c.c.noPipelining:
				return fmt.Sprintf("%s of %s should break", m, v.name)
			}
		}
	}
	return ""
}

// end lets go of everything and says what is left.
func (w *xWorld) end(stuck bool) string {
	if stuck {
		if bad := w.giveUp(); bad != "" {
			return bad
		}
	}
	for round, more := 0, true; more || round < 3; round++ {
		more = false
		for _, v := range w.vats {
			more = v.answerAll() || more // what could only come now
			v.letGo()
		}
		if err := w.settle(); err != nil {
			return err.Error()
		}
	}
	for _, v := range w.vats {
		for _, name := range sortedNames(v.sessions) {
			s := v.sessions[name]
			st := s.Stats()
			st.Charged -= int64(cap(s.partial)) // a buffer that is kept
			if st != (Stats{}) {
				return fmt.Sprintf("left in the tables of %s with %s: %+v", v.name, name, st)
			}
			if s.err == nil && (s.openCalls != 0 || s.openBytes != 0 || s.answerBytes != 0) {
				return fmt.Sprintf("%s with %s: open calls %d, bytes %d, answer bytes %d", v.name, name, s.openCalls, s.openBytes, s.answerBytes)
			}
		}
		if v.m.Ticks() || v.m.Charged() != 0 || v.m.Pending() != 0 || len(v.m.gates) != 0 {
			return fmt.Sprintf("%s: %d bytes charged, %d pending, %d gates", v.name, v.m.Charged(), v.m.Pending(), len(v.m.gates))
		}
	}
	return ""
}

// giveUp cancels all calls that have no outcome.
func (w *xWorld) giveUp() string {
	for range 20 {
		open := false
		for _, v := range w.vats {
			open = v.answerAll() || open
			v.breakAll()
			for _, m := range sortedNames(v.sent) {
				if c := v.sent[m].c; c.state != callSettled {
					open = true
					c.Cancel()
				}
			}
		}
		if err := w.settle(); err != nil {
			return err.Error()
		}
		if !open {
			return ""
		}
	}
	return "calls were canceled and did not settle"
}

// answerAll answers what waits for an answer or at a gate, and reports whether
// something did.
func (v *xVat) answerAll() (any bool) {
	for _, m := range sortedNames(v.kept) {
		v.ret(m, nil)
		any = true
	}
	for _, m := range sortedNames(v.gated) {
		v.goOn(m)
		any = true
	}
	return any
}

// breakAll breaks the vat's own promises that are not resolved.
func (v *xVat) breakAll() {
	for _, name := range sortedNames(v.refs) {
		if name[0] == 'p' {
			v.m.Break(v.refs[name], &Error{Kind: Failed, Reason: "given up"})
		}
	}
}

func sortedNames[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// replay runs a schedule, and on to rest if it leads not to one, saying what
// happens. It returns what is wrong.
func (s *shape) replay(es []event, noEmbargo bool, say func(format string, args ...any)) string {
	x := s.search(noEmbargo, false, 0)
	st := x.begin()
	base := make([]int, len(s.vats))
	for i, l := range st.locals {
		base[i] = int(l)
	}
	one := func(e event) string {
		if !slices.Contains(x.enabled(st), e) {
			return fmt.Sprintf("%s cannot happen", s.print(e))
		}
		what := ""
		switch {
		case e.from >= 0:
			what = ": " + traceFrame(x.msgs[st.wires[e.from][e.at][0]])
		case e.from == acts:
			left := x.locals[st.locals[e.at]].left
			what = fmt.Sprintf(": step %d", len(s.steps[s.vats[e.at]])-left+1)
		}
		had := x.locals[st.locals[e.at]].arrivals
		st = x.do(st, e)
		say("%s%s", s.print(e), what)
		l := x.locals[st.locals[e.at]]
		for _, m := range l.arrivals[min(len(had), len(l.arrivals)):] {
			say("    %s arrives", m)
		}
		t := l.parent.next[inKey{e.from, x.keyMsg(l)}]
		for _, o := range t.outs {
			say("    to %s: %s", s.vats[o.to], traceFrame(x.msgs[o.msg]))
		}
		if l.bad != "" {
			return fmt.Sprintf("at %s: %s", s.vats[e.at], l.bad)
		}
		return ""
	}
	for _, e := range es {
		if bad := one(e); bad != "" {
			return bad
		}
	}
	if len(x.enabled(st)) > 0 {
		say("(not at rest: so it goes on)")
	}
	for range maxDepth {
		es := x.enabled(st)
		if len(es) == 0 {
			w := x.world(st)
			w.say = say
			bad, stuck := s.wrongAtRest(w)
			say("at rest, out of credit: %v", stuck)
			return bad
		}
		if bad := one(es[0]); bad != "" {
			return bad
		}
	}
	return "the world does not come to rest"
}

// keyMsg is the message by which l came about.
func (x *search) keyMsg(l *local) int32 {
	if l.in.from == "" {
		return 0
	}
	return x.msgIDs[string(l.in.msg)]
}

func (s *shape) print(e event) string {
	switch e.from {
	case acts:
		return s.vats[e.at] + " acts"
	case writes:
		return s.vats[e.at] + " writes"
	}
	return s.vats[e.from] + "→" + s.vats[e.at]
}

// printAll prints a schedule as the flag -schedule takes it.
func (s *shape) printAll(es []event) string {
	var parts []string
	for _, e := range es {
		parts = append(parts, s.print(e))
	}
	return strings.Join(parts, ",")
}

func (s *shape) parse(schedule string) (es []event, err error) {
	for _, p := range strings.Split(schedule, ",") {
		e := event{from: acts}
		p = strings.ReplaceAll(strings.TrimSpace(p), "->", "→")
		at, out := strings.CutSuffix(strings.TrimSuffix(p, " acts"), " writes")
		if out {
			e.from = writes
		} else if from, to, ok := strings.Cut(p, "→"); ok {
			e.from, at = int8(slices.Index(s.vats, from)), to
			if e.from < 0 {
				return nil, fmt.Errorf("no vat %q", from)
			}
		}
		if e.at = int8(slices.Index(s.vats, at)); e.at < 0 {
			return nil, fmt.Errorf("no event %q", p)
		}
		es = append(es, e)
	}
	return es, nil
}
