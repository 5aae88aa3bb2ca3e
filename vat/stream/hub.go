package stream

import (
	"context"
	"slices"

	"github.com/vatnet/vatnet/vat"
)

// maxAnswer is how many bytes of items go into one answer, if they are several.
const maxAnswer = 64 << 10

// hub is what the objects of a channel share. It is touched by turns only.
//
//	open ──▶ ended ──▶ (drained)
//	  └────────┴─────▶ stopped
type hub[T any] struct {
	vat *vat.Vat
	cfg Config

	queue     queue[*batch[T]] // items that wait to be taken
	waiting   queue[*want[T]]  // takes that wait for items; one of both is empty
	senders   int              // open
	receivers int              // open

	failed  error // the first error that a sender ended with
	ended   error // no items are to come, and why: errEnd, or an error
	stopped error // nobody takes items any more, and why

	gone *vat.Resolver[any] // to be told of stopped; may be nil
}

// batch is what is left of a put.
type batch[T any] struct {
	from  *sender[T]
	count int // of items in the put
	items []T
	sizes []int              // of each
	done  *vat.Resolver[any] // answers the put; nil: its own turn does
}

// want is a take that waits.
type want[T any] struct {
	by   *receiver[T]
	most int
	ctx  context.Context // ends when the take is canceled
	res  *vat.Resolver[[]T]
}

// over returns why nothing can be sent any more; nil: it can.
func (h *hub[T]) over() error {
	switch {
	case h.stopped != nil:
		return h.stopped
	case h.ended != nil:
		return ErrClosed
	}
	return nil
}

// collect takes up to so many items out of the queue, at least one, and answers the puts
// that it has emptied. The queue is not empty.
func (h *hub[T]) collect(most int) []T {
	var items []T
	for size := 0; h.queue.len() > 0; {
		b := h.queue.front()
		n := 0
		for n < len(b.items) && len(items)+n < most && (len(items)+n == 0 || size+b.sizes[n] <= maxAnswer) {
			size += b.sizes[n]
			n++
		}
		if n == 0 {
			break
		}
		items = append(items, b.items[:n]...)
		b.items, b.sizes = b.items[n:], b.sizes[n:]
		if len(b.items) > 0 {
			break
		}
		h.queue.pop()
		b.settle(nil)
	}
	return items
}

// settle answers the put, and gives its credit back.
func (b *batch[T]) settle(err error) {
	b.from.held -= b.count
	if b.done == nil {
		return
	}
	if err != nil {
		b.done.Break(err)
	} else {
		_ = b.done.Resolve(nil) // null can be carried
	}
}

// match gives items to takes while there are both.
func (h *hub[T]) match() {
	for h.queue.len() > 0 && h.waiting.len() > 0 {
		w := h.waiting.pop()
		w.by.waits--
		if w.ctx.Err() != nil {
			w.res.Break(nil)
			continue
		}
		_ = w.res.Resolve(h.collect(w.most)) // an error is the taker's answer
	}
	if h.queue.len() == 0 && h.ended != nil {
		h.refuse(h.ended)
	}
}

// refuse answers every take that waits with err.
func (h *hub[T]) refuse(err error) {
	h.withdraw(err, func(*want[T]) bool { return true })
}

// withdraw answers the takes that are chosen with err.
func (h *hub[T]) withdraw(err error, chosen func(*want[T]) bool) {
	h.waiting.items = slices.DeleteFunc(h.waiting.items, func(w *want[T]) bool {
		if !chosen(w) {
			return false
		}
		w.by.waits--
		w.res.Break(err)
		return true
	})
}

// end says that no more items will come.
func (h *hub[T]) end(err error) {
	if h.over() != nil {
		return
	}
	if h.ended = err; err == nil {
		h.ended = errEnd
	}
	h.match()
}

// stop says that nobody takes items any more.
func (h *hub[T]) stop(err error) {
	if h.stopped != nil {
		return
	}
	h.stopped = err
	for h.queue.len() > 0 {
		h.queue.pop().settle(err)
	}
	h.refuse(err)
	if h.gone != nil {
		_ = h.gone.Resolve(nil) // null can be carried
	}
}

// queue is a FIFO.
type queue[E any] struct{ items []E }

func (q *queue[E]) len() int { return len(q.items) }
func (q *queue[E]) front() E { return q.items[0] }
func (q *queue[E]) push(e E) { q.items = append(q.items, e) }

func (q *queue[E]) pop() E {
	var none E
	e := q.items[0]
	q.items[0] = none // the array lives on
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
	return e
}
