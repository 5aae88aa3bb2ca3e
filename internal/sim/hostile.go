package sim

import (
	"slices"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
)

// In a hostile world one vat is an attacker's. It is a whole vat, so that it comes to deep states, but what it says is
// tampered with on its way: messages are dropped, repeated, swapped, kept for later, altered; others are made up, alone
// or in floods; some are no messages at all. What the honest vats do with each other must go on by all rules. For what
// came by way of the attacker none holds but these: calls settle in the end, and nothing is left, and whatever ends a
// session with the attacker has a name.

// tap is the attacker's end of one of its sessions.
type tap struct {
	known
	seen   [][]byte // messages of both directions, the last ones
	kept   [][]byte // messages to be sent later
	in     []byte   // the part of a message of the honest vat's
	silent bool     // the attacker's own vat has ended the session, which the other does not hear
	next   uint32   // question ids for floods
}

// floodIDs is where the ids of floods begin. The attacker's vat does not hear of what is answered to them.
const floodIDs = 1 << 20

func (t *tap) saw(frame []byte, mine bool) {
	t.learn(frame, mine)
	if t.seen = append(t.seen, slices.Clone(frame)); len(t.seen) > 64 {
		t.seen = t.seen[1:]
	}
}

// frames cuts whole messages off.
func frames(data []byte) (list [][]byte, rest []byte) {
	for len(data) > 0 {
		size, _, err := capn.FrameSize(data, 64, 8<<20)
		if err != nil || size == 0 || size > len(data) {
			break
		}
		list, data = append(list, data[:size]), data[size:]
	}
	return list, data
}

// tamper alters what the attacker says.
func (w *world) tamper(t *tap, data []byte) (out []byte) {
	list, _ := frames(data)
	for _, f := range list {
		t.saw(f, true)
	}
	if t.silent {
		return nil
	}
	for i, f := range list {
		if w.calm || w.rng.IntN(48) > 0 {
			out = append(out, f...)
			continue
		}
		what := w.rng.IntN(5)
		w.did("tamper", "%s: %s", w.puppet, []string{"drop", "repeat", "swap", "keep", "alter"}[what])
		switch what {
		case 0:
		case 1:
			out = append(append(out, f...), f...)
		case 2:
			if i+1 < len(list) {
				list[i+1], f = f, list[i+1]
			}
			out = append(out, f...)
		case 3:
			t.kept = append(t.kept, slices.Clone(f))
		case 4:
			out = append(out, w.altered(f)...)
		}
	}
	return out
}

// hears gives the attacker's vat what an honest one says, as far as it would understand it.
func (w *world) hears(b *machine, e *end, data []byte) {
	t := e.tap
	list, rest := frames(append(t.in, data...))
	t.in = slices.Clone(rest)
	for _, f := range list {
		t.saw(f, false)
		if t.silent || answersFlood(f) {
			continue
		}
		if err := e.session.Receive(f); err != nil {
			w.say("%s: ends its session with %s: %v", w.puppet, b, err)
			t.silent = true
		}
	}
}

// attack has the attacker say something of its own.
func (w *world) attack() {
	b := pick(w, w.vats)
	if b == w.puppet {
		return
	}
	e := w.puppet.links[b.i]
	if e.shut || b.links[w.puppet.i].ended || e.tap.silent && w.rng.IntN(4) == 0 {
		if w.rng.IntN(4) == 0 {
			w.cut(w.puppet, b) // and again
		}
		return
	}
	w.take(w.puppet, b, true)
	w.deliver(b, w.puppet, true) // it listens well
	var out []byte
	kind, t := "forge", e.tap
	switch n := w.rng.IntN(24); {
	case n < 2 && len(t.seen) > 0:
		kind, out = "replay", pick(w, t.seen)
	case n < 4 && len(t.seen) > 0:
		kind, out = "alter", w.altered(pick(w, t.seen))
	case n < 6 && len(t.kept) > 0:
		i := w.rng.IntN(len(t.kept))
		kind, out = "late", t.kept[i]
		t.kept = slices.Delete(t.kept, i, i+1)
	case n == 6:
		kind, out = "garbage", make([]byte, 1+w.rng.IntN(64))
		for i := range out {
			out[i] = byte(w.rng.Uint32())
		}
	case n < 9 && len(t.exports) > 0:
		kind = "flood"
		what, id := w.rng.IntN(6), w.id(t.exports)
		for range []int{8, 60, 60, 300}[w.rng.IntN(4)] {
			out = append(out, w.flood(t, what, id)...)
		}
	default:
		for range 1 + w.rng.IntN(3) {
			out = append(out, w.forged(t)...)
		}
	}
	w.did(kind, "%s: %d bytes to %s", w.puppet, len(out), b)
	e.out = append(e.out, w.traced(w.puppet, b, out)...)
}

// outcomes are those that a session with an attacker may have.
var outcomes = []captp.Ending{
	captp.ProtoMessage, captp.ProtoID, captp.ProtoRefcount, captp.ProtoEmbargo, captp.ProtoTail, captp.ProtoLevel,
	captp.ProtoEcho, captp.LimitMessage, captp.LimitBytes, captp.LimitCalls, captp.LimitImports,
	captp.LimitLookups, captp.PeerAbort,
}

// ends notes that an honest vat has ended its session with the attacker.
func (w *world) ends(b *machine, e *end, err *captp.Error) {
	if e.ended {
		return
	}
	e.ended = true
	w.lose(e.wire)
	w.did(string(err.Outcome), "%s ends its session with %s", b, w.puppet)
	if !slices.Contains(outcomes, err.Outcome) || err.Kind != captp.Disconnected {
		w.fail("%s ends its session with %s without an outcome: %v", b, w.puppet, err)
	}
}

// bounded checks that no honest vat holds more for the attacker than it may.
func (w *world) bounded() {
	for _, b := range w.vats {
		if b == w.puppet {
			continue
		}
		st, lim := b.links[w.puppet.i].session.Stats(), w.limits
		if st.Charged > lim.HardBytes || st.Answers > 5*lim.OpenCalls+64 || st.Exports > lim.Exports ||
			st.Imports > lim.Imports || st.Embargoes > lim.Embargoes {
			w.fail("%s holds too much for %s: %+v", b, w.puppet, st)
		}
	}
}
