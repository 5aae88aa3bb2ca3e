package captp

import (
	"github.com/vatnet/vatnet/internal/capn"
)

// callState is where a Call is on its way.
//
//	          near object                    Return, Fail
//	queued ───────────────▶ delivered ────────────────────────▶ settled
//	  │  │                      │ Follow                           ▲  ▲
//	  │  │ a peer               ▼          the other call settles  │  │
//	  │  │                  following ─────────────────────────────┘  │
//	  │  └────────────────▶ asked ────────────────────────────────────┘
//	  │                              Return arrives, session ends     │
//	  └───────────────────────────────────────────────────────────────┘
//	                    canceled, or its target broke
type callState uint8

const (
	callQueued    callState = iota // new, or waiting in a queue, at a gate, or for credit
	callDelivered                  // with a near object
	callAsked                      // a question to another vat
	callFollowing                  // its outcome will be another call's
	callSettled
)

// Call is one send on its way through this vat: from a local sender (who has a
// Sink) or a session's answer table, to a near object or a session's question
// table.
type Call struct {
	m            *Machine
	state        callState
	noPipelining bool // nobody will ask for Pipe
	brief        bool // nothing of the outcome is kept for the sender
	canceled     bool // the sender lost interest
	held         bool // the sender's handle has not been given back
	waiting      bool // counted as pending
	gated        bool // its object asked to wait: see gate.go
	strict       bool // it goes back the way that its session was told of: see routeFrom
	tail         bool // its results stay with the session it came from: see tail.go
	tangled      bool // others may know it: see pool.go
	settling     bool // settle is at work
	gone         bool // it was given back: see inUse
	bootstrap    bool // not a call, but the request for a peer's bootstrap object
	iface        uint64
	method       uint16

	in   payload // parameters, until they are owned: borrowed from the sender or a frame
	body stored  // parameters, later results, once they are owned

	sink   Sink    // local sender
	answer *answer // or remote one

	on     *Ref        // in whose queue it waits
	obj    *Ref        // near target, once delivered; one holder
	q      *question   // once asked
	line   *held       // while it waits for credit
	accept *acceptance // it is an Accept
	via    *Session    // through which calls pipelined on the outcome travelled

	pipes     []pipe
	follows   *Call // while following
	place     int   // among the followers of that
	followers []*Call
	err       *Error // outcome, once settled
}

// pipe is the promise for one capability of a call's results.
type pipe struct {
	path string
	ref  *Ref
}

// payload is a message body: a flat segment, or a place in somebody's frame, and
// the capability table, of which each entry is one holder or nil. The memory is
// somebody else's: what is to stay is stored.
type payload struct {
	flat    []byte
	content capn.Ptr
	caps    []*Ref
}

// size is how many bytes the body has, or the message that it is in.
func (p payload) size() int {
	if p.flat != nil || p.content.IsNull() {
		return len(p.flat)
	}
	return p.content.MessageBytes()
}

// stored is a body that a call owns, with the memory that it takes: both are used
// again with the call.
type stored struct {
	buf     []byte
	msg     capn.Message
	content capn.Ptr
	caps    []*Ref
	charged int
}

// Outgoing is what a local sender says.
type Outgoing struct {
	Interface    uint64
	Method       uint16
	Params       []byte // flat segment, root pointer first; copied before Send returns
	Caps         []*Ref // capability table, copied too; one holder of each passes, nil is null
	NoPipelining bool   // Pipe will not be used
	Brief        bool   // once Settled has returned, the outcome will not be used
	Sink         Sink   // told the outcome; nil if it is not wanted
}

// Sink receives the outcome of a local send.
type Sink interface {
	// Settled is called once, inside the machine, maybe before Send returns. out
	// is valid until c.Done; only within Settled if the call was sent as Brief.
	// Then it may come from a stranger's message: CopyOnce it. It must not call
	// the machine, but for Retain, State and Pipe.
	Settled(c *Call, out Outcome)
}

// Outcome is what a call came to: Err, or the results and their capability
// table, whose entries are nil where null. The holders stay with the call.
type Outcome struct {
	Err     *Error
	Content capn.Ptr
	Caps    []*Ref
}

// Object is what a near reference designates. It must be comparable.
type Object interface {
	// Deliver hands a call over, inside the machine: queue a turn. The call is to
	// be answered by Return, Fail or Follow. If Deliver reports true, the call
	// waits for an argument, and later ones on its path wait behind it until
	// Ready.
	Deliver(c *Call) (wait bool)
	// Canceled says that nobody waits for c any more. It still must be answered.
	Canceled(c *Call)
	// Dropped says that no reference under this grant is held by anybody.
	Dropped(g *Grant)
}

