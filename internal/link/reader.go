package link

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// quietRead is what a read must bring for the reader to keep its big buffer.
const quietRead = 2 << 10

// reader is the incoming half of a transport. It reads as much as there is, opens
// every record that is whole, and gathers their bodies in place. It is used by
// one goroutine at a time.
type reader struct {
	conn   net.Conn
	open   *crypto.Opener
	small  []byte
	big    *[bigBuffer]byte // nil, or the buffer on loan
	buf    []byte           // small or big
	r, w   int              // buf[r:w] is not opened yet
	crowd  bool             // the last read filled buf
	end    bool             // End was opened
	err    error            // what to report when the data before it was delivered
	heard  time.Time        // when the last bytes came
	until  time.Time        // the read deadline, unless somebody interrupts
	silent time.Duration    // how long the peer owes a sign of life

	bytes, records atomic.Uint64
}

func newReader(conn net.Conn, open *crypto.Opener) *reader {
	small := make([]byte, smallBuffer)
	return &reader{conn: conn, open: open, small: small, buf: small, heard: time.Now()}
}

// errEnded is what next gives behind the peer's End.
var errEnded = errors.New("link: end of the stream")

// next gives the bodies of the data records that one read completed, valid until
// the next call. After PingAfter of silence it calls ping, and for every Ping pong.
// It gives errReached, which does not last, once u, which may be nil, is reached.
func (r *reader) next(limits *Limits, ping, pong func(), u Until) ([]byte, error) {
	for {
		data, pings := r.openAll()
		if pings {
			pong()
		}
		switch {
		case len(data) > 0:
			return data, nil
		case r.err != nil:
			return nil, r.err
		case r.end:
			return nil, errEnded
		case u != nil && u.Reached():
			return nil, errReached
		}
		if err := r.fill(); errors.Is(err, os.ErrDeadlineExceeded) {
			r.err = r.silence(limits, ping)
		} else if err != nil {
			r.err = err
		}
	}
}

// control reads exactly one record, within the connection's deadline.
func (r *reader) control() (crypto.RecordType, []byte, error) {
	for {
		if record := r.whole(); record != nil {
			r.records.Add(1)
			return r.open.Open(record)
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = ErrTimeout
			}
			return 0, nil, err
		}
	}
}

// whole takes the next record out of buf if all of it is there.
func (r *reader) whole() []byte {
	if r.w-r.r < crypto.LengthSize {
		return nil
	}
	n := crypto.LengthSize + int(binary.BigEndian.Uint16(r.buf[r.r:]))
	if r.w-r.r < n {
		return nil
	}
	record := r.buf[r.r+crypto.LengthSize : r.r+n]
	r.r += n
	return record
}

// openAll opens the records that are whole, up to the first bad one, and moves
// their bodies together, to where the first of them stood.
func (r *reader) openAll() (data []byte, pings bool) {
	start := r.r
	end := start
	for r.err == nil && !r.end {
		record := r.whole()
		if record == nil {
			break
		}
		t, body, err := r.open.Open(record)
		if err != nil {
			r.err = err
			break
		}
		r.records.Add(1)
		switch t {
		case crypto.RecordData:
			end += copy(r.buf[end:], body)
		case crypto.RecordPing:
			pings = true
		case crypto.RecordPong:
		case crypto.RecordEnd:
			r.end = true
		case crypto.RecordAccept, crypto.RecordSuperseded:
			r.err = crypto.ErrRecordForm
		}
	}
	return r.buf[start:end], pings
}

// fill reads once.
func (r *reader) fill() error {
	r.room()
	n, err := r.conn.Read(r.buf[r.w:])
	if n > 0 {
		r.w += n
		r.crowd = r.w == len(r.buf)
		r.bytes.Add(uint64(n))
		r.heard, r.silent = time.Now(), 0
		if r.w == n && n < quietRead && r.big != nil {
			r.shrink()
		}
		return nil
	}
	if err == io.EOF {
		return r.open.Finished() // ErrTruncated: End would have been taken before
	}
	return err
}

// room moves what is not opened to the front, and takes a big buffer if the small
// one is crowded.
func (r *reader) room() {
	if r.big == nil && r.crowd {
		r.big = borrow()
		r.w = copy(r.big[:], r.buf[r.r:r.w])
		r.r, r.buf, r.crowd = 0, r.big[:], false
		return
	}
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	if r.big != nil && r.w == 0 && onLoan.Load() > manyOnLoan {
		r.shrink()
	}
}

// shrink gives the big buffer back and goes on with the small one.
func (r *reader) shrink() {
	copy(r.small, r.buf[:r.w])
	takeBack(r.big)
	r.big, r.buf, r.crowd = nil, r.small, false
}

// silence is called when the read deadline passed. The deadline is not moved with
// every read, which would cost more than the read: only here.
func (r *reader) silence(limits *Limits, ping func()) error {
	now := time.Now()
	if now.Before(r.until) {
		return r.await(r.until) // it was an interruption
	}
	if quiet := now.Sub(r.heard); quiet < limits.PingAfter {
		return r.await(r.heard.Add(limits.PingAfter))
	} else if r.silent > 0 || quiet < 2*limits.PingAfter {
		r.silent += limits.PingAfter
	} // else nobody was reading meanwhile: the peer may have spoken
	if r.silent >= limits.DeadAfter {
		return ErrTimeout
	}
	ping()
	return r.await(now.Add(limits.PingAfter))
}

func (r *reader) await(until time.Time) error {
	r.until = until
	return r.conn.SetReadDeadline(until)
}

// close gives the buffer back. Nobody reads any more.
func (r *reader) close() {
	if r.big != nil {
		takeBack(r.big)
		r.big, r.buf = nil, nil
	}
}
