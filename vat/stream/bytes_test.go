package stream_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

// noise returns n bytes that are always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// TestBytes: what is written in pieces of all sizes is what is read.
func TestBytes(t *testing.T) {
	spec.Covers(t, "STREAM-10")
	bubble(t, func(w *world) {
		data := noise(3 << 20)
		ch := channel[[]byte](w, nil)
		wr := stream.NewWriter(w.ctx, w.give(w.vat("a"), ch.SendEnd()))
		written := make(chan error, 1)
		go func() {
			rest, n := data, 1
			for len(rest) > 0 {
				k := min(n, len(rest))
				if m, err := wr.Write(rest[:k]); err != nil || m != k {
					written <- errors.Join(err, io.ErrShortWrite)
					return
				}
				rest, n = rest[k:], (n*7+3)%(100<<10)
			}
			written <- wr.Close()
		}()
		rd := stream.NewReader(w.ctx, w.give(w.vat("b"), ch.RecvEnd()))
		got, err := io.ReadAll(rd)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
		require.NoError(t, <-written)
		require.NoError(t, wr.Drain(w.ctx))
	})
}

// TestReaderIsReader: it keeps to what io.Reader asks for.
func TestReaderIsReader(t *testing.T) {
	bubble(t, func(w *world) {
		text := strings.Repeat("0123456789", 5000)
		end, err := stream.FromReader(w.hub, strings.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, iotest.TestReader(stream.NewReader(w.ctx, w.give(w.vat("a"), end)), []byte(text)))
	})
}

// TestPieces: a receiver takes bytes in the pieces in which another implementation may send them.
func TestPieces(t *testing.T) {
	spec.Covers(t, "STREAM-10")
	bubble(t, func(w *world) {
		ch := channel[[]byte](w, nil)
		s := w.give(w.vat("a"), ch.SendEnd()).Send("open")
		s.Send("put", 0, [][]byte{[]byte("a"), {}, noise(65528)})
		s.Send("close", 3, nil)
		got, err := io.ReadAll(stream.NewReader(w.ctx, w.give(w.vat("b"), ch.RecvEnd())))
		require.NoError(t, err)
		require.True(t, bytes.Equal(append([]byte("a"), noise(65528)...), got))
	})
}

// source counts what is read of it, and whether it was closed.
type source struct {
	read   atomic.Int64
	closed chan struct{}
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	s.read.Add(int64(len(p)))
	return len(p), s.err
}

func (s *source) Write(p []byte) (int, error) { return len(p), s.err }

func (s *source) Close() error {
	close(s.closed)
	return nil
}

// TestBackpressure: of a source is read what its reader has room for, and what is in between.
func TestBackpressure(t *testing.T) {
	bubble(t, func(w *world) {
		src := &source{closed: make(chan struct{})}
		end, err := stream.FromReader(w.hub, src)
		require.NoError(t, err)
		rd := stream.NewReader(w.ctx, w.give(w.vat("a"), end))
		pass(time.Hour)
		require.Positive(t, src.read.Load())
		require.Less(t, src.read.Load(), int64(4<<20))
		_, err = io.CopyN(io.Discard, rd, 8<<20)
		require.NoError(t, err)
		pass(time.Hour)
		require.Greater(t, src.read.Load(), int64(8<<20))
		require.Less(t, src.read.Load(), int64(12<<20))
		require.NoError(t, rd.Close())
		<-src.closed
	})
}

// TestManySmallWrites: what is written while the vat is busy does not become a message that is too large.
func TestManySmallWrites(t *testing.T) {
	bubble(t, func(w *world) {
		ch := channel[[]byte](w, &stream.Config{Window: 4096})
		v := w.vat("a")
		wr := stream.NewWriter(w.ctx, w.give(v, ch.SendEnd()))
		read := make(chan int, 1)
		go func() {
			n, _ := io.Copy(io.Discard, stream.NewReader(w.ctx, w.give(w.vat("b"), ch.RecvEnd())))
			read <- int(n)
		}()
		pass(time.Second) // it knows its credit
		_, err := wr.Write([]byte{1})
		require.NoError(t, err)
		begun, res := vat.NewPromise[any](v)
		busy, free := make(chan struct{}), make(chan struct{})
		vat.When(begun, func(any) (any, error) { close(busy); <-free; return nil, nil })
		require.NoError(t, res.Resolve(nil))
		<-busy
		const many = 160 << 10
		written := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < many && err == nil; i++ {
				_, err = wr.Write(make([]byte, 64))
			}
			written <- errors.Join(err, wr.Close())
		}()
		pass(time.Second) // it waits for the budget
		close(free)
		require.NoError(t, <-written)
		require.Equal(t, 1+many*64, <-read)
		require.NoError(t, wr.Drain(w.ctx))
	})
}

