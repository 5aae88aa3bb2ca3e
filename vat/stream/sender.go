package stream

import (
	"container/list"
	"context"

	"github.com/vatnet/vatnet/vat"
)

// Sender sends items to a channel, in whatever vat that is. Make one with [SenderTo], for
// a reference to a send end, and close it in the end. Its items arrive in the order in which they
// were sent, without a gap. All methods are safe for concurrent use.
//
// An item that cannot be carried, or is too large, ends the Sender.
type Sender[T any] struct {
	to     *vat.Promise[any]                 // what open gives
	joined func(last *[]T, item T) (ok bool) // adds to the items that are to be put, if that can be done

	shared *budget       // its mu guards what follows
	window int           // items that may be unanswered
	put    int64         // items that were put so far
	out    int           // … and not answered
	puts   int           // … in so many puts
	batch  []T           // items that are to be put
	size   int           // their bytes
	soon   bool          // a turn will put them
	waits  *list.Element // of shared.waiting: they wait for the budget
	err    error         // it has ended, and why
	told   error         // what the channel is told then, after batch
	change signal        // of credit, or err
}

// maxPut is how many bytes of items go into one put, if they are several: 64 KiB in a stream of
// bytes.
const maxPut = 4 * (maxChunk + valueSize)

// SenderTo makes a Sender of a reference to a send end, or of a promise for one. It does
// not wait: that to is nothing of the kind, Send will say.
func SenderTo[T any](to vat.Target) *Sender[T] {
	opened := to.Send("open")
	s := &Sender[T]{to: opened, shared: budgetOf(opened.Vat()), window: minWindow, change: newSignal(opened.Vat())}
	settled(vat.Send[int](opened, "credit"), func(n int, err error) {
		s.shared.mu.Lock()
		defer s.shared.mu.Unlock()
		if err != nil {
			s.fail(err)
			return
		}
		s.window = max(n, minWindow)
		s.ready()
	})
	return s
}

// Send sends an item. It waits while there is no credit, that is while as many items as
// the channel takes of one sender were not received, or the Senders of this vat have used up
// their budget (see Memory). When it returns nil the item is on its way. It returns why ctx
// ended; why the Sender has ended: ErrClosed, ErrNoReceiver, vat.ErrDisconnected and so on; and
// vat.ErrInTurn in a turn that would have to wait.
func (s *Sender[T]) Send(ctx context.Context, item T) error {
	for {
		sent, changed, err := s.try(item)
		if sent || err != nil {
			return err
		}
		if _, err := changed.Await(ctx); err != nil {
			return err
		}
	}
}

// TrySend is Send for turns: it sends the item if there is credit, and never waits. The error
// is why the Sender has ended.
func (s *Sender[T]) TrySend(item T) (sent bool, err error) {
	sent, _, err = s.try(item)
	return sent, err
}

// WhenReady gives a promise that is fulfilled when TrySend is worth trying: when there may be credit,
// or the Sender has ended.
func (s *Sender[T]) WhenReady() *vat.Promise[any] {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	if s.err != nil || s.credit() > 0 {
		return s.change.now
	}
	return s.change.next()
}

// credit is how many items may be sent now. With mu.
func (s *Sender[T]) credit() int {
	if s.waits != nil && s.size >= maxPut {
		return 0
	}
	return s.window - s.out - len(s.batch)
}

// try sends an item if there is credit; else changed settles when there may be.
func (s *Sender[T]) try(item T) (sent bool, changed *vat.Promise[any], err error) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	if s.err != nil {
		return false, nil, s.err
	}
	n := sizeOf(&item, maxBytes)
	if s.size+n-valueSize <= maxPut && s.joined != nil && s.joined(&s.batch, item) {
		if s.size += n - valueSize; s.size >= maxPut {
			s.flush()
		}
		return true, nil, nil
	}
	if s.size+n > maxPut {
		s.flush() // it is the first of the next put
	}
	if s.credit() <= 0 {
		return false, s.change.next(), nil
	}
	s.batch = append(s.batch, item)
	s.size += n
	switch {
	case s.out == 0 || len(s.batch) >= s.window/4 || s.size >= maxPut: // the first, or enough
		s.flush()
	case !s.soon: // who sends in a row has sent more by then
		s.soon = true
		s.change.soon(func() {
			s.shared.mu.Lock()
			defer s.shared.mu.Unlock()
			s.soon = false
			s.flush()
		})
	}
	return true, nil, nil
}

