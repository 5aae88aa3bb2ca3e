package vat

import "github.com/vatnet/vatnet/captp"

// A promise may settle as another one does. That may go round in a circle, also through calls that wait in this
// vat for what their methods returned: then nothing would ever settle, and the promise breaks instead.

// follow settles p as o settles; sends go on to where those to o go. Machine right.
func (p *promise) follow(o *promise) {
	if o.awaits(p, nil) {
		p.smash(ErrCycle)
		return
	}
	if p.state != pending {
		return
	}
	if p.pipe != nil {
		p.core.machine.Resolve(p.pipe, o.ref().Retain())
	}
	p.lead = o
	o.whenSettled(followed{p})
}

// awaits reports whether p settles as x does, or as the outcome of call, which waits
// in this vat for what its method returned; or only behind that. It does, too, if it
// is known never to settle. Machine right.
func (p *promise) awaits(x *promise, call *captp.Call) bool {
	mark, far := p, 1
	for n := 1; p != nil; n++ {
		if p == x {
			return true
		}
		next, of := p.ahead(call)
		if of != nil && of == call || next == mark { // the latter is another circle
			return true
		}
		if p = next; n == far {
			mark, far = p, 2*far
		}
	}
	return false
}

// ahead returns what p waits for to settle: a promise, nil if it is none of this vat's;
// and the call through which it does, if any: the walk stops at call.
func (p *promise) ahead(call *captp.Call) (*promise, *captp.Call) {
	if p.lead != nil {
		return p.lead, nil
	}
	of := p.call
	if of == nil && p.named && p.pipe != nil { // else it has settled
		of = p.pipe.ResultOf() // it came in a message, and may be what this vat is to answer
	}
	for of != nil && of != call && p.core.calls[of] == nil {
		of = of.Behind()
	}
	if of == nil || of == call {
		return nil, of
	}
	return p.core.calls[of].follow, of
}

// followed settles p as what it is told of.
type followed struct{ p *promise }

func (f followed) settled(o *promise) {
	if o.state == broken {
		o.wireError()
		f.p.smash(o.fail)
		return
	}
	f.p.fulfill(o.flat, o.retained())
}
