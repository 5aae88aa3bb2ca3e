package stream

import "github.com/vatnet/vatnet/vat"

// signal tells of changes, in and out of turns. It is guarded by who has it. Waiting for a
// promise, unlike for a Go channel, also ends with the vat, and is refused in turns.
type signal struct {
	v       *vat.Vat
	now     *vat.Promise[any] // fulfilled
	changed *vat.Promise[any] // nil: nobody waits
	tell    *vat.Resolver[any]
}

func newSignal(v *vat.Vat) signal {
	now, res := vat.NewPromise[any](v)
	_ = res.Resolve(nil) // null can be carried
	return signal{v: v, now: now}
}

// soon has f run in a turn.
func (s *signal) soon(f func()) *vat.Promise[any] {
	return vat.When(s.now, func(any) (any, error) {
		f()
		return nil, nil
	})
}

// next returns a promise that settles with the next change.
func (s *signal) next() *vat.Promise[any] {
	if s.changed == nil {
		s.changed, s.tell = vat.NewPromise[any](s.v)
	}
	return s.changed
}

// wake tells those who wait.
func (s *signal) wake() {
	if s.changed != nil {
		_ = s.tell.Resolve(nil) // null can be carried
		s.changed, s.tell = nil, nil
	}
}

// settled has f run in a turn with the outcome of p.
func settled[T any](p *vat.Promise[T], f func(value T, err error)) {
	vat.WhenSettled(p, func(value T, err error) (any, error) {
		f(value, err)
		return nil, nil
	})
}
