package captp

import (
	"math/bits"
	"slices"
)

// What need not be tried. Two schedules in which the same happens at each vat in the same order are one (a trace, as
// Mazurkiewicz has it), however their vats are interleaved; one of them is enough. So in a state only a part
// of what can happen is tried:
//
//   - a message that comes to the same, whatever else happens at its vat first, alone; or else
//   - all that can happen at some of the vats, if no other vat can, however the world goes on without them, put a message
//     on a wire to one of them that is empty now (a persistent set, Godefroid 1996).
//
// Both ask what may happen yet. They are answered from what is known: the transitions of each vat by itself that the search
// has met so far. Who knows too little leaves out too much; so the search is run again, with what it has learned, until it
// learns nothing.
//
// Then nothing is missing. Else there is a visited state s and a way w on from it whose last event is a transition that is
// not known; take a shortest w, and of these one whose s is nearest to the end. All but the last of w is known then. If at
// s the vats V were chosen and something in w happens at V, the first such event waits at s already: what is before it in
// w is known not to have sent it. So it may as well come first, and the rest of w is a shorter way on from a visited
// state. If nothing in w happens at V, any event at V may come first, and w is a way on from a state nearer to the end.
// If a message that is indifferent was chosen, it may come first since it changes places with all events at its vat
// that are known to come before it, one by one, and their transitions behind it are known by the same argument. The
// world always ends: see maxDepth, and the circles that from looks for. TestExploreReduced compares with a search without this.

// sure is whether a message is indifferent in a state of its vat.
type sure int8

const (
	notAsked    sure = iota
	indifferent      // as far as is known
	different        // for good: what is known never gets less
)

// isIndifferent reports whether it comes to the same when k happens at a vat in state l: now, or behind any of what is
// known that may happen instead. What each then sends must be the same, and not go the same way.
func (x *search) isIndifferent(l *local, k inKey) bool {
	if l.sure[k] != notAsked {
		return l.sure[k] == indifferent
	}
	if l.sure == nil {
		l.sure = map[inKey]sure{}
	}
	l.sure[k] = indifferent // until shown otherwise, also to whoever asks meanwhile
	if !x.commutes(l, k) {
		l.sure[k] = different
		x.learned++
		return false
	}
	return true
}

func (x *search) commutes(l *local, k inKey) bool {
	e := x.step(l, k)
	if l.steps && !e.to.steps || l.writes && !e.to.writes {
		return false
	}
	for i := 0; i < len(e.to.known); i++ { // which may grow
		o := e.to.known[i]
		if o.from == k.from || o.from == acts && !l.steps || o.from == writes && !l.writes {
			continue
		}
		f := x.step(l, o)
		ef, fe := x.step(e.to, o), x.step(f.to, k)
		if ef.to != fe.to || !slices.Equal(e.outs, fe.outs) || !slices.Equal(f.outs, ef.outs) ||
			receivers(e.outs)&receivers(f.outs) != 0 || !x.isIndifferent(f.to, k) {
			return false
		}
	}
	return true
}

// receivers returns the set of the vats to which something is sent.
func receivers(outs []wireMsg) (set uint8) {
	for _, o := range outs {
		set |= 1 << o.to
	}
	return set
}

// doubt asks again what was found indifferent when less was known.
func (x *search) doubt() {
	for before := -1; before != x.learned; {
		before = x.learned
		for _, l := range x.locals {
			for k, s := range l.sure {
				if s == indifferent {
					l.sure[k] = notAsked
				}
			}
		}
		for i := 0; i < len(x.locals); i++ {
			l := x.locals[i]
			for _, k := range l.known {
				if s, asked := l.sure[k]; asked && s == notAsked {
					x.isIndifferent(l, k)
				}
			}
		}
	}
}

// foresee notes for each known state of a vat to whom it may send from there on, by the set of those from whom it still
// hears.
func (x *search) foresee() {
	for _, l := range x.locals {
		if l.sends == nil {
			l.sends = make([]uint8, 1<<len(x.s.vats))
		}
	}
	for again := true; again; {
		again = false
		for _, l := range slices.Backward(x.locals) {
			for _, k := range l.known {
				t := l.next[k]
				outs := receivers(t.outs)
				for set := range l.sends {
					if k.from >= 0 && set&(1<<k.from) == 0 {
						continue
					}
					if more := (outs | t.to.sends[set]) &^ l.sends[set]; more != 0 {
						l.sends[set] |= more
						again = true
					}
				}
			}
		}
	}
}

// enough returns what of what can happen has to be tried.
func (x *search) enough(st state) (best []event) {
	if x.all {
		return x.enabled(st)
	}
	n := len(st.locals)
	active := 0
	for at := range n {
		for from := range n {
			if w := st.wires[from][at]; len(w) > 0 && x.isIndifferent(x.locals[st.locals[at]], inKey{int8(from), w[0]}) {
				return []event{{int8(from), int8(at)}}
			}
		}
		if len(x.enabledAt(nil, st, at)) > 0 {
			active |= 1 << at
		}
	}
	for set := 1; set < 1<<n; set++ {
		if set&active == 0 || !x.closed(st, set) {
			continue
		}
		var es []event
		for at := range n {
			if set&(1<<at) != 0 {
				es = x.enabledAt(es, st, at)
			}
		}
		if best == nil || len(es) < len(best) {
			best = es
		}
	}
	return best
}

// closed reports whether no vat outside of the set can put something on an empty wire to a vat in it before one in it
// does something, as far as is known.
func (x *search) closed(st state, set int) bool {
	n := len(st.locals)
	hears := make([]uint8, n) // from whom something is, or may come to be, on the wire to each
	for i := range n {
		for j := range n {
			if len(st.wires[j][i]) > 0 {
				hears[i] |= 1 << j
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range n {
			l := x.locals[st.locals[i]]
			if set&(1<<i) != 0 || l.sends == nil { // nil: nothing is known of it
				continue
			}
			for more := l.sends[hears[i]]; more != 0; more &= more - 1 {
				j := bits.TrailingZeros8(more)
				switch {
				case hears[j]&(1<<i) != 0:
				case set&(1<<j) != 0:
					return false
				default:
					hears[j] |= 1 << i
					again = true
				}
			}
		}
	}
	return true
}

// modest sees to it that what honest vats ask for stays below the bound in which the most open calls that there were come
// in: of two vats that differ in nothing else one stands for both.
func (v *xVat) modest() {
	for _, name := range sortedNames(v.sessions) {
		if n := v.sessions[name].answers.n; n >= spareCalls {
			v.wrong("%d answers are more than the explorer is made for", n)
		}
	}
}