// flush puts what is to be put, as soon as the budget has room for it. With mu.
func (s *Sender[T]) flush() {
	switch {
	case len(s.batch) == 0 || s.waits != nil:
	case s.puts == 0 || s.shared.free():
		s.putBatch()
	default:
		s.waits = s.shared.waiting.PushBack(func() {
			s.putBatch()
			s.ready()
		})
	}
}

// putBatch puts what is to be put, of which there is some, or all but the last item if that is
// too much; and then closes if that is to be done. With mu.
func (s *Sender[T]) putBatch() {
	n, size, rest := len(s.batch), s.size, 0
	if size > maxPut && n > 1 {
		n--
		rest = sizeOf(&s.batch[n], maxBytes)
		size -= rest
	}
	p := s.to.Send("put", s.put, s.batch[:n])
	s.drop(n, rest)
	s.shared.spend(size)
	s.put += int64(n)
	s.out += n
	s.puts++
	settled(p, func(_ any, err error) { s.answered(n, size, err) })
	switch {
	case len(s.batch) > 0:
		s.flush()
	case s.err != nil:
		s.to.Send("close", s.put, s.told)
	}
}

// drop takes n items from the batch, which leaves so many bytes; it does not wait any more. With mu.
func (s *Sender[T]) drop(n, rest int) {
	k := copy(s.batch, s.batch[n:])
	clear(s.batch[k:])
	s.batch, s.size = s.batch[:k], rest
	if s.waits != nil {
		s.shared.waiting.Remove(s.waits)
		s.waits = nil
	}
}

// ready tells those who wait if there is credit. With mu.
func (s *Sender[T]) ready() {
	if s.credit() > 0 {
		s.change.wake()
	}
}

// answered takes the answer to a put of n items.
func (s *Sender[T]) answered(n, size int, err error) {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	s.out -= n
	s.puts--
	s.shared.giveBack(size)
	if err != nil {
		s.fail(err)
	}
	if s.puts == 0 && s.waits != nil {
		s.putBatch()
	}
	s.shared.share()
	s.ready()
}

// fail ends the Sender because a put has failed; perhaps here, so that the channel does not
// know of it. With mu.
func (s *Sender[T]) fail(err error) {
	if s.err == nil || s.err == ErrClosed {
		s.drop(len(s.batch), 0)
		s.finish(err, err)
	}
}

// finish ends the Sender: Send returns over, and the channel is told err, when nothing is left
// to be put. With mu.
func (s *Sender[T]) finish(over, err error) {
	s.err, s.told = over, err
	if len(s.batch) == 0 {
		s.to.Send("close", s.put, err)
	}
	s.change.wake()
}

// Drain waits until all items that were sent have been received. It returns why ctx or the
// Sender has ended before. It may be called before or after Close.
func (s *Sender[T]) Drain(ctx context.Context) error {
	for {
		s.shared.mu.Lock()
		err, left := s.err, s.out+len(s.batch)
		if err == ErrClosed {
			err = nil // as it should be
		}
		changed := s.change.next()
		s.shared.mu.Unlock()
		if err != nil || left == 0 {
			return err
		}
		if _, err := changed.Await(ctx); err != nil {
			return err
		}
	}
}

// Close says that this Sender has sent all that it wanted. It does not wait for what is
// on its way, or has to wait for the budget, and may be called in a turn; see Drain. It returns why the Sender had ended
// before, nil if it had not; to close it again is no error.
func (s *Sender[T]) Close() error { return s.CloseWithError(nil) }

// CloseWithError is Close for a Sender that could not send all: receivers get err, after what
// was sent before, when no other sender is left.
func (s *Sender[T]) CloseWithError(err error) error {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	switch s.err {
	case nil:
		s.flush()
		s.finish(ErrClosed, err)
		return nil
	case ErrClosed:
		return nil
	}
	return s.err
}
