package sim

import (
	"bytes"

	"github.com/vatnet/vatnet/vat"
)

// In a driven world the cores are driven as a vat's goroutines drive them. What arrives is fed in quanta, and put aside
// while replies wait for their reader; turns run where it is read; and a turn may last, so that others read meanwhile.
// Replies are large, and so are calls there and in a world with tight credit; but no reply is larger than what is never
// lost for want of room (1 KiB), since it may come later than its turn.

const window = 2 << 10 // bytes that a socket takes

// Blob takes bytes and results in bytes.
func (t *thing) Blob(id, on, seq, n int, pad []byte) []byte {
	c := t.arrive(id, on, seq)
	if c != nil && c.mayFail()&stranger == 0 && (n != c.size || len(pad) != c.pad) {
		t.vat.w.fail("call %d has %d bytes and wants %d, not %d and %d", c.id, len(pad), n, c.pad, c.size)
	}
	return blob(max(0, min(n, 900)), id)
}

func blob(n, id int) []byte { return bytes.Repeat([]byte{byte(id >> 32)}, n) }

// burst sends a row of calls that bring and ask for bytes.
func (m *machine) burst() {
	w := m.w
	h := pick(w, m.handles)
	for range 1 + w.rng.IntN(24) {
		c := m.prepare(h, "blob", nil)
		c.size = w.rng.IntN(900)
		if w.rng.IntN(3) == 0 {
			c.pad = w.rng.IntN(max(1, min(2048, int(w.limits.OpenBytes)-1200)))
		}
		m.dispatch(c)
	}
}

// sendBlob dispatches a call of burst.
func (m *machine) sendBlob(c *call) {
	p := vat.Send[[]byte](c.on.target(), c.verb, c.token(), c.on.id, c.seq, c.size, blob(c.pad, c.token()))
	watch(c, p, func(v []byte) {
		c.settle("bytes")
		if c.wasDelivered() && !bytes.Equal(v, blob(c.size, c.token())) {
			m.w.fail("call %d has %d bytes, not %d", c.id, len(v), c.size)
		}
	})
}

// meanwhile is what others do while a turn of m runs: the steward looks at it, and a peer is read.
func (m *machine) meanwhile() {
	w := m.w
	if !w.has(Driven) || w.calm || w.rng.IntN(4) > 0 {
		return
	}
	if w.rng.IntN(3) == 0 {
		w.did("tick", "%s", m)
		m.core.Tick()
	}
	if o := pick(w, w.vats); o != m && !m.links[o.i].reading {
		w.did("meanwhile", "%s reads %s", m, o)
		w.deliver(o, m, false)
	}
}

// drive does one thing with who drives m.
func (m *machine) drive() {
	w := m.w
	switch n := w.rng.IntN(8); {
	case n < 4 && len(m.handles) > 0:
		m.burst()
	case n < 5 && w.has(Driven):
		m.holds = !m.holds
		w.did("hold", "%s: %v", m, m.holds)
		m.core.Hold(m.holds)
	case w.has(Driven):
		w.did("work", "%s: %v", m, m.core.Work())
	}
}
