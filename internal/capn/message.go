package capn

import "encoding/binary"

// Defaults of the limits, see [Limits] and [FrameSize].
const (
	// DefaultSegments is the number of segments a message may have.
	DefaultSegments = 64
	// DefaultDepth is the number of pointers that may follow on one another.
	DefaultDepth = 64
	// DefaultMaxBytes is the size of the largest frame, table included: 8 MiB.
	DefaultMaxBytes = 8 << 20
)

// maxSegmentBytes bounds every segment, read or built, so that offsets fit an
// int32 on every platform.
const maxSegmentBytes = 1<<31 - 8

const (
	inlineSegments = 4   // messages with so many segments need no allocation
	maxDepth       = 255 // what a Ptr can count
	wordBytes      = 8
)

// Limits bound what a message may make its reader do. Nil and zero fields mean
// the defaults.
type Limits struct {
	// Segments is the largest number of segments; 0 means DefaultSegments.
	Segments int
	// Traversal is the number of words that may be visited, each visit
	// counted; 0 means 8 times the size of the message plus 64.
	Traversal int
	// Depth is how many pointers may follow on one another; 0 means
	// DefaultDepth, and more than 255 means 255.
	Depth int
}

// Message is a parsed message: its segments, which alias the bytes it was
// parsed from, and what is left of its traversal budget. The zero value is an
// empty message. A Message may be used again: each Parse forgets the one
// before, and Ptrs of that are invalid from then on. It must not be copied
// after a Parse.
type Message struct {
	segs   [][]byte
	inline [inlineSegments][]byte
	many   [][]byte // storage for more segments than fit inline, kept for reuse
	budget int64    // words that may still be visited
	full   int64    // what budget began with
	depth  uint8
}

// FrameSize looks at the start of a frame, whose segment table says how long
// the frame is. It returns the size of the whole frame, table included; or size
// 0 and in need the number of bytes that have to be there, in all, before
// FrameSize can say more. maxSegments and maxBytes (of the whole frame) limit
// what is accepted; 0 means the defaults. Errors: ErrSegments, ErrTooBig.
func FrameSize(b []byte, maxSegments, maxBytes int) (size, need int, err error) {
	if maxSegments <= 0 {
		maxSegments = DefaultSegments
	}
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if len(b) < wordBytes {
		return 0, wordBytes, nil
	}
	n := uint64(binary.LittleEndian.Uint32(b)) + 1
	if n > uint64(maxSegments) {
		return 0, 0, ErrSegments
	}
	header := (n/2 + 1) * wordBytes
	if header > uint64(maxBytes) {
		return 0, 0, ErrTooBig
	}
	total := header
	for i := uint64(0); i < n; i++ {
		at := 4 + 4*i
		if at+4 > uint64(len(b)) {
			return 0, int(header), nil
		}
		seg := uint64(binary.LittleEndian.Uint32(b[at:])) * wordBytes
		total += seg
		if seg > maxSegmentBytes || total > uint64(maxBytes) {
			return 0, 0, ErrTooBig
		}
	}
	return int(total), 0, nil
}

// Parse takes a whole frame: segment table and segments, nothing behind them.
// The message aliases frame. lim may be nil. Errors: ErrTruncated, ErrTrailing,
// ErrSegments, ErrTooBig.
func (m *Message) Parse(frame []byte, lim *Limits) error {
	m.Reset()
	maxSegments := 0
	if lim != nil {
		maxSegments = lim.Segments
	}
	size, need, err := FrameSize(frame, maxSegments, maxSegmentBytes)
	switch {
	case err != nil:
		return err
	case need > 0 || size > len(frame):
		return ErrTruncated
	case size < len(frame):
		return ErrTrailing
	}
	n := int(binary.LittleEndian.Uint32(frame)) + 1
	if n <= inlineSegments {
		m.segs = m.inline[:n]
	} else {
		if cap(m.many) < n {
			m.many = make([][]byte, n)
		}
		m.segs = m.many[:n]
	}
	at := (n/2 + 1) * wordBytes
	m.start(len(frame)-at, lim)
	for i := range m.segs {
		end := at + int(binary.LittleEndian.Uint32(frame[4+4*i:]))*wordBytes
		m.segs[i] = frame[at:end:end]
		at = end
	}
	return nil
}

// ParseFlat takes one bare segment, whose word 0 is the root pointer, as
// [Builder.Bytes] and [Flatten] make it. The message aliases seg. lim may be
// nil. Errors: ErrTruncated, ErrTooBig.
func (m *Message) ParseFlat(seg []byte, lim *Limits) error {
	m.Reset()
	if len(seg)%wordBytes != 0 || len(seg) == 0 {
		return ErrTruncated
	}
	if len(seg) > maxSegmentBytes {
		return ErrTooBig
	}
	m.inline[0] = seg[:len(seg):len(seg)]
	m.segs = m.inline[:1]
	m.start(len(seg), lim)
	return nil
}

// Reset makes m an empty message that holds on to nothing of the old one.
func (m *Message) Reset() {
	clear(m.segs)
	m.segs = nil
	m.budget, m.full, m.depth = 0, 0, 0
}

// start sets budget and depth for a message of size bytes.
func (m *Message) start(size int, lim *Limits) {
	m.full = int64(size/wordBytes)*8 + 64
	m.depth = DefaultDepth
	if lim != nil && lim.Traversal > 0 {
		m.full = int64(lim.Traversal)
	}
	m.budget = m.full
	if lim == nil {
		return
	}
	if lim.Depth > 0 {
		m.depth = uint8(min(lim.Depth, maxDepth))
	}
}

// Refill gives the message that p is of its whole budget back. It is for who reads
// one message on behalf of several, each of whom may cost that much.
func (p Ptr) Refill() {
	if p.m != nil {
		p.m.budget = p.m.full
	}
}

// charge takes words from the budget, and says whether they were there.
func (m *Message) charge(words uint64) bool {
	if words > uint64(m.budget) {
		m.budget = 0
		return false
	}
	m.budget -= int64(words)
	return true
}

// Segments returns the number of segments.
func (m *Message) Segments() int { return len(m.segs) }

// Size returns the number of bytes in all segments.
func (m *Message) Size() int {
	n := 0
	for _, s := range m.segs {
		n += len(s)
	}
	return n
}

// Root resolves the root pointer. A root that is null gives a null Ptr.
// Errors: ErrBounds when there is no first word, and those of [Ptr.Field].
func (m *Message) Root() (Ptr, error) {
	if len(m.segs) == 0 || len(m.segs[0]) < wordBytes {
		return Ptr{}, ErrBounds
	}
	return m.read(0, 0, m.depth)
}
