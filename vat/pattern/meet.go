package pattern

import (
	"context"
	"crypto/rand"

	"github.com/vatnet/vatnet/vat"
)

// meetings is how objects of one vat, all of type *T, recognise each other behind whatever reference: also one that
// leads home through other vats, or through a caretaker, and is far for that. The reference is sent a nonce, and
// the object at its end presents it. Who passes the nonce on to another object could as well have given that object
// instead, so nothing is gained by it. Touched by turns only.
type meetings[T any] struct {
	at    map[string]*meeting[T]
	sweep int // how many there are when those that were canceled are looked for
}

// meeting is one that has been called.
type meeting[T any] struct {
	ctx     context.Context // of who asked for it
	answer  *vat.Promise[any]
	present *T // who came
}

// meet runs f with the object that r designates, nil if that is none of these, and returns what f does: at once if
// it is near, or else a promise for it. ctx is that of the call: one that is canceled leaves nothing for long, for
// r may never answer.
func (m *meetings[T]) meet(ctx context.Context, r *vat.Ref, f func(object *T) (any, error)) (any, error) {
	if object, ok := vat.Near[*T](r); ok || r == nil {
		return f(object)
	}
	m.clean()
	nonce := rand.Text()
	x := &meeting[T]{ctx: ctx, answer: r.Send("present", nonce)}
	m.at[nonce] = x
	// What r answers means nothing, nor does how it fails.
	return vat.WhenSettled(x.answer, func(any, error) (any, error) {
		delete(m.at, nonce)
		return f(x.present)
	}), nil
}

// clean ends meetings for which nobody waits any more, if there are many.
func (m *meetings[T]) clean() {
	if m.at == nil {
		m.at, m.sweep = make(map[string]*meeting[T]), 64
	}
	if len(m.at) < m.sweep {
		return
	}
	for nonce, x := range m.at {
		if x.ctx.Err() != nil {
			delete(m.at, nonce)
			x.answer.Cancel()
		}
	}
	m.sweep = max(64, 2*len(m.at))
}

// present is what object does with a nonce that it was sent.
func (m *meetings[T]) present(nonce string, object *T) {
	if x := m.at[nonce]; x != nil {
		x.present = object
	}
}
