package link

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// writeChunk is what Limits.WriteTimeout is for.
const writeChunk = 16 << 10

// tryWriter writes what is taken at once.
type tryWriter interface {
	TryWrite(b []byte) (int, error)
}

// sender is the outgoing half of a transport: sealed bytes that wait for the
// socket. Its fields are guarded by the mutex of the link it belongs to.
//
// Who seals also writes, an attempt that does not wait. What is left over then,
// and what is sealed until it is gone, goes to a writer goroutine that lives as
// long as there is something to write.
type sender struct {
	conn    net.Conn
	try     tryWriter // nil if conn cannot
	seal    *crypto.Sealer
	full    [][]byte // sealed, ahead of out
	out     []byte   // sealed, with room for more
	head    int      // how much of the first of them the socket took
	held    int      // bytes that the socket did not take yet, in flight ones included
	writing bool     // the writer goroutine runs
	ended   bool     // End was sealed
	dead    error    // writing failed; what is sealed is dropped

	bytes, records, flushes atomic.Uint64
}

// record seals one record.
func (s *sender) record(t crypto.RecordType, body []byte) {
	if s.dead != nil || s.ended {
		return
	}
	s.ended = t == crypto.RecordEnd
	s.room(min(crypto.LengthSize+crypto.MaxRecord, crypto.MinRecord+len(body)+len(body)/8+64))
	before := len(s.out)
	s.out = s.seal.Seal(s.out, t, body)
	s.held += len(s.out) - before
	s.records.Add(1)
}

// raw puts bytes in front of all records.
func (s *sender) raw(b []byte) { s.out, s.held = append(s.out, b...), s.held+len(b) }

// room makes room for n more bytes in out, at most those of one record.
func (s *sender) room(n int) {
	switch have := len(s.out); {
	case have+n <= max(cap(s.out), smallBuffer):
	case have+n <= bigBuffer:
		big := append(borrow()[:0], s.out...)
		giveBack(s.out)
		s.out = big
	default:
		s.full = append(s.full, s.out)
		s.out = borrow()[:0]
	}
}

// first gives the bytes that the socket is to take next.
func (s *sender) first() []byte {
	if len(s.full) > 0 {
		return s.full[0][s.head:]
	}
	return s.out[s.head:]
}

// pop takes out the buffer of which first is the rest.
func (s *sender) pop() (b []byte) {
	s.head = 0
	if len(s.full) > 0 {
		b, s.full[0] = s.full[0], nil
		if s.full = s.full[1:]; len(s.full) == 0 {
			s.full = nil
		}
		return b
	}
	b, s.out = s.out, nil
	return b
}

// reuse takes a buffer back that was popped.
func (s *sender) reuse(b []byte) {
	if b = giveBack(b); s.out == nil {
		s.out = b
	}
}

// data seals bytes of the stream, in as many records as they need.
func (s *sender) data(b []byte) {
	for len(b) > 0 {
		n := min(len(b), crypto.MaxBody)
		s.record(crypto.RecordData, b[:n])
		b = b[n:]
	}
}

// flush has the socket take what it takes at once, if no writer goroutine is at
// it. It gives true if one is to be started.
func (s *sender) flush() (start bool) {
	if s.writing || s.dead != nil || s.held == 0 {
		return false
	}
	for s.try != nil && s.held > 0 {
		b := s.first()
		n, err := s.try.TryWrite(b)
		s.flushes.Add(1)
		s.took(n)
		if err != nil {
			s.fail(err)
			return false
		}
		if s.head += n; n < len(b) {
			break
		}
		s.reuse(s.pop())
	}
	s.writing = s.held > 0
	return s.writing
}

func (s *sender) took(n int) {
	s.held -= n
	s.bytes.Add(uint64(n))
}

// fail drops what waits and closes the connection, whose reader then ends and
// tells why. Only when the peer has reset it the reader gets there by itself, and
// may yet find what the peer said last.
func (s *sender) fail(err error) {
	if s.dead == nil {
		s.dead = err
	}
	for _, b := range append(s.full, s.out) {
		giveBack(b)
	}
	s.full, s.out, s.head, s.held = nil, nil, 0, 0
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		_ = s.conn.Close() // err is what matters
	}
}

// drain is the writer goroutine.
func (l *Link) drain(s *sender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s.dead == nil && s.held > 0 {
		rest := s.first()
		buf := s.pop() // nobody else touches it now
		for len(rest) > 0 && s.dead == nil {
			l.mu.Unlock()
			n, err := write(s.conn, rest[:min(len(rest), writeChunk)], l.links.limits.WriteTimeout)
			l.mu.Lock()
			s.flushes.Add(1)
			rest = rest[n:]
			if s.dead == nil {
				s.took(n)
			}
			if err != nil {
				s.fail(err)
			}
			l.tellBelow()
		}
		s.reuse(buf)
	}
	if s.dead == nil {
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
