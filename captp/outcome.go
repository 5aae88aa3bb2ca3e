package captp

import (
	"slices"

	"github.com/vatnet/vatnet/internal/capn"
)

// path0 is the path of the first pointer of the results.
const path0 = "\x00\x00"

func pathOf(fields []uint16) string {
	if len(fields) == 1 && fields[0] == 0 {
		return path0
	}
	b := make([]byte, 0, 2*len(fields))
	for _, f := range fields {
		b = append(b, byte(f), byte(f>>8))
	}
	return string(b)
}

// Pipe returns the reference that stands at a path of pointers in the results
// of c: a promise until they are known, calls on which travel at once. It must
// not be used on a call sent with NoPipelining, nor after Done.
func (c *Call) Pipe(path ...uint16) *Ref { return c.pipe(pathOf(path)) }

// maxPipes is how many places of one call's results can be used before they are
// there: they are found one by one, so a peer must not have many.
const maxPipes = 1024

// pipe is Pipe for an encoded path. The caller gets a holder.
func (c *Call) pipe(path string) *Ref {
	c.inUse()
	if c.state == callSettled {
		r, _ := c.settledPipe(path)
		return r
	}
	for _, p := range c.pipes {
		if p.path == path {
			return p.ref.Retain()
		}
	}
	if len(c.pipes) >= maxPipes {
		return c.m.BrokenRef(errOverloaded)
	}
	r := c.m.newRef(routeQueue)
	r.of = c
	if c.state == callAsked {
		r.route, r.call, r.path = routePipeline, c, path
	}
	c.pipes = append(c.pipes, pipe{path, r})
	if s := c.From(); s != nil {
		s.charge(refCost)
	}
	if c.state == callFollowing {
		c.m.forward(r, c.follows.pipe(path))
	}
	return r.Retain()
}

// settledPipe is the reference at path in results that are known, and its place in
// their table: -1 if it was made here, for data or what is broken.
func (c *Call) settledPipe(path string) (r *Ref, place int) {
	if c.err != nil {
		return c.m.BrokenRef(c.err), -1
	}
	c.body.content.Refill()
	switch r, place, err := c.at(path, c.body.content, c.body.caps); {
	case err != nil:
		return c.m.BrokenRef(err), -1
	case r == nil:
		return c.m.BrokenRef(errNull), -1
	default:
		return r, place
	}
}

// at finds the capability at path in results, and its place in caps. It gives a
// holder; nil is null. The place is -1 if the reference was made here to stand for
// data.
func (c *Call) at(path string, content capn.Ptr, caps []*Ref) (r *Ref, place int, err *Error) {
	p := content
	for i := 0; i+1 < len(path); i += 2 {
		if p.IsNull() {
			return nil, 0, errNull
		}
		if !p.IsStruct() {
			return nil, 0, errNotACap
		}
		next, bad := p.Field(int(path[i]) | int(path[i+1])<<8)
		if bad != nil {
			return nil, 0, errNotACap
		}
		p = next
	}
	switch {
	case p.IsCap():
		if i := p.Cap(); int64(i) < int64(len(caps)) && caps[i] != nil {
			return caps[i].Retain(), int(i), nil
		}
		return nil, 0, nil
	case !p.IsNull():
		return nil, 0, errNotACap
	case path == path0 && c.iface == c.m.cfg.ObjectInterface && c.m.cfg.Host != nil && content.IsStruct():
		return c.m.Near(c.m.cfg.Host.Holder(content, caps, c.From()), nil), -1, nil
	}
	return nil, 0, nil
}

// Return answers the call with results, a flat segment, and their capability table,
// both of which are copied; the holders pass. Nil results are an empty struct.
// A call that is settled already is not answered again.
func (c *Call) Return(results []byte, caps []*Ref) {
	for i, r := range caps {
		if r != nil && len(c.m.gates) > 0 {
			caps[i] = c.m.behindGate(nil, r)
			r.Release()
		}
	}
	c.answers(results, caps)
}

