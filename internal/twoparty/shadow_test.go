package twoparty_test

import (
	"fmt"

	"capnproto.org/go/capnp/v3"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/twoparty/testdata/graph"
)

// The shadow graph: what every reference in a random run means, kept apart from
// both implementations, and what must hold of each delivery.

// side is one of the two vats.
type side int

const (
	us side = iota
	them
)

func (s side) String() string { return [...]string{"us", "them"}[s] }

// meaning is what a reference stands for: an object, nothing (broken, or null), or
// what is not known yet and then becomes another meaning.
type meaning struct {
	name   string
	obj    *thing
	broken bool
	to     *meaning
	call   *step // whose result it is, if any
	uses   int   // how often the peer is, or may yet be, told of it by its place in an answer
}

func (m *meaning) end() *meaning {
	for m.to != nil {
		m = m.to
	}
	return m
}

func (m *meaning) open() bool { e := m.end(); return e.obj == nil && !e.broken }

// waitsFor reports whether what m stands for will not be known before w is: a
// program that makes w that has locked itself up.
func (m *meaning) waitsFor(w *meaning) bool {
	for m = m.end(); m != w; m = m.call.to.end() {
		if !m.open() || m.call == nil || m.call.arrived != nil {
			return false
		}
	}
	return true
}

func (m *meaning) String() string {
	if e := m.end(); e != m {
		return m.name + "=" + e.String()
	}
	if m.broken {
		return m.name + "(broken)"
	}
	return m.name
}

// thing is an object, at its side.
type thing struct {
	*meaning
	at     side
	object *object
	server *server
	known  bool             // if ours: they have been given it as what it is
	last   map[*hold]uint64 // the last call that arrived here, by the reference it was sent on
}

// hold is one reference in one vat's hands.
type hold struct {
	name   string
	at     side
	m      *meaning
	ref    *captp.Ref // us
	node   graph.Node // them
	pipe   *step      // the call that it was pipelined on, if it was
	passed bool       // it went elsewhere: as an argument, a result, a resolution
	calm   bool       // what it is has been known to both sides for long
	calls  uint64
}

// promise is a local promise that its vat is to settle.
type promise struct {
	at       side
	m        *meaning
	ref      *captp.Ref
	node     graph.Node
	resolver capnp.Resolver[graph.Node]
}

// step is one call, from sending to settlement.
type step struct {
	id   uint64
	from side
	via  *hold
	seq  uint64 // among those on via
	to   *meaning
	args []*meaning
	res  *meaning
	deep bool // its result stands one level down

	sent    *sent // us
	future  graph.Node_call_Results_Future
	release capnp.ReleaseFunc
	cancel  func()
	settled int // them
	err     error

	piped    bool // a reference to its result was taken
	canceled bool
	crossing bool // the cancellation may still be on its way
	arrived  *thing
	in       *captp.Call // at us
	reply    chan reply  // at them
	answered bool
	failed   bool
	follows  *step // whose outcome is this call's
	followed bool
	given    bool // the handle has been given back
	calm     bool // settled, and its result known, for long
}

func (c *step) String() string { return fmt.Sprint("#", c.id) }

// reply is what a method of theirs is to answer.
type reply struct {
	node graph.Node
	deep bool
	err  error
}

// arrival is a delivery, as the side that it came to saw it.
type arrival struct {
	to    *thing
	id    uint64
	refs  []*captp.Ref // us; held
	nodes []graph.Node // them; held
	in    *captp.Call
	reply chan reply
}

// check says what is wrong with a delivery, in the light of the model.
func (c *step) check(a arrival) error {
	switch {
	case c.arrived != nil:
		return fmt.Errorf("%v was delivered twice", c)
	case c.to.end().obj == nil:
		return fmt.Errorf("%v was delivered to %v, but its target %v is no object", c, a.to, c.to)
	case c.to.end().obj != a.to:
		return fmt.Errorf("%v was delivered to %v instead of %v", c, a.to, c.to)
	case a.to.last[c.via] >= c.seq+1:
		return fmt.Errorf("%v, number %d on %s, was delivered to %v after number %d", c, c.seq, c.via.name, a.to, a.to.last[c.via]-1)
	}
	a.to.last[c.via] = c.seq + 1
	return nil
}

// expect says what is wrong with how a call was settled in the end.
func (c *step) expect() error {
	var err error
	times := c.settled
	if c.from == us {
		times = c.sent.settled
		if c.sent.err != nil {
			err = c.sent.err
		}
	} else {
		err = c.err
	}
	switch {
	case times != 1:
		return fmt.Errorf("%v was settled %d times", c, times)
	case c.canceled:
		return nil
	case c.to.end().broken && err == nil:
		return fmt.Errorf("%v succeeded on %v", c, c.to)
	case c.to.end().broken:
		return nil
	case c.arrived == nil:
		return fmt.Errorf("%v never arrived at %v: %v", c, c.to, err)
	case c.fails() != (err != nil):
		return fmt.Errorf("%v: answered with failure %v, got %v", c, c.fails(), err)
	}
	return nil
}

// fails reports whether the call was answered with a failure.
func (c *step) fails() bool {
	for c.follows != nil {
		c = c.follows
	}
	return c.failed
}
