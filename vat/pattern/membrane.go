package pattern

import (
	"context"

	"github.com/vatnet/vatnet/vat"
)

// Membrane is a wall around a world of objects that is revoked as a whole: what is inside is reached through
// wrappers, and whatever reference passes the wall in a message, in either direction, is wrapped as well; one
// that comes back is unwrapped, unless it has come through a third vat. Make one with [NewMembrane]. Its methods
// are safe for concurrent use.
type Membrane struct{ gate *Gate }

// NewMembrane makes a membrane, and the gate that revokes it. After that no message passes, neither in nor out, and
// those whose outcome has not passed break with ErrRevoked at once, as those do that are sent later.
func NewMembrane() (*Membrane, *Gate) {
	g := &Gate{}
	return &Membrane{g}, g
}

// Wrap gives what those outside get for an object inside: an object that can be exported, sent or returned. All of
// a membrane's wrappers belong to one vat, of which inside is a reference or promise; it need not be where the
// objects are. To wrap the same object twice gives two wrappers.
func (m *Membrane) Wrap(inside vat.Target) *Wrapper {
	return &Wrapper{gate: m.gate, target: inside, out: true}
}

// Wrapper is an object that stands for one at the other side of a [Membrane].
type Wrapper struct {
	vat.Object
	gate   *Gate // that of its membrane
	target vat.Target
	out    bool // it is held outside, and target is inside; or else the other way round
}

// Unmatched passes messages on. Only which object this is it says for itself: the wall hides what is behind it from those
// who have that otherwise.
func (w *Wrapper) Unmatched(ctx context.Context, m *vat.Message) (*vat.Promise[any], error) {
	if m.Verb() == "__identify" {
		return nil, vat.ErrNoSuchVerb
	}
	return w.pass(ctx, m)
}

// Unsettled passes on the question what a promise at the other side has settled to: it may be data.
func (w *Wrapper) Unsettled(ctx context.Context, m *vat.Message) (*vat.Promise[any], error) {
	return w.pass(ctx, m)
}

// pass passes a message on, and that its caller cancels: who is at the other side may never answer, and nothing is
// held for a call for which nobody waits.
func (w *Wrapper) pass(ctx context.Context, m *vat.Message) (*vat.Promise[any], error) {
	p, outcome := vat.NewPromise[any](w.Vat())
	if err := w.gate.enter(outcome); err != nil {
		w.target = nil
		return nil, err
	}
	if err := m.Replace(func(r *vat.Ref) (any, error) { return w.cross(r, !w.out), nil }); err != nil {
		w.gate.leave(outcome)
		return nil, err
	}
	var stop func() bool
	cancel := m.Relay(w.target, outcome, func(reply *vat.Reply) error {
		stop()
		w.gate.leave(outcome)
		return reply.Replace(func(r *vat.Ref) (any, error) { return w.cross(r, w.out), nil })
	})
	stop = context.AfterFunc(ctx, cancel)
	return p, nil
}

// cross gives what stands for r, of one side, at the other: outside (out), or inside.
func (w *Wrapper) cross(r *vat.Ref, out bool) any {
	if x, ok := vat.Near[*Wrapper](r); ok && x.gate == w.gate && x.out != out {
		return x.target // it comes home
	}
	return &Wrapper{gate: w.gate, target: r, out: out}
}
