package stream

import (
	"context"

	"github.com/vatnet/vatnet/vat"
)

// sender is what a send end gives to one who opens it: its methods are the verbs that a
// Sender uses.
type sender[T any] struct {
	vat.Object
	hub  *hub[T]
	put  int64 // items so far
	held int   // … in puts that were not answered
	over error // it has ended, and what its puts are answered with
}

// Credit answers how many items may be in puts that were not answered.
func (s *sender[T]) Credit() int { return s.hub.cfg.Window }

// Put takes items, of which the first is the at-th of this sender, and is answered when all
// of them have been taken. Where one is missing, a put was lost on the way.
func (s *sender[T]) Put(at int64, items []T) (any, error) {
	h := s.hub
	if s.over != nil {
		return nil, s.over
	}
	if err := h.over(); err != nil {
		return nil, err
	}
	switch {
	case at != s.put:
		return nil, s.end(ErrGap, ErrGap)
	case len(items) > h.cfg.Window-s.held:
		return nil, s.end(ErrOverrun, ErrOverrun)
	}
	b := &batch[T]{from: s, count: len(items), items: items, sizes: make([]int, len(items))}
	for i := range items {
		if b.sizes[i] = sizeOf(&items[i], h.cfg.MaxItem); b.sizes[i] > h.cfg.MaxItem {
			return nil, s.end(ErrTooLarge, ErrTooLarge)
		}
	}
	if len(items) == 0 {
		return nil, nil
	}
	s.put += int64(len(items))
	s.held += len(items)
	h.queue.push(b)
	if h.match(); len(b.items) == 0 {
		return nil, nil
	}
	p, res := vat.NewPromise[any](h.vat)
	b.done = res
	return p, nil
}

// Close ends the sender, which has put so many items; err is nil if it wanted no more.
func (s *sender[T]) Close(at int64, err error) error {
	switch {
	case s.over != nil:
		return nil
	case err == nil && at != s.put:
		return s.end(ErrGap, ErrGap)
	}
	s.end(ErrClosed, err)
	return nil
}

// Unreferenced ends a sender that has vanished.
func (s *sender[T]) Unreferenced() {
	if s.over == nil {
		s.end(ErrClosed, ErrSenderLost)
	}
}

// end ends the sender, of which its own puts are told over, and the receivers, if it is
// the last one, err. It returns over.
func (s *sender[T]) end(over, err error) error {
	h := s.hub
	s.over = over
	h.senders--
	if h.failed == nil {
		h.failed = err
	}
	if h.senders == 0 && !h.cfg.Stay {
		h.end(h.failed)
	}
	return over
}

// receiver is what a receive end gives to one who opens it: its methods are the verbs that
// a Receiver uses.
type receiver[T any] struct {
	vat.Object
	hub   *hub[T]
	waits int   // takes that wait
	over  error // it has ended, and what its takes are answered with
}

// maxTakes is how many takes of a receiver may wait.
const maxTakes = 16

// Take gives up to so many items, and waits until there is one.
func (r *receiver[T]) Take(ctx context.Context, most int) (any, error) {
	h := r.hub
	most = max(1, most)
	switch {
	case r.over != nil:
		return nil, r.over
	case h.stopped != nil:
		return nil, h.stopped
	case h.queue.len() > 0:
		return h.collect(most), nil
	case h.ended != nil:
		return nil, h.ended
	}
	if r.waits >= maxTakes { // those that were canceled are still among them
		h.withdraw(nil, func(w *want[T]) bool { return w.by == r && w.ctx.Err() != nil })
	}
	if r.waits >= maxTakes {
		return nil, ErrOverrun
	}
	r.waits++
	p, res := vat.NewPromise[[]T](h.vat)
	h.waiting.push(&want[T]{r, most, ctx, res})
	return p, nil
}

// Close ends the receiver. If it is the last one, senders are told err, or ErrNoReceiver.
func (r *receiver[T]) Close(err error) {
	if r.over == nil {
		r.end(err)
	}
}

// Unreferenced ends a receiver that has vanished.
func (r *receiver[T]) Unreferenced() { r.Close(nil) }

func (r *receiver[T]) end(err error) {
	h := r.hub
	r.over = ErrClosed
	h.withdraw(ErrClosed, func(w *want[T]) bool { return w.by == r })
	h.receivers--
	if err == nil {
		err = ErrNoReceiver
	}
	if h.receivers == 0 && !h.cfg.Stay {
		h.stop(err)
	}
}
