package vat

import (
	"context"
	"fmt"
	"reflect"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/spec/object"
)

// deliver takes a call for f, inside the machine: it queues a turn, or has the
// call wait for arguments that are still promises.
func (c *core) deliver(f *face, call *captp.Call) (wait bool) {
	iface, method := call.Method()
	settle := iface == object.Object_TypeID && method == methodSettle && f.verbs.unsettled != nil
	if !settle && (iface != object.Object_TypeID || method != methodSend) {
		c.later(&settleAnswer{core: c, call: call, self: f})
		return false
	}
	var args *waiting
	if _, caps := call.Params(); len(caps) > 0 && !settle {
		w, wait := c.waitForArguments(f, call)
		if wait {
			return true
		}
		args = w
	}
	c.enqueue(turn{call: call, obj: f, args: args})
	return false
}

// enqueue queues the turn of a delivery. Machine right.
func (c *core) enqueue(t turn) {
	if t.call.From() == nil {
		c.local++
	}
	c.turns.push(t)
	if from := t.call.From(); from != nil {
		from.Tag().(*session).enqueued()
	}
}

// underway is a call that must hear when its caller cancels.
type underway struct {
	cancel context.CancelCauseFunc // its method took a context
	wait   *waiting                // it waits for arguments
	skip   bool                    // it was canceled before its turn
	follow *promise                // its turn is over, and its outcome will be that of this
	at     int                     // where this stands among the watchers of follow
}

// canceled hears, inside the machine, that nobody waits for call any more.
func (c *core) canceled(call *captp.Call) {
	u := c.calls[call]
	from := call.From()
	switch {
	case u == nil && call.IsFollowing(): // its turn is over, and so is what was told to look out for its end
	case u == nil: // queued or running; if its turn is still to come, begin sees it
		// A call whose session has ended was delivered all the same.
		c.calls[call] = &underway{skip: from == nil || from.Err() == nil}
	case u.follow != nil:
		c.later(&unanswered{c, call, u})
	case u.wait != nil:
		c.later((*abandoned)(u.wait))
	case u.cancel != nil:
		c.outside = append(c.outside, func() { u.cancel(ErrCanceled) })
	}
}

// delivery is the turn of a call, while it runs. The holder of the turn right
// has one and uses it again.
type delivery struct {
	core   *core
	t      turn
	skip   bool // canceled before its turn came
	err    error
	enc    *encoder
	taken  bool // what enc has encoded was taken from it
	follow *promise
	ctx    context.CancelCauseFunc
	in     []reflect.Value // arguments of the method; used again
}

// begin prepares the turn. Machine right.
func (d *delivery) begin(c *core, t turn) {
	d.core, d.t = c, t
	if u := c.calls[t.call]; u != nil {
		d.skip = u.skip
		delete(c.calls, t.call)
	}
}

// fail is the outcome of a turn that panicked, or was undone; then with the machine right.
func (d *delivery) fail(err error) {
	d.err, d.follow = err, nil
	if d.taken {
		release(d.enc.caps)
	}
}

// take takes the results while grantOf knows whose they are. Both rights.
func (d *delivery) take() {
	if d.enc != nil && d.err == nil && !d.taken {
		d.enc.take()
		d.taken = true
	}
}

// run is the turn. No right but the turn right.
func (d *delivery) run() {
	d.perform()
	if d.err != nil {
		d.err = d.core.carryAs(d.err, codeOf)
	}
}

