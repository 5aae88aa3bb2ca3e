package stream

import (
	"cmp"
	"context"
	"io"

	"github.com/vatnet/vatnet/vat"
)

// maxChunk is how many bytes are in one item of a stream of bytes.
const maxChunk = 16 << 10

// maxChunks is how many items a Reader asks for ahead.
const maxChunks = 32

// Writer is an io.WriteCloser that writes to the send end of a channel of bytes. Make one
// with [NewWriter]. Its methods are safe for concurrent use.
type Writer struct {
	s   *Sender[[]byte]
	ctx context.Context
}

// NewWriter makes a Writer of a reference to the send end of a Channel[[]byte], or to one of
// [ToWriter]. Writes that wait end with ctx.
func NewWriter(ctx context.Context, to vat.Target) *Writer {
	return newWriter(ctx, SenderTo[[]byte](to))
}

func newWriter(ctx context.Context, s *Sender[[]byte]) *Writer {
	s.joined = func(batch *[][]byte, p []byte) bool {
		n := len(*batch)
		if n == 0 || len((*batch)[n-1])+len(p) > maxChunk {
			return false
		}
		(*batch)[n-1] = append((*batch)[n-1], p...)
		return true
	}
	return &Writer{s, ctx}
}

// Write implements io.Writer. It waits while the reader is too far behind; in a turn it
// returns vat.ErrInTurn then.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		chunk := append([]byte(nil), p[:min(len(p), maxChunk)]...)
		if err := w.s.Send(w.ctx, chunk); err != nil {
			return n, err
		}
		n += len(chunk)
		p = p[len(chunk):]
	}
	return n, nil
}

// Drain is [Sender.Drain]: it waits until all that was written has been received.
func (w *Writer) Drain(ctx context.Context) error { return w.s.Drain(ctx) }

// Close implements io.Closer: the reader gets io.EOF after what was written. It does not wait;
// see Drain.
func (w *Writer) Close() error { return w.s.Close() }

// CloseWithError is Close, but the reader gets err.
func (w *Writer) CloseWithError(err error) error { return w.s.CloseWithError(err) }

// Reader is an io.ReadCloser that reads from the receive end of a channel of bytes. Make one
// with [NewReader]. It is not safe for concurrent use, but Close is.
type Reader struct {
	r    *Receiver[[]byte]
	ctx  context.Context
	rest []byte
}

// NewReader makes a Reader of a reference to the receive end of a Channel[[]byte], or to one of
// [FromReader]. Reads that wait end with ctx.
func NewReader(ctx context.Context, from vat.Target) *Reader {
	return &Reader{r: ReceiverFrom[[]byte](from, maxChunks), ctx: ctx}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && len(p) > 0 {
		var err error
		if r.rest, err = r.r.Recv(r.ctx); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements io.Closer: writers get ErrNoReceiver. It never fails.
func (r *Reader) Close() error {
	r.r.Close()
	return nil
}

// CloseWithError is Close, but writers get err.
func (r *Reader) CloseWithError(err error) { r.r.CloseWithError(err) }

// FromReader makes a capability of src: a receive end, for [NewReader], that gives what is read
// of src, as far as it was asked for and a little ahead. It reads in a goroutine of v's. When
// src ends, nobody reads any more, or v is closed, src is closed if it is an io.Closer; a Read that
// does not end by that keeps v.Close waiting, as one of standard input does: see program.Input. The
// error is vat.ErrClosed.
func FromReader(v *vat.Vat, src io.Reader) (*RecvEnd[[]byte], error) {
	c, err := New[[]byte](v, nil)
	if err != nil {
		return nil, err
	}
	gone, told := vat.NewPromise[any](v)
	c.send.hub.gone = told // no turn knows the hub yet
	to := c.Sender()
	read := vat.Go(v, func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		vat.When(gone, func(any) (any, error) { cancel(); return nil, nil })
		closed := closing(ctx, src)
		defer func() { _ = closed() }() // all that was to be read has been
		_, err := io.Copy(onlyWriter{newWriter(ctx, to)}, src)
		return nil, err
	})
	settled(read, func(_ any, err error) { _ = to.CloseWithError(err) }) // also if src has panicked
	return c.RecvEnd(), nil
}

// ToWriter makes a capability of dst: a send end, for [NewWriter], of which everything goes to
// dst. It writes in a goroutine of v's. When the writers have ended, dst has failed or v is
// closed, dst is closed if it is an io.Closer; one that is not keeps v.Close waiting while a
// Write blocks. done is fulfilled with the number of bytes when all has been written and closed,
// or else breaks with why not. The error is vat.ErrClosed.
func ToWriter(v *vat.Vat, dst io.Writer) (end *SendEnd[[]byte], done *vat.Promise[int64], err error) {
	c, err := New[[]byte](v, nil)
	if err != nil {
		return nil, nil, err
	}
	from := c.Receiver(maxChunks)
	done = vat.Go(v, func(ctx context.Context) (n int64, err error) {
		closed := closing(ctx, dst)
		defer func() { err = cmp.Or(err, closed()) }()
		return io.Copy(dst, onlyReader{&Reader{r: from, ctx: ctx}})
	})
	settled(done, func(_ int64, err error) { from.CloseWithError(err) }) // also if dst has panicked
	return c.SendEnd(), done, nil
}

// closing closes x, if it can be, when ctx ends or what it returns is called, once.
func closing(ctx context.Context, x any) (now func() error) {
	c, ok := x.(io.Closer)
	if !ok {
		return func() error { return nil }
	}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- c.Close() })
	return func() error {
		if stop() {
			return c.Close()
		}
		return <-closed
	}
}

// onlyWriter and onlyReader keep io.Copy from looking for other ways.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