// Send sends a call to target. It never blocks. The handle belongs to the
// sender until Done.
func (m *Machine) Send(target *Ref, o *Outgoing) *Call {
	c := m.newCall()
	c.iface, c.method, c.noPipelining, c.brief = o.Interface, o.Method, o.NoPipelining, o.Brief
	c.sink, c.held = o.Sink, true
	for i, r := range o.Caps {
		if r != nil && len(m.gates) > 0 {
			o.Caps[i] = m.behindGate(nil, r)
			r.Release()
		}
	}
	c.in = payload{flat: o.Params, caps: o.Caps}
	switch {
	case len(o.Params)+64 > m.lim.MaxMessage:
		c.fail(errTooLarge)
	case m.pending >= m.lim.MaxPending:
		c.fail(errOverloaded)
	default:
		m.route(target, c)
	}
	return c
}

// Done gives the sender's handle back, before or after the outcome is known.
// The call goes on; its outcome is not kept.
func (c *Call) Done() {
	c.inUse()
	c.held, c.sink = false, nil
	if c.state == callSettled {
		c.body.clear(c)
		c.recycle()
	}
}

// Method returns which method of which interface is called.
func (c *Call) Method() (iface uint64, method uint16) { return c.iface, c.method }

// Params returns the parameters of a delivered call, until it is answered or Took is
// called. The content may be read outside the machine; the capabilities are borrowed.
func (c *Call) Params() (capn.Ptr, []*Ref) { return c.body.content, c.body.caps }

// Took says that the parameters are not needed any more, though the answer is not known
// yet: what they take is given back.
func (c *Call) Took() {
	if c.state == callDelivered {
		c.drop()
	}
}

// From returns the session that the call came over, nil if it came from here.
func (c *Call) From() *Session {
	if c.answer != nil {
		return c.answer.s
	}
	return nil
}

// Session returns the session whose peer is to answer the call, if it has been sent.
func (c *Call) Session() *Session {
	if c.state == callAsked {
		return c.q.s
	}
	return nil
}

// IsCanceled reports whether the sender lost interest.
func (c *Call) IsCanceled() bool { return c.canceled }

// IsFollowing reports whether the call's outcome will be that of another (see Follow).
func (c *Call) IsFollowing() bool { return c.state == callFollowing }

// own makes the call keep its parameters beyond this step of the machine. False
// means that they are malformed: the call is settled, its session ends.
func (c *Call) own() bool {
	in := c.in
	if in.flat == nil && in.content.IsNull() && len(in.caps) == 0 {
		return true
	}
	c.in = payload{}
	if c.body.set(c, in) {
		return true
	}
	if s := c.From(); s != nil {
		s.fatal(ProtoMessage)
	}
	c.fail(errMalformed)
	return false
}

// set copies p into b, charging the session that c came from.
func (b *stored) set(c *Call, p payload) bool {
	buf := c.m.takeBuf()
	var err error
	if p.flat != nil {
		buf = append(buf, p.flat...)
	} else {
		buf, err = capn.FlattenOnce(buf, p.content)
	}
	b.buf, b.caps = buf, append(b.caps[:0], p.caps...)
	if err == nil {
		err = b.msg.ParseFlat(buf, &c.m.words)
	}
	if err == nil {
		b.content, err = b.msg.Root()
	}
	b.charged = cap(buf) + len(p.caps)*refCost
	if s := c.From(); s != nil {
		s.charge(b.charged)
	}
	if err != nil {
		b.content = capn.Ptr{}
	}
	return err == nil
}

// clear releases what b holds.
func (b *stored) clear(c *Call) {
	for _, r := range b.caps {
		if r != nil {
			r.Release()
		}
	}
	if s := c.From(); s != nil {
		s.charge(-b.charged)
	}
	if b.buf != nil {
		c.m.giveBuf(b.buf)
	}
	b.msg.Reset()
	b.caps, b.content, b.charged, b.buf = emptied(b.caps), capn.Ptr{}, 0, nil
}

// drop releases the parameters wherever they are.
func (c *Call) drop() {
	releaseAll(c.in.caps)
	c.in = payload{}
	c.body.clear(c)
}

// wait counts a local call as pending: it waits inside this vat.
func (c *Call) wait() {
	c.tangled = true
	if c.answer == nil && !c.waiting {
		c.waiting = true
		c.m.pending++
	}
}

func (c *Call) unwait() {
	if c.waiting {
		c.waiting = false
		c.m.pending--
	}
}
