//go:build unix

package link

import (
	"net"
	"syscall"
)

// rawWriter is one non-blocking write(2) on a socket. A net.Conn has none: an
// expired deadline writes nothing. RawConn.Write would wait behind a Write in
// progress, so nobody may call TryWrite while the writer goroutine runs.
// Not safe for concurrent use.
type rawWriter struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool // attempt, kept so that a write allocates nothing
	b    []byte
	n    int
	err  error
}

func tryWriterOf(conn net.Conn) tryWriter {
	if t, ok := conn.(tryWriter); ok {
		return t
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	w := &rawWriter{raw: raw}
	w.call = w.attempt
	return w
}

// TryWrite implements tryWriter.
func (w *rawWriter) TryWrite(b []byte) (int, error) {
	w.b, w.n, w.err = b, 0, nil
	err := w.raw.Write(w.call)
	w.b = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// attempt always gives true: it does not want to be called again.
func (w *rawWriter) attempt(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.b)
		switch err {
		case nil:
			w.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			w.err = err
		}
		return true
	}
}
