package sim

import (
	"errors"
	"strings"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/vat"
)

// cause is why a call may fail. The shadow knows for each reference by which sessions it came, and so by which at most
// the messages on it go: a call fails only for what happened to something on its way.
type cause uint8

const (
	lost     cause = 1 << iota // a session on the way has ended
	broken                     // a promise on the way was broken on purpose
	canceled                   // a call on whose result it depends was canceled
	cycle                      // it waits for itself …
	endless                    // … in a way that nobody sees: it may never settle
	revoked                    // the grant of the reference was revoked, or has expired
	unfit                      // data was taken for a reference, or the contrary
	stranger                   // an attacker is on the way: anything may happen
)

// wire is one session between two vats, seen by both.
type wire struct {
	a, b    *machine
	lost    bool // at one end at least
	hostile bool // one of the two is an attacker's
}

// causes returns what has happened to what calls on h depend on.
func (h *handle) causes() cause {
	w := h.vat.w
	w.mark++
	why := h.walk(w.mark)
	if why&(lost|cycle) == lost && !h.lost() { // a circle cannot be followed
		why &^= lost
	}
	return why
}

// walk looks at all that h was made of, once for each mark.
func (h *handle) walk(mark int) (c cause) {
	if h == nil || h.seen == mark {
		return 0
	}
	h.seen = mark
	if h.over != nil && (h.over.lost || h.vat.w.parted && h.vat.w.has(Handoffs)) { // there it may go over any by now
		c |= lost
	}
	if h.over != nil && h.over.hostile {
		c |= stranger
	}
	for _, from := range h.from {
		c |= from.walk(mark)
	}
	if h.call != nil && h.call.misfits() {
		c |= unfit
	}
	m := h.means
	if m.seen == mark {
		return c
	}
	m.seen = mark
	c |= m.why
	if m.grant != nil && m.grant.due {
		c |= revoked
	}
	if m.of != nil {
		c |= m.of.on.walk(mark)
	}
	return c | m.to.walk(mark)
}

// mayFail returns for what the call may fail.
func (c *call) mayFail() cause {
	w := c.from.w
	w.mark++
	why := c.on.walk(w.mark) | c.result.walk(w.mark)
	if m := c.on.means; c.kept && why&cycle == 0 && !w.has(Tight|Driven) {
		// Whoever answers the call on whose result it is hears of its cancelation behind this one, and answers both;
		// unless this one waits for credit on its way.
		was := m.why
		m.why &^= canceled
		w.mark++
		why = c.on.walk(w.mark)
		m.why = was
		if r := c.result; r != nil { // what it results in may be that very result
			w.mark++
			why |= r.means.why | r.means.to.walk(w.mark)
		}
	}
	if c.verb == "count" {
		why |= c.arg.walk(w.mark)
	}
	if c.misfits() {
		why |= unfit
	}
	if c.canceled {
		why |= canceled
	}
	if w.puppet != nil {
		why |= c.arg.walk(w.mark) & stranger // what an attacker said of itself may be no reference at all
	}
	if why&(lost|cycle) == lost && !c.lost() {
		why &^= lost
	}
	return why
}

// misfits reports whether the call is to data, or wants data and gets a reference.
func (c *call) misfits() bool {
	end := c.on.means.end()
	return c.on.data != nil || end.isData || c.verb == "count" && c.arg.data == nil
}

// causeOf returns what an error says has happened; 0 is nothing that may happen.
func causeOf(err error) cause {
	switch {
	case errors.Is(err, vat.ErrDisconnected), strings.Contains(err.Error(), captp.PeerGone.Text()):
		return lost // told by the machine, or what an object told of its own loss
	case says(err, vat.ErrCanceled):
		return canceled // of this call, or of one that an object passes on
	case says(err, vat.ErrCycle):
		return cycle
	case says(err, vat.ErrRevoked), says(err, vat.ErrNoSuchObject):
		return revoked
	case misfit(err):
		return unfit
	case strings.Contains(err.Error(), errBroken.Error()):
		return broken
	}
	return 0
}

// says reports whether err is target, of the call itself, or as text: of another, whose error an object passes on.
func says(err, target error) bool {
	return errors.Is(err, target) || strings.Contains(err.Error(), strings.TrimPrefix(target.Error(), "vat: "))
}

// failed takes an error.
func (c *call) failed(err error) {
	w := c.from.w
	c.settle("error " + err.Error())
	why := c.mayFail()
	if why&stranger != 0 {
		return
	}
	if causeOf(err)&why == 0 {
		w.fail("call %d (%s on handle %d) failed, and nothing on its way had (%b): %v", c.id, c.verb, c.on.id, why, err)
	}
	switch {
	case errors.Is(err, vat.ErrNotDelivered):
		c.denied = true
		if c.delivered > 0 {
			w.fail("call %d is said to be certainly not delivered, and was", c.id)
		}
		if !c.on.gone() {
			w.fail("call %d on handle %d was dropped, which lives: %v", c.id, c.on.id, err)
		}
	case errors.Is(err, vat.ErrDisconnected) && !errors.Is(err, vat.ErrOutcomeUnknown) && c.delivered == 0:
		w.fail("call %d is said to have been answered, and was not delivered: %v", c.id, err)
	}
}
