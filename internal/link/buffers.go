package link

import (
	"sync"

	"github.com/vatnet/vatnet/crypto"
)

// Each link has a small buffer each way. Whoever is in the middle of something
// large borrows a big one, so that ten thousand idle links do not hold 128 KiB each.
const (
	smallBuffer = 4 << 10
	bigBuffer   = 72 << 10 // holds any record, and 64 KiB of stream sealed
)

// A record with its length must fit into a big buffer.
const _ = uint(bigBuffer - crypto.LengthSize - crypto.MaxRecord)

var bigBuffers = sync.Pool{New: func() any { return new([bigBuffer]byte) }}

func borrow() *[bigBuffer]byte { return bigBuffers.Get().(*[bigBuffer]byte) }

// giveBack returns a buffer for further use: itself emptied if it is small, nil
// if it was borrowed or is too large to keep.
func giveBack(b []byte) []byte {
	switch {
	case cap(b) == bigBuffer:
		bigBuffers.Put((*[bigBuffer]byte)(b[:bigBuffer]))
		return nil
	case cap(b) <= smallBuffer:
		return b[:0]
	default:
		return nil
	}
}
