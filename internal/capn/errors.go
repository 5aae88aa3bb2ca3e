package capn

import "errors"

// The errors of this package. Their texts are fixed: nothing of a message gets
// into them, so they may be shown and sent.
var (
	// ErrTruncated: the bytes end before the frame or segment does, or are not whole words.
	ErrTruncated = errors.New("capn: message is truncated")
	// ErrTrailing: bytes follow the frame.
	ErrTrailing = errors.New("capn: bytes after the end of the message")
	// ErrSegments: the segment table lists more segments than allowed.
	ErrSegments = errors.New("capn: too many segments")
	// ErrTooBig: the message, or what is being built, is larger than allowed.
	ErrTooBig = errors.New("capn: message is too big")
	// ErrBounds: a pointer leads outside of its segment or to no segment.
	ErrBounds = errors.New("capn: pointer out of bounds")
	// ErrPointer: a pointer is malformed.
	ErrPointer = errors.New("capn: malformed pointer")
	// ErrKind: a pointer designates another kind of object than was asked for.
	ErrKind = errors.New("capn: pointer to an unexpected kind of object")
	// ErrText: a text lacks its final zero byte.
	ErrText = errors.New("capn: text without end")
	// ErrDepth: pointers are nested too deep.
	ErrDepth = errors.New("capn: message is nested too deep")
	// ErrTraversal: more of the message was visited than its budget allows.
	ErrTraversal = errors.New("capn: traversal limit reached")
)