// perform decodes, calls and encodes.
func (d *delivery) perform() {
	if d.skip {
		d.err = ErrCanceled
		return
	}
	c, call := d.core, d.t.call
	params, caps := call.Params()
	dec := newDecoder(c, caps)
	defer dec.done()
	if from := call.From(); from != nil {
		dec.donor = from.Tag().(*session).peer
	}
	if w := d.t.args; w != nil {
		dec.data = &w.data
	}
	verbs := d.t.obj.verbs
	if d.settles() {
		d.hook(verbs.unsettled, &Message{table: table{core: c}, settle: true})
		return
	}
	args, err := value.ParseArgs(params)
	if err != nil {
		d.err = fmt.Errorf("%w: %w", ErrBadArguments, err)
		return
	}
	v := verbs.byName[string(args.Verb())]
	switch {
	case v == nil && string(args.Verb()) == verbSave:
		d.save()
		return
	case v == nil && verbs.unmatched == nil:
		d.err = d.builtin(string(args.Verb()), args, dec)
		return
	case v == nil:
		d.hook(verbs.unmatched, &Message{table: table{core: c, caps: caps},
			verb: string(args.Verb()), params: params, args: args, dec: dec})
		return
	}
	if d.err = d.prepare(v, dec, args); d.err == nil {
		d.invoke(v)
	}
	clear(d.in)
	d.in = d.in[:0]
}

// settles reports whether the call is settle, which only the hook Unsettled makes a turn.
func (d *delivery) settles() bool {
	_, method := d.t.call.Method()
	return method == methodSettle
}

// hook calls Unmatched or Unsettled.
func (d *delivery) hook(v *verb, m *Message) {
	defer func() { *m = Message{table: table{core: m.core}, over: true} }()
	d.in = append(d.in[:0], d.t.obj.recv)
	if v.hasCtx {
		d.in = append(d.in, reflect.ValueOf(d.context()))
	}
	d.in = append(d.in, reflect.ValueOf(m))
	d.invoke(v)
	clear(d.in)
	d.in = d.in[:0]
	if d.err == ErrNoSuchVerb { // it declines: the vat speaks
		d.err = d.builtin(m.verb, m.args, m.dec)
	}
}

// builtin answers the verbs that every object has.
func (d *delivery) builtin(verb string, args value.Args, dec *decoder) error {
	switch verb {
	case verbDescribe:
		desc, err := describe(d.t.obj.verbs)
		if err != nil {
			return err
		}
		return d.result(reflect.ValueOf(desc))
	case verbIdentify:
		return d.identify(args, dec)
	}
	return fmt.Errorf("%w: %s has no verb %q", ErrNoSuchVerb, typeName(d.t.obj.verbs.typ), clip(verb))
}

// prepare decodes the arguments into d.in.
func (d *delivery) prepare(v *verb, dec *decoder, args value.Args) error {
	n := args.Len()
	fixed := len(v.params)
	if v.variadic {
		fixed--
	}
	if n < fixed || n > fixed && !v.variadic {
		return fmt.Errorf("%w: %s takes %d, not %d", ErrBadArguments, v.name, fixed, n)
	}
	d.in = append(d.in[:0], d.t.obj.recv)
	if v.hasCtx {
		d.in = append(d.in, reflect.ValueOf(d.context()))
	}
	for i := range n {
		into := reflect.New(v.param(i)).Elem()
		if err := args.Decode(&dec.val, i, into); err != nil {
			return argumentError(v, err)
		}
		d.in = append(d.in, into)
	}
	return nil
}

// context makes the context of a method that takes one.
func (d *delivery) context() context.Context {
	c := d.core
	ctx, cancel := context.WithCancelCause(c.context())
	d.ctx = cancel
	c.lock()
	if d.t.call.IsCanceled() {
		c.outside = append(c.outside, func() { cancel(ErrCanceled) })
	} else {
		c.calls[d.t.call] = &underway{cancel: cancel}
	}
	c.unlock()
	return ctx
}

// invoke calls the method and takes its results.
func (d *delivery) invoke(v *verb) {
	out := v.fn.Call(d.in)
	if v.hasErr {
		if err := out[v.errAt]; !err.IsNil() {
			if d.err = err.Interface().(error); d.err != ErrNoSuchVerb || v != d.t.obj.verbs.unmatched {
				d.err = d.core.carry(d.err)
			}
			return
		}
	}
	if v.result == nil {
		return
	}
	res, promise := out[0], v.promise
	if res.Kind() == reflect.Interface {
		res = res.Elem()
		promise = res.IsValid() && res.Type().Implements(promiseType)
	}
	if promise && res.Kind() == reflect.Pointer {
		if res.IsNil() {
			return
		}
		p := res.Interface().(anyPromise).base()
		if p.core != d.core {
			d.err = d.core.incident("a method returned a promise of another vat", v.name)
			return
		}
		d.follow = p
		return
	}
	d.err = d.result(out[0])
}