// answers is Return for references that do not go out behind what this vat's own code has sent to them.
func (c *Call) answers(results []byte, caps []*Ref) {
	p := payload{flat: results, caps: caps}
	if results == nil {
		p.flat = emptyStruct[:]
	}
	var err error
	if err = c.m.scratch.ParseFlat(p.flat, &c.m.words); err == nil {
		p.content, err = c.m.scratch.Root()
	}
	if err == nil && len(p.flat)+64 > c.m.lim.MaxMessage {
		err = capn.ErrTooBig
	}
	if err != nil {
		releaseAll(caps)
		c.settle(payload{}, errTooLarge)
		return
	}
	c.settle(p, nil)
}

// emptyStruct is the flat segment of a struct without fields.
var emptyStruct = [8]byte{0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// Fail answers the call with an exception.
func (c *Call) Fail(err *Error) { c.settle(payload{}, err.answer()) }

func (c *Call) fail(err *Error) { c.settle(payload{}, err) }

// Follow makes the outcome of other the outcome of c: a method returned the
// promise of another send. Calls pipelined on c go where those on other go.
// other's handle stays with its owner, who must keep it until c is settled.
func (c *Call) Follow(other *Call) {
	c.inUse()
	other.inUse()
	if c.state == callSettled {
		return
	}
	for o := other; o != nil; o = o.follows {
		if o == c {
			c.settle(payload{}, errSelf)
			return
		}
	}
	if other.state == callSettled {
		p := other.outcome()
		if c.via != nil {
			for i, r := range p.caps {
				p.caps[i] = c.m.detour(r)
			}
		}
		c.settle(p, other.err.PassedOn().answer())
		return
	}
	c.unwait()
	c.tangled, other.tangled = true, true
	c.state, c.follows, c.place = callFollowing, other, len(other.followers)
	other.followers = append(other.followers, c)
	for _, p := range c.pipes {
		r := other.pipe(p.path)
		if c.via != nil {
			r = c.m.detour(r)
		}
		c.resolvePipe(p.ref, r)
	}
}

// outcome returns the results that a settled call keeps, with holders.
func (c *Call) outcome() payload {
	return payload{content: c.body.content, caps: retainAll(c.body.caps)}
}

// resolvePipe settles one promise for a result of c; r's holder passes.
func (c *Call) resolvePipe(p, r *Ref) {
	switch {
	case c.via != nil:
		c.m.settleRemote(p, c.via, r)
	case p.route != routeQueue || p.embargoed != nil:
		if r != nil {
			r.Release()
		}
	case r == nil:
		c.m.breakRef(p, errNull)
	default:
		c.m.forward(p, r)
	}
}

// settle gives c its outcome, once: to the promises of its results, to whoever
// asked, to the calls that follow it. The holders in p.caps pass.
func (c *Call) settle(p payload, err *Error) {
	c.inUse()
	if c.state == callSettled {
		releaseAll(p.caps)
		return
	}
	if a := c.answer; err == nil && a != nil && !a.finished && !a.yourself && a.s.exportsFull(p.caps...) {
		releaseAll(p.caps)
		p, err = payload{}, errOverloaded
	}
	if c.gated {
		defer c.Ready() // a call answered while it waited must not close the gate for ever
	}
	c.unwait()
	c.state, c.err, c.settling = callSettled, err, true
	if h := c.line; h != nil {
		h.leave()
		h.s.sendHeld()
	}
	c.drop()
	told := c.settlePipes(p, err)
	own := p
	p.content.Refill()
	if c.answer != nil {
		own = told
	}
	dropped := false
	if err == nil && c.keeps(p) {
		if dropped = c.spares(p); dropped {
		} else if holdAll(own.caps); !c.body.set(c, own) {
			c.err = errMalformed
		}
	}
	switch wasTold := c.tell(own); { // c.err is for whoever uses the results as a reference from now on
	case !wasTold:
		c.body.clear(c)
		c.err = errAnswerLost
	case dropped:
		c.err = errOverloaded
	}
	for _, f := range c.followers {
		p.content.Refill()
		f.settle(payload{flat: p.flat, content: p.content, caps: retainAll(told.caps)}, err.PassedOn().answer())
	}
	c.followers = nil
	if len(p.caps) > 0 && &told.caps[0] != &p.caps[0] {
		releaseAll(told.caps)
	}
	releaseAll(p.caps)
	c.leave()
	c.settling = false
	c.recycle()
}

// settlePipes settles the promises for parts of the results. It returns the
// results as others are to be told of them: p, or, where a promise is in embargo,
// with holders of their own and that promise for what it will be, so that nobody
// overtakes what was sent on it.
func (c *Call) settlePipes(p payload, err *Error) (told payload) {
	told = p
	for _, x := range c.pipes {
		if err != nil {
			if x.ref.unresolved() && x.ref.embargoed == nil {
				c.m.breakRef(x.ref, err)
			}
			continue
		}
		p.content.Refill()
		r, place, e := c.at(x.path, p.content, p.caps)
		switch {
		case e != nil:
			c.resolvePipe(x.ref, c.m.BrokenRef(e))
		case place < 0 && x.ref.unresolved() && x.ref.embargoed == nil:
			// The data is here and nowhere else: there is no other way to it.
			c.m.forward(x.ref, r)
		default:
			c.resolvePipe(x.ref, r)
			if x.ref.embargoed != nil && r != nil && place >= 0 {
				if &told.caps[0] == &p.caps[0] {
					told.caps = retainAll(p.caps)
				}
				told.caps[place].Release()
				told.caps[place] = x.ref.Retain()
			}
		}
	}
	return told
}

// keeps reports whether somebody may still ask for c's results.
func (c *Call) keeps(p payload) bool {
	if a := c.answer; a != nil {
		pipelines := !c.noPipelining && (len(p.caps) > 0 || c.iface == c.m.cfg.ObjectInterface)
		return !a.finished && (a.yourself || pipelines)
	}
	return c.held && !c.brief
}

// tell tells the sender. It gives false if the answer was too large to be told.
func (c *Call) tell(p payload) bool {
	if c.answer != nil {
		return c.answer.s.writeReturn(c.answer, p, c.err)
	}
	if s := c.sink; s != nil {
		c.sink = nil
		out := Outcome{Err: c.err, Content: c.body.content, Caps: c.body.caps}
		if c.brief && c.err == nil {
			out.Content, out.Caps = p.content, p.caps
		}
		s.Settled(c, out)
	}
	return true
}

// leave drops what a settled call no longer needs. The promises of its results
// lose the holder that kept them findable.
func (c *Call) leave() {
	for _, x := range c.pipes {
		if s := c.From(); s != nil {
			s.charge(-refCost)
		}
		x.ref.of = nil
		c.tangled = c.tangled || x.ref.call == c // its way is kept open: see pins.go
		x.ref.Release()
	}
	c.pipes = emptied(c.pipes)
	c.on = nil
	c.tail = false // a peer may have answered it, nevertheless
	if c.obj != nil && !c.gated {
		c.obj.Release()
		c.obj = nil
	}
	if c.follows != nil && c.follows.state != callSettled {
		c.unfollow()
	}
	c.via, c.follows = nil, nil
	if q := c.q; q != nil {
		if q.call == c {
			q.call = nil
		}
		q.finishIfDone()
	}
}

// unfollow undoes Follow.
func (c *Call) unfollow() {
	o := c.follows
	last := o.followers[len(o.followers)-1]
	o.followers[c.place], last.place = last, c.place
	o.followers[len(o.followers)-1] = nil
	o.followers = o.followers[:len(o.followers)-1]
	c.follows = nil
}

func releaseAll(caps []*Ref) {
	for _, r := range caps {
		if r != nil {
			r.Release()
		}
	}
}

// retainAll returns caps once more, with a holder each.
func retainAll(caps []*Ref) []*Ref {
	holdAll(caps)
	return slices.Clone(caps)
}

// holdAll adds a holder to each of caps.
func holdAll(caps []*Ref) {
	for _, r := range caps {
		if r != nil {
			r.Retain()
		}
	}
}
