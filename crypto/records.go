package crypto

import (
	"encoding/binary"
	"io"
	"math/bits"
	"slices"

	"github.com/vatnet/vatnet/internal/noise"
)

// RecordType says what a record is for.
type RecordType uint8

// The record types. What they mean to a session is told in spec/sessions.md.
const (
	RecordData       RecordType = iota + 1 // bytes of the stream
	RecordPing                             // asks for a RecordPong
	RecordPong                             // answers a RecordPing
	RecordAccept                           // the responder's first record: this transport is the pair's
	RecordSuperseded                       // the responder's first record: another transport is
	RecordEnd                              // nothing follows in this direction
)

// String gives the type's name in lower case.
func (t RecordType) String() string {
	switch t {
	case RecordData:
		return "data"
	case RecordPing:
		return "ping"
	case RecordPong:
		return "pong"
	case RecordAccept:
		return "accept"
	case RecordSuperseded:
		return "superseded"
	case RecordEnd:
		return "end"
	default:
		return "unknown"
	}
}

// Sizes of records, in bytes.
const (
	// LengthSize is the length prefix, big-endian, that stands before a record and
	// does not count itself.
	LengthSize = 2
	// MaxRecord is the longest record, without its length prefix.
	MaxRecord = 65535
	// MaxBody is the longest body of one record.
	MaxBody = MaxRecord - noise.TagSize - recordHeader
	// MinRecord is the shortest record: an empty body, unpadded.
	MinRecord = recordHeader + noise.TagSize
	// RekeyEvery is the number of records after which a direction's key changes.
	RekeyEvery = 16384

	recordHeader = 3 // type, length of the body
	maxPlain     = MaxRecord - noise.TagSize
)

// Sealer makes the records of one direction. Not safe for concurrent use.
type Sealer struct {
	// NoPadding turns padding off. The other side need not know.
	NoPadding bool

	cs    *noise.CipherState
	ended bool
}

// Opener takes apart the records of one direction. Not safe for concurrent use.
type Opener struct {
	cs    *noise.CipherState
	err   error // the first error, which is final
	ended bool
}

func newSealer(cs *noise.CipherState) *Sealer { return &Sealer{cs: cs} }
func newOpener(cs *noise.CipherState) *Opener { return &Opener{cs: cs} }

// Records is the number of records sealed so far.
func (s *Sealer) Records() uint64 { return s.cs.N() }

// Records is the number of records opened so far.
func (o *Opener) Records() uint64 { return o.cs.N() }

// Seal appends a record of body, with its length prefix, to dst. It allocates
// only if dst lacks room: LengthSize + MaxRecord always suffice. body must not
// overlap dst's spare room. A body over MaxBody, an unknown type, or a record
// after RecordEnd is a mistake of the caller, and panics.
func (s *Sealer) Seal(dst []byte, t RecordType, body []byte) []byte {
	if len(body) > MaxBody || t < RecordData || t > RecordEnd || s.ended {
		panic("crypto: Seal of a body over MaxBody, of no record type, or after RecordEnd")
	}
	s.ended = t == RecordEnd
	plain := recordHeader + len(body)
	if !s.NoPadding {
		plain = padme(plain)
	}
	start := len(dst)
	total := LengthSize + plain + noise.TagSize
	dst = slices.Grow(dst, total)[:start+total]
	record := dst[start:]
	binary.BigEndian.PutUint16(record, uint16(plain+noise.TagSize))
	text := record[LengthSize : LengthSize+plain]
	text[0] = byte(t)
	binary.BigEndian.PutUint16(text[1:], uint16(len(body)))
	clear(text[recordHeader+copy(text[recordHeader:], body):])
	rekeyAtBoundary(s.cs)
	if _, err := s.cs.Encrypt(text[:0], nil, text); err != nil {
		panic("crypto: 2⁶⁴ records sealed with one session") // ErrNonce
	}
	return dst
}

// Open decrypts a record, given without its length prefix, in place; the body
// aliases it. It fails with ErrRecord when the record does not authenticate or
// follows a RecordEnd, and with ErrRecordForm when it holds what no record holds. The
// first error is final: every later Open gives it again.
func (o *Opener) Open(record []byte) (RecordType, []byte, error) {
	if o.err != nil {
		return 0, nil, o.err
	}
	t, body, err := o.open(record)
	if err != nil {
		o.err = err
		return 0, nil, err
	}
	o.ended = t == RecordEnd
	return t, body, nil
}

func (o *Opener) open(record []byte) (RecordType, []byte, error) {
	if len(record) < MinRecord || len(record) > MaxRecord {
		return 0, nil, ErrRecordForm
	}
	if o.ended {
		return 0, nil, ErrRecord
	}
	rekeyAtBoundary(o.cs)
	text, err := o.cs.Decrypt(record[:0], nil, record)
	if err != nil {
		return 0, nil, ErrRecord
	}
	t, n := RecordType(text[0]), int(binary.BigEndian.Uint16(text[1:]))
	if t < RecordData || t > RecordEnd || n > len(text)-recordHeader {
		return 0, nil, ErrRecordForm
	}
	var residue byte
	for _, b := range text[recordHeader+n:] {
		residue |= b
	}
	if residue != 0 {
		return 0, nil, ErrRecordForm
	}
	return t, text[recordHeader : recordHeader+n : recordHeader+n], nil
}

// Finished says what the end of the stream means: io.EOF after a RecordEnd,
// ErrTruncated without one, or the error that Open gave.
func (o *Opener) Finished() error {
	switch {
	case o.err != nil:
		return o.err
	case o.ended:
		return io.EOF
	default:
		return ErrTruncated
	}
}

// rekeyAtBoundary changes the key before every record whose number is a multiple
// of RekeyEvery, but the first. The counter runs on, so both sides agree.
func rekeyAtBoundary(cs *noise.CipherState) {
	if n := cs.N(); n != 0 && n%RekeyEvery == 0 {
		cs.Rekey()
	}
}

// padme rounds a length up so that it has only as many significant bits as its
// exponent has digits: at most 12 % more, and only O(log log) of the length shows
// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs", 2019, §4).
func padme(n int) int {
	if n < 2 {
		return n
	}
	e := bits.Len(uint(n)) - 1
	z := e - bits.Len(uint(e))
	mask := 1<<z - 1
	return min((n+mask)&^mask, maxPlain)
}
