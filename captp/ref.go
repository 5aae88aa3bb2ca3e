package captp

import "slices"

// State is the state of a reference, as E names them.
//
//	          resolve                  session ends, grant revoked
//	Promise ───────────▶ Near | Far ───────────────────────────────▶ Broken
//	   │                                                               ▲
//	   └───────────────────────────────────────────────────────────────┘
//	     break
type State uint8

const (
	Promise State = iota // not known yet; calls are accepted and keep their order
	Near                 // an object of this vat
	Far                  // an object of another vat
	Broken               // nothing any more, for the reason in Err
)

// route says where a call on a reference goes at this moment.
type route uint8

const (
	routeNear     route = iota // to the object
	routeImport                // to the peer that hosts the object or promise
	routePipeline              // to the peer that will answer the call of which this is a result
	routeQueue                 // nowhere yet: into the reference's own queue
	routeVine                  // to whoever passed it, by the vine in to, until it is led elsewhere: see handoff.go
	routeForward               // to what the promise was resolved to
	routeBroken                // back, with the reason
)

// Ref is a counted reference to an object or a promise. Methods that return a
// *Ref give the caller one holder of it, unless they say otherwise; Release
// gives a holder back. Two Refs designate the same thing if their Settled are
// the same pointer. The machine's rules of concurrency hold: one goroutine.
type Ref struct {
	m       *Machine
	holders int
	route   route

	obj    Object // near
	grant  *Grant
	serial uint64 // of a near reference: they break in the order in which they were made

	imp    *imported // import; kept by a resolved promise as long as something is pinned to it
	held   int       // what waits for credit to go this way
	pins   int       // who needs the way through imp or call although the promise is resolved
	was    *Session  // broken: through which its way went
	moved  *Ref      // resolved: what took over the pins; pinned
	bindTo *Ref      // resolved and pinned: what it leads to, to hear when that breaks; no holder
	bindAt int       // its place in bindTo.bound
	bound  []*Ref    // whose bindTo this is

	call *Call  // pipeline: of this call's results …
	path string // … the capability at this path

	of        *Call  // the call of whose results this is one, until it is settled
	queue     []item // queue: what waits, in order
	embargoed *Ref   // queue, in embargo: what it will resolve to
	becomes   *Ref   // queue, an open item of somebody's: what it will resolve to; no holder

	to  *Ref   // forward, vine; one holder
	err *Error // broken

	far  bool     // what it is known to be is settled, whatever its way is: it began with a vine …
	hand *Handoff // … which it still has, or waits for another way; nil: it has one, to which calls may wait to go

	origin any // see Mark

	used     bool // a call went through the peer that a Disembargo would have to follow …
	busy     bool // … and one has since the Disembargo was sent
	gone     bool // the last holder was given back: see pool.go
	watchers []watch
	exports  []*exported // where this promise is exported: they want its Resolve
}

type watch struct {
	w Watcher
	r *Ref
}

// Watcher is told of changes of a reference.
type Watcher interface {
	// Changed is called once for each Watch, inside the machine: when r, a
	// promise, settles, or when r, settled, breaks. To hear of both, watch
	// again. It must not call the machine, but for Retain, State and Watch.
	Changed(r *Ref)
}

// item is something that waits on a reference in its order: exactly one field is set, but for id.
type item struct {
	call *Call    // a call
	echo *Session // a Disembargo of this session, to be reflected once it can
	id   uint32   // of echo
	lift *Ref     // a promise whose embargo ends here
	open *Ref     // a promise that resolves, here, to what the queue belongs to

	errand errand // of a handoff: see there
}

type nearKey struct {
	obj   Object
	grant *Grant
}

// Near returns the reference to obj under grant g (nil: none). There is one for
// each pair as long as somebody holds it. A revoked grant gives a broken one.
func (m *Machine) Near(obj Object, g *Grant) *Ref {
	if g != nil && g.revoked != nil {
		return m.BrokenRef(g.revoked)
	}
	k := nearKey{obj, g}
	if r := m.near[k]; r != nil {
		return r.Retain()
	}
	r := m.newRef(routeNear)
	r.obj, r.grant, r.serial = obj, g, m.nextSerial()
	m.near[k] = r
	return r
}

// NewPromise returns a local promise, to be settled by Resolve or Break.
func (m *Machine) NewPromise() *Ref { return m.newRef(routeQueue) }

// BrokenRef returns a reference broken for err.
func (m *Machine) BrokenRef(err *Error) *Ref {
	r := m.newRef(routeBroken)
	r.err = err
	return r
}

// Retain adds a holder and returns r.
func (r *Ref) Retain() *Ref {
	r.inUse()
	r.holders++
	return r
}

