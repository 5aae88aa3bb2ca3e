package link

import (
	"sync"
	"sync/atomic"

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

// onLoan counts the big buffers on loan. While they are few, who has one keeps it until he
// has little to do; when they are many, a reader gives his back as soon as it is empty.
var onLoan atomic.Int32

const manyOnLoan = 128

func borrow() *[bigBuffer]byte {
	onLoan.Add(1)
	return bigBuffers.Get().(*[bigBuffer]byte)
}

// takeBack ends the loan of a big buffer.
func takeBack(b *[bigBuffer]byte) {
	onLoan.Add(-1)
	bigBuffers.Put(b)
}

// giveBack returns a buffer for further use: itself emptied if it is small, nil
// if it was borrowed or is too large to keep.
func giveBack(b []byte) []byte {
	switch {
	case cap(b) == bigBuffer:
		takeBack((*[bigBuffer]byte)(b[:bigBuffer]))
		return nil
	case cap(b) <= smallBuffer:
		return b[:0]
	default:
		return nil
	}
}