// result encodes the result. What cannot be sent is a fault of the object, of
// which its caller is told no more than that.
func (d *delivery) result(v reflect.Value) error {
	d.enc = newEncoder(d.core)
	d.enc.outcome = true
	if err := d.enc.result(v); err != nil {
		return d.core.incident("a result cannot be sent", err.Error(), "type", v.Type().String())
	}
	return nil
}

// commit answers the call. Machine right.
func (d *delivery) commit() {
	c, call := d.core, d.t.call
	switch {
	case d.err != nil:
		call.Fail(toWire(d.err))
		c.over(call, d.ctx)
	case d.follow != nil && d.follow.awaits(nil, call):
		call.Fail(toWire(ErrCycle))
		c.over(call, d.ctx)
	case d.follow != nil:
		if call.IsCanceled() {
			call.Fail(whyCanceled(call))
			c.over(call, d.ctx)
			break
		}
		call.Took()
		p := d.follow
		f := &follower{call: call, cancel: d.ctx}
		if d.settles() {
			f.self = d.t.obj
		} else {
			f.followed = p.state == pending && p.call != nil && !p.solo
		}
		if f.followed {
			call.Follow(p.call)
		}
		c.calls[call] = &underway{cancel: d.ctx, follow: p, at: len(p.watch)}
		p.whenSettled(f)
	case d.enc != nil:
		d.take()
		call.Return(d.enc.val.B.Bytes(), d.enc.caps)
		c.over(call, d.ctx)
	default:
		call.Return(nil, nil)
		c.over(call, d.ctx)
	}
	if d.enc != nil {
		d.enc.done()
	}
	if args := d.t.args; args != nil {
		args.done()
		args.data.letGo()
	}
	*d = delivery{core: c, in: d.in}
}

// over forgets an answered call, and ends the context of its method. Machine right.
func (c *core) over(call *captp.Call, cancel context.CancelCauseFunc) {
	delete(c.calls, call)
	if cancel != nil {
		c.outside = append(c.outside, func() { cancel(context.Canceled) })
	}
}

// follower gives a call the outcome of the promise that its method returned.
type follower struct {
	call     *captp.Call
	cancel   context.CancelCauseFunc
	followed bool  // the machine does so
	self     *face // the call is settle, and this is the answer if the outcome is no data
}

func (f *follower) settled(p *promise) {
	switch {
	case f.followed:
	case p.state == broken:
		f.call.Fail(p.wireError().PassedOn())
	case f.self != nil && p.isRef():
		f.call.Return(selfResult, []*captp.Ref{p.core.machine.Near(f.self, f.self.grant)})
	default:
		f.call.Return(p.flat, p.retained())
	}
	p.core.over(f.call, f.cancel)
}

// unanswered is a call that was canceled while it waits for the promise that its
// method returned. It does not wait any more: its caller may have gone, and the
// promise may never settle.
type unanswered struct {
	core *core
	call *captp.Call
	u    *underway
}

func (a *unanswered) afterwards() {
	c := a.core
	if c.calls[a.call] != a.u {
		return // answered meanwhile
	}
	a.u.follow.unwatch(a.u.at, a.call)
	if a.u.cancel != nil {
		c.outside = append(c.outside, func() { a.u.cancel(ErrCanceled) })
	}
	a.call.Fail(whyCanceled(a.call))
	c.over(a.call, nil)
}

// whyCanceled is what those hear who use the results of a call that was canceled: by
// its caller, or because the caller's session has ended.
func whyCanceled(call *captp.Call) *captp.Error {
	if from := call.From(); from != nil && from.Err() != nil {
		return from.Err()
	}
	return toWire(ErrCanceled)
}

// clip bounds a string of a peer that goes into an error.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
