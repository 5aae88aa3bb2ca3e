package stream

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/vatnet/vatnet/vat"
)

// Receiver receives items from a channel, in whatever vat that is. Make one with
// [ReceiverFrom], for a reference to a receive end, and close it if it is not read to the
// end. All methods are safe for concurrent use; who receives at the same time shares the items.
type Receiver[T any] struct {
	from   *vat.Promise[any] // what open gives
	ahead  int
	shared *budget

	mu     sync.Mutex
	asked  []*take[T] // not answered, the oldest first
	want   int        // items asked for in these
	busy   bool       // items have waited for the last take that was answered, as far as is known
	items  []T        // received, and not read
	err    error      // there is no more, and why
	change signal
}

// take is items that were asked for.
type take[T any] struct {
	max    int
	answer *vat.Promise[[]T]
	done   bool // answered, though one before may not be
	items  []T
	err    error
}

// ReceiverFrom makes a Receiver of a reference to a receive end, or of a promise for one.
// It does not wait: that from is nothing of the kind, Recv will say. It asks for items
// ahead, at most so many, which it has room for; 0 means 64.
func ReceiverFrom[T any](from vat.Target, ahead int) *Receiver[T] {
	if ahead <= 0 {
		ahead = 64
	}
	opened := from.Send("open")
	r := &Receiver[T]{from: opened, ahead: ahead, shared: budgetOf(opened.Vat()), change: newSignal(opened.Vat())}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ask()
	return r
}

// ask asks for items while there is room. One take is enough for who waits for something to
// happen. As soon as an answer shows that items had to wait for it, there are several, so that
// they come while the next ones are asked for, as the budget allows. With mu.
func (r *Receiver[T]) ask() {
	step := max(1, r.ahead/4)
	for r.err == nil && len(r.items)+r.want+step <= r.ahead {
		if len(r.asked) > 0 && (!r.busy || r.shared.asked.Load() >= maxAsked) {
			return
		}
		r.shared.asked.Add(1)
		t := &take[T]{max: step, answer: vat.Send[[]T](r.from, "take", step)}
		r.asked = append(r.asked, t)
		r.want += step
		settled(t.answer, func(items []T, err error) {
			r.shared.asked.Add(-1)
			r.answered(t, items, err)
		})
	}
}

// answered takes an answer.
func (r *Receiver[T]) answered(t *take[T], items []T, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.done {
		return
	}
	t.done, t.items, t.err = true, items, err
	for len(r.asked) > 0 && r.asked[0].done && r.err == nil {
		t := r.asked[0]
		r.asked = r.asked[1:]
		r.want -= t.max
		r.items = append(r.items, t.items...)
		r.busy = len(t.items) > 1 || t.max == 1
		switch {
		case errors.Is(t.err, errEnd):
			r.err = io.EOF
		case t.err != nil:
			r.err = t.err
		case len(t.items) > t.max:
			r.items, r.err = nil, ErrOverrun
		}
	}
	r.ask()
	r.change.wake()
}

// Recv receives an item. It returns io.EOF when the channel has ended cleanly and all its
// items were received; the error that it ended with, if it did not; ErrClosed after Close;
// why ctx ended, which loses nothing; and vat.ErrInTurn in a turn that would have to wait.
func (r *Receiver[T]) Recv(ctx context.Context) (T, error) {
	for {
		item, ok, changed, err := r.next()
		if ok || err != nil {
			return item, err
		}
		if _, err := changed.Await(ctx); err != nil {
			return item, err
		}
	}
}

// next gives an item that has been received, or why there will be none; else changed settles
// when there may be.
func (r *Receiver[T]) next() (item T, ok bool, changed *vat.Promise[any], err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) == 0 {
		if r.err == nil {
			changed = r.change.next()
		}
		return item, false, changed, r.err
	}
	item = r.items[0]
	clear(r.items[:1])
	r.items = r.items[1:]
	r.ask()
	return item, true, nil, nil
}

// TryRecv is Recv for turns: it gives an item if one is there, and never waits. err is that of Recv.
func (r *Receiver[T]) TryRecv() (item T, ok bool, err error) {
	item, ok, _, err = r.next()
	return item, ok, err
}

// WhenReady gives a promise that is fulfilled when TryRecv has something to say: an item, or the
// end.
func (r *Receiver[T]) WhenReady() *vat.Promise[any] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) > 0 || r.err != nil {
		return r.change.now
	}
	return r.change.next()
}

// All receives what comes until the channel ends. Of an end that is not clean it yields the
// error, last. ctx is that of Recv. To leave the loop closes nothing: another may go on.
func (r *Receiver[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			item, err := r.Recv(ctx)
			if err == io.EOF || !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Each has f run in a turn for each item, in order. More is asked for as f returns; who hands
// items on to what may lag behind uses TryRecv. Its promise is fulfilled when the channel has
// ended cleanly. It breaks with the error that the channel has ended with, or with that of f,
// which closes the Receiver.
func (r *Receiver[T]) Each(f func(item T) error) *vat.Promise[any] {
	done, res := vat.NewPromise[any](r.from.Vat())
	r.each(r.change.now, f, res)
	return done
}

// each runs f, in a turn after p has settled, for what is there, and goes on when there is more.
func (r *Receiver[T]) each(p *vat.Promise[any], f func(item T) error, res *vat.Resolver[any]) {
	ran := vat.When(p, func(any) (any, error) {
		for {
			item, ok, changed, over := r.next()
			switch {
			case over == io.EOF:
				return nil, res.Resolve(nil) // null can be carried
			case over != nil:
				res.Break(over)
				return nil, nil
			case !ok:
				r.each(changed, f, res)
				return nil, nil
			}
			if err := f(item); err != nil {
				return nil, err
			}
		}
	})
	vat.Catch(ran, func(err error) (any, error) { // also if f has panicked
		r.CloseWithError(err)
		res.Break(err)
		return nil, nil
	})
}

// Close says that this Receiver wants no more: what was not read is dropped. When the last
// receiver has closed, senders get ErrNoReceiver. It does not wait, and may be called in
// a turn.
func (r *Receiver[T]) Close() { r.CloseWithError(nil) }

// CloseWithError is Close; senders get err, if it is not nil.
func (r *Receiver[T]) CloseWithError(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = nil
	if r.err == nil {
		r.err = ErrClosed
		for _, t := range r.asked { // they may be all that its vat may have open there
			t.answer.Cancel()
		}
		r.asked = nil
		r.from.Send("close", err)
	}
	r.change.wake()
}