// Shared reports whether r has more than one holder.
func (r *Ref) Shared() bool { return r.holders > 1 }

// Release gives one holder back. With the last one a near object hears that it
// was dropped, an import is released to its peer, and a promise that nobody can
// resolve to anybody ends.
func (r *Ref) Release() {
	r.inUse()
	r.holders--
	if r.holders > 0 {
		if r.of != nil {
			r.of.reconsider()
		}
		return
	}
	if r.holders < 0 {
		panic("captp: reference released too often")
	}
	switch r.route {
	case routeNear:
		delete(r.m.near, nearKey{r.obj, r.grant})
		r.obj.Dropped(r.grant)
	case routeImport:
		r.dropImport()
	case routeForward:
		to := r.to
		r.to = nil
		r.dropImport()
		to.Release()
	case routeQueue:
		// The queue of a promise that nobody holds any more, not even its
		// resolver, can never be emptied.
		r.err, r.route = errDropped, routeBroken
		r.failQueue()
		r.dropImport()
	case routeVine:
		r.hand.over()
		r.err, r.route = errDropped, routeBroken
	case routePipeline, routeBroken:
		r.dropImport()
	}
	r.watchers = nil
	r.recycle()
}

// State returns the state of what r designates now.
func (r *Ref) State() State {
	switch s := r.Settled(); s.route {
	case routeNear:
		return Near
	case routeImport:
		if !s.imp.promise {
			return Far
		}
	case routeVine:
		return Far
	case routeQueue:
		if s.far {
			return Far
		}
	case routeBroken:
		return Broken
	}
	return Promise
}

// Settled follows the resolutions known here to their end. It gives no holder.
func (r *Ref) Settled() *Ref {
	r.inUse()
	end := r
	for end.route == routeForward {
		end = end.to
	}
	if r.route == routeForward && r.to != end {
		// A long chain is walked once.
		old := r.to
		r.to = end.Retain()
		old.Release()
	}
	return end
}

// Object returns the object and grant of a near reference; nil otherwise.
func (r *Ref) Object() (Object, *Grant) {
	if s := r.Settled(); s.route == routeNear {
		return s.obj, s.grant
	}
	return nil, nil
}

// Waiting returns how many calls wait for the local promise r to settle, and lets go of those that were canceled.
func (r *Ref) Waiting() (n int) {
	r.queue = slices.DeleteFunc(r.queue, func(it item) bool {
		if it.call == nil || it.call.state != callSettled {
			n++
			return false
		}
		return true
	})
	return n
}

// Err returns why the reference is broken, nil if it is not.
func (r *Ref) Err() *Error { return r.Settled().err }

// Session returns the session through which calls go now: of a far reference,
// or of a promise that a peer will resolve. Otherwise nil.
func (r *Ref) Session() *Session {
	switch s := r.Settled().onVine(); s.route {
	case routeImport:
		return s.imp.s
	case routePipeline:
		return s.call.q.s
	}
	return nil
}

// ResultOf returns the call of whose results r is one, if that has no outcome yet;
// nil otherwise.
func (r *Ref) ResultOf() *Call { return r.Settled().of }

// Behind returns the call for one of whose results c waits in this vat, to be sent on it; nil if there is none.
func (c *Call) Behind() *Call {
	if c.state == callQueued && c.on != nil {
		return c.on.ResultOf()
	}
	return nil
}

// Watch asks that w be told, once, of the next change of r: the settling of a
// promise, or the breaking of a settled reference.
func (r *Ref) Watch(w Watcher) {
	end := r.Settled()
	end.watchers = append(end.watchers, watch{w, r})
}

// Unwatch withdraws one Watch of w on r.
func (r *Ref) Unwatch(w Watcher) {
	end := r.Settled()
	for i, x := range end.watchers {
		if x.w == w && x.r == r {
			end.watchers = append(end.watchers[:i], end.watchers[i+1:]...)
			return
		}
	}
}

// Mark notes on r where it came from, whatever that is to the caller: see Origin.
func (r *Ref) Mark(origin any) { r.origin = origin }

// Origin returns what r is marked with, or what it has been resolved to; nil if neither is.
func (r *Ref) Origin() any {
	r.inUse()
	for r.origin == nil && r.route == routeForward {
		r = r.to
	}
	return r.origin
}

// live reports whether calls on r go through a peer, now.
func (r *Ref) live() bool { return r.route == routeImport || r.route == routePipeline }

// unresolved reports whether r is an unresolved promise of any kind.
func (r *Ref) unresolved() bool {
	switch r.route {
	case routeQueue, routePipeline, routeVine:
		return true
	case routeImport:
		return r.imp.promise
	}
	return false
}
