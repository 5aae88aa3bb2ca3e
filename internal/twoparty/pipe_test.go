package twoparty_test

import (
	"io"
	"sync"
)

// duplex returns the two ends of a stream in memory. Writes never block; each
// direction has a tap that holds bytes back.
func duplex() (a, b *end) {
	x, y := newHalf(), newHalf()
	return &end{in: x, out: y}, &end{in: y, out: x}
}

type end struct{ in, out *half }

func (e *end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }
func (e *end) Close() error {
	e.in.close()
	e.out.close()
	return nil
}

// half is one direction.
type half struct {
	mu     sync.Mutex
	cond   sync.Cond
	buf    []byte
	allow  int // bytes that may still pass; negative: all
	closed bool
	saw    func(p []byte) // is told of what is written
}

func newHalf() *half {
	h := &half{allow: -1}
	h.cond.L = &h.mu
	return h
}

// tap lets n more bytes pass, or all from now on if n is negative.
func (h *half) tap(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allow = n
	h.cond.Broadcast()
}

// waiting returns how many bytes are held back.
func (h *half) waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.buf)
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for (len(h.buf) == 0 || h.allow == 0) && !h.closed {
		h.cond.Wait()
	}
	n := len(h.buf)
	if h.allow >= 0 && !h.closed {
		n = min(n, h.allow)
	}
	if n == 0 {
		return 0, io.EOF
	}
	n = copy(p, h.buf[:n])
	h.buf = h.buf[n:]
	if h.allow > 0 {
		h.allow -= n
	}
	return n, nil
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	if h.saw != nil {
		h.saw(p)
	}
	h.buf = append(h.buf, p...)
	h.cond.Broadcast()
	return len(p), nil
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.cond.Broadcast()
}
