package link

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

const (
	maxKeptBuffer = 64 << 10 // what a buffer may hold and still be used again
	writeChunk    = 16 << 10 // what Limits.WriteTimeout is for
)

// tryWriter writes what is taken at once.
type tryWriter interface {
	TryWrite(b []byte) (int, error)
}

// sender is the outgoing half of a transport: sealed bytes that wait for the
// socket. Its fields are guarded by the mutex of the link it belongs to.
//
// Who seals also writes, one attempt that does not wait. What is left over then,
// and what is sealed until it is gone, goes to a writer goroutine that lives as
// long as there is something to write.
type sender struct {
	conn    net.Conn
	try     tryWriter // nil if conn cannot
	seal    *crypto.Sealer
	out     []byte // sealed, not taken by the socket
	head    int    // bytes of out that were taken
	spare   []byte // a buffer to use for out next
	flight  int    // bytes that the writer goroutine is writing
	writing bool   // the writer goroutine runs
	ended   bool   // End was sealed
	dead    error  // writing failed; what is sealed is dropped

	bytes, records, flushes atomic.Uint64
}

func (s *sender) waiting() int { return len(s.out) - s.head + s.flight }

// record seals one record.
func (s *sender) record(t crypto.RecordType, body []byte) {
	if s.dead != nil || s.ended {
		return
	}
	s.ended = t == crypto.RecordEnd
	s.out = s.seal.Seal(s.out, t, body)
	s.records.Add(1)
}

// data seals bytes of the stream, in as many records as they need.
func (s *sender) data(b []byte) {
	for len(b) > 0 {
		n := min(len(b), crypto.MaxBody)
		s.record(crypto.RecordData, b[:n])
		b = b[n:]
	}
}

// flush makes one attempt to write, if no writer goroutine does. It gives true
// if one is to be started.
func (s *sender) flush() (start bool) {
	if s.writing || len(s.out) == 0 {
		return false
	}
	if s.dead != nil {
		s.emptied()
		return false
	}
	if s.try != nil {
		n, err := s.try.TryWrite(s.out[s.head:])
		s.flushes.Add(1)
		s.bytes.Add(uint64(n))
		s.head += n
		if err != nil {
			s.fail(err)
			return false
		}
	}
	if s.head == len(s.out) {
		s.emptied()
		return false
	}
	s.writing = true
	return true
}

// emptied makes out ready for new bytes.
func (s *sender) emptied() {
	s.head = 0
	if s.out = s.out[:0]; cap(s.out) > maxKeptBuffer {
		s.out = nil
	}
}

// fail drops what waits and closes the connection, whose reader then ends and
// tells why. Only when the peer has reset it the reader gets there by itself, and
// may yet find what the peer said last.
func (s *sender) fail(err error) {
	if s.dead == nil {
		s.dead = err
	}
	s.emptied()
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		_ = s.conn.Close() // err is what matters
	}
}

// drain is the writer goroutine.
func (l *Link) drain(s *sender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s.dead == nil && len(s.out) > 0 {
		buf := s.out
		rest := buf[s.head:]
		s.out, s.head, s.spare, s.flight = s.spare[:0], 0, nil, len(rest)
		for len(rest) > 0 && s.dead == nil {
			l.mu.Unlock()
			chunk := rest[:min(len(rest), writeChunk)]
			n, err := write(s.conn, chunk, l.links.limits.WriteTimeout)
			l.mu.Lock()
			s.flushes.Add(1)
			s.bytes.Add(uint64(n))
			rest = rest[n:]
			s.flight = len(rest)
			if err != nil {
				s.fail(err)
			}
		}
		s.flight = 0
		if cap(buf) <= maxKeptBuffer {
			s.spare = buf[:0]
		}
	}
	if s.dead != nil {
		s.emptied()
	} else {
		_ = s.conn.SetWriteDeadline(time.Time{}) // it would fail the next attempt
	}
	s.writing = false
	l.drained.Broadcast()
}

func write(conn net.Conn, b []byte, timeout time.Duration) (int, error) {
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	return conn.Write(b)
}
