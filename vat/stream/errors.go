package stream

import (
	"errors"

	"github.com/vatnet/vatnet/vat"
)

// Errors of streams. They cross between vats: compare with errors.Is. A clean end is
// not among them, Recv and Read return io.EOF for it.
var (
	// ErrClosed: this Sender or Receiver, or the channel, was closed before.
	ErrClosed = vat.RegisterError("stream.closed", errors.New("stream: closed"))
	// ErrSenderLost: the last sender has vanished without closing: its session broke,
	// or its vat let go of it. There may have been more items.
	ErrSenderLost = vat.RegisterError("stream.lost", errors.New("stream: the sender has vanished"))
	// ErrNoReceiver: the last receiver has closed or vanished: nobody will take the items.
	ErrNoReceiver = vat.RegisterError("stream.noreceiver", errors.New("stream: nobody receives any more"))
	// ErrOverrun: the sender sent more than it had credit for. A Sender does not.
	ErrOverrun = vat.RegisterError("stream.overrun", errors.New("stream: more items than there was credit for"))
	// ErrGap: an item did not reach the channel, because its vat was overloaded, say; what
	// the sender sent after it is refused.
	ErrGap = vat.RegisterError("stream.gap", errors.New("stream: an item was lost on the way"))
	// ErrTooLarge: an item is larger than the channel takes.
	ErrTooLarge = vat.RegisterError("stream.toolarge", errors.New("stream: the item is too large"))
	// ErrTooMany: the channel has as many senders, or receivers, as it takes.
	ErrTooMany = vat.RegisterError("stream.toomany", errors.New("stream: too many have opened this end"))
)

// errEnd is what takes are answered with after a clean end; here it is io.EOF.
var errEnd = vat.RegisterError("stream.end", errors.New("stream: the end"))
