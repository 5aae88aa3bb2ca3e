package stream

import "github.com/vatnet/vatnet/vat"

// Config says how a channel behaves. A nil *Config and the zero values mean the defaults.
type Config struct {
	// Window is how many items of each sender may wait to be received: its credit.
	// Default 64, at least 16.
	Window int
	// MaxItem is how large an item may be: 8 bytes for each value in it, and the
	// bytes of its texts, data and big integers. Default 64 KiB. A stream of bytes needs 17 KiB.
	MaxItem int
	// MaxSenders is how many senders, and how many receivers, may have opened the
	// channel at a time. Default 32.
	MaxSenders int
	// Stay makes the channel outlive its senders and receivers: it ends when
	// Channel.Close is called, and not before.
	Stay bool
}

// minWindow is the credit that a sender has without asking.
const minWindow = 16

func (c *Config) withDefaults() Config {
	var d Config
	if c != nil {
		d = *c
	}
	if d.Window == 0 {
		d.Window = 64
	}
	d.Window = max(d.Window, minWindow)
	if d.MaxItem == 0 {
		d.MaxItem = 64 << 10
	}
	if d.MaxSenders == 0 {
		d.MaxSenders = 32
	}
	return d
}

// Channel is a channel for items of type T: plain data, references, or what holds both.
// An item that cannot be had as a T is refused. Make one with [New]. All methods are safe for
// concurrent use.
type Channel[T any] struct {
	send  *SendEnd[T]
	recv  *RecvEnd[T]
	owner *vat.Ref
}

// New makes a channel in v; cfg may be nil. The error is vat.ErrClosed.
func New[T any](v *vat.Vat, cfg *Config) (*Channel[T], error) {
	h := &hub[T]{vat: v, cfg: cfg.withDefaults()}
	owner, err := v.Ref(&control[T]{hub: h})
	if err != nil {
		return nil, err
	}
	return &Channel[T]{&SendEnd[T]{hub: h}, &RecvEnd[T]{hub: h}, owner}, nil
}

// SendEnd returns the end to send to. To have it confers the right to send, and no more.
func (c *Channel[T]) SendEnd() *SendEnd[T] { return c.send }

// RecvEnd returns the end to receive from. To have it confers the right to take items, and
// no more.
func (c *Channel[T]) RecvEnd() *RecvEnd[T] { return c.recv }

// Sender makes a Sender in the channel's own vat, as [SenderTo] does for a reference to the end.
func (c *Channel[T]) Sender() *Sender[T] { return SenderTo[T](c.near(c.send)) }

// Receiver makes a Receiver in the channel's own vat, as [ReceiverFrom] does for a reference to the
// end.
func (c *Channel[T]) Receiver(ahead int) *Receiver[T] { return ReceiverFrom[T](c.near(c.recv), ahead) }

// near returns a reference to an end.
func (c *Channel[T]) near(end any) *vat.Ref {
	if r, err := c.owner.Vat().Ref(end); err == nil {
		return r
	}
	return c.owner // the vat is closed, which is what it says as well
}

// Close ends the channel for everybody: what was sent before can still be received, then
// receivers get err, or io.EOF if it is nil. Only the first end counts. It does not wait, and
// may be called in a turn.
func (c *Channel[T]) Close(err error) { c.owner.SendOnly("close", err) }

// control is the right to end the channel, which the Channel keeps.
type control[T any] struct {
	vat.Object
	hub *hub[T]
}

// Close ends the channel.
func (c *control[T]) Close(err error) { c.hub.end(err) }

// SendEnd is the end of a channel that items are sent to: an object. Hold it by reference,
// and use it by [SenderTo].
type SendEnd[T any] struct {
	vat.Object
	hub *hub[T]
}

// Open is the verb open: it gives a new sender.
func (e *SendEnd[T]) Open() (*sender[T], error) {
	h := e.hub
	if err := h.over(); err != nil {
		return nil, err
	}
	if h.senders >= h.cfg.MaxSenders {
		return nil, ErrTooMany
	}
	h.senders++
	return &sender[T]{hub: h}, nil
}

// Unreferenced ends the channel if nobody is left who could send.
func (e *SendEnd[T]) Unreferenced() {
	if h := e.hub; h.senders == 0 && !h.cfg.Stay {
		h.end(ErrSenderLost)
	}
}

// RecvEnd is the end of a channel that items are received from: an object. Hold it by
// reference, and use it by [ReceiverFrom].
type RecvEnd[T any] struct {
	vat.Object
	hub *hub[T]
}

// Open is the verb open: it gives a new receiver.
func (e *RecvEnd[T]) Open() (*receiver[T], error) {
	h := e.hub
	if h.stopped != nil {
		return nil, h.stopped
	}
	if h.receivers >= h.cfg.MaxSenders {
		return nil, ErrTooMany
	}
	h.receivers++
	return &receiver[T]{hub: h}, nil
}

// Unreferenced ends the channel if nobody is left who could receive.
func (e *RecvEnd[T]) Unreferenced() {
	if h := e.hub; h.receivers == 0 && !h.cfg.Stay {
		h.stop(ErrNoReceiver)
	}
}