// TestNobodyReads: what was given to somebody who has vanished is closed.
func TestNobodyReads(t *testing.T) {
	bubble(t, func(w *world) {
		src := &source{closed: make(chan struct{})}
		end, err := stream.FromReader(w.hub, src)
		require.NoError(t, err)
		ref, err := vat.Call[*vat.Ref](w.ctx, w.give(w.vat("a"), &giver{end: end}), "end")
		require.NoError(t, err)
		ref.Release()
		<-src.closed
	})
}

// TestReaderGone: who reads no more frees what waits for the source.
func TestReaderGone(t *testing.T) {
	bubble(t, func(w *world) {
		src, feed := io.Pipe()
		end, err := stream.FromReader(w.hub, src)
		require.NoError(t, err)
		rd := stream.NewReader(w.ctx, w.give(w.vat("a"), end))
		_, err = feed.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(rd, make([]byte, 1))
		require.NoError(t, err)
		w.net.Cut("a", "hub")
		pass(time.Second)
		_, err = feed.Write([]byte("y"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

// TestFailures: both sides hear what is wrong with the other one's reader or writer.
func TestFailures(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.vat("a")
		end, err := stream.FromReader(w.hub, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errFull)))
		require.NoError(t, err)
		got, err := io.ReadAll(stream.NewReader(w.ctx, w.give(a, end)))
		require.ErrorIs(t, err, errFull)
		require.Equal(t, "half", string(got))

		sink, done, err := stream.ToWriter(w.hub, &source{err: errFull, closed: make(chan struct{})})
		require.NoError(t, err)
		wr := stream.NewWriter(w.ctx, w.give(a, sink))
		for err == nil {
			_, err = wr.Write(noise(1000))
		}
		require.ErrorIs(t, err, errFull)
		_, err = done.Await(w.ctx)
		require.ErrorIs(t, err, errFull)

		var buf bytes.Buffer
		sink, done, err = stream.ToWriter(w.hub, &buf)
		require.NoError(t, err)
		wr = stream.NewWriter(w.ctx, w.give(a, sink))
		_, err = wr.Write([]byte("half"))
		require.NoError(t, err)
		require.NoError(t, wr.CloseWithError(errFull))
		_, err = done.Await(w.ctx)
		require.ErrorIs(t, err, errFull)
		require.Equal(t, "half", buf.String())
	})
}

// wild panics whatever is done with it.
type wild struct{ closed int }

func (*wild) Read([]byte) (int, error)  { panic("planned by the test") }
func (*wild) Write([]byte) (int, error) { panic("planned by the test") }
func (w *wild) Close() error            { w.closed++; return nil }

// TestPanics: nobody waits for who has panicked.
func TestPanics(t *testing.T) {
	bubble(t, func(w *world) {
		a, x := w.vat("a"), &wild{}
		end, err := stream.FromReader(w.hub, x)
		require.NoError(t, err)
		_, err = io.ReadAll(stream.NewReader(w.ctx, w.give(a, end)))
		require.ErrorContains(t, err, "internal error")

		sink, done, err := stream.ToWriter(w.hub, x)
		require.NoError(t, err)
		_, err = stream.NewWriter(w.ctx, w.give(a, sink)).Write(noise(4 << 20))
		require.ErrorContains(t, err, "internal error")
		_, err = done.Await(w.ctx)
		require.ErrorIs(t, err, vat.ErrInternal)
		require.Equal(t, 2, x.closed)
	})
}

// TestVatCloses: a vat that is closed waits for its readers and writers, and closes what they wait for.
func TestVatCloses(t *testing.T) {
	bubble(t, func(w *world) {
		r, wr := io.Pipe()
		_, err := stream.FromReader(w.hub, r)
		require.NoError(t, err)
		dst := &source{closed: make(chan struct{})}
		_, done, err := stream.ToWriter(w.hub, dst)
		require.NoError(t, err)
		require.NoError(t, w.hub.Close())
		_, err = wr.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		<-dst.closed
		_, err = done.Await(w.ctx)
		require.Error(t, err)
	})
}
