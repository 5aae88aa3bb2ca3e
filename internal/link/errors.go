package link

import (
	"errors"

	"github.com/vatnet/vatnet/crypto"
)

// Reason is why a link ended: one of the Err values below, each with a fixed text
// and a stable outcome code. Test with errors.Is.
type Reason struct{ code, text string }

// Error gives the fixed text.
func (r *Reason) Error() string { return "link: " + r.text }

// Code gives the stable outcome code, as "peer.closed", for logs and counters.
func (r *Reason) Code() string { return r.code }

// The reasons for which links end.
var (
	// ErrClosed: one side closed the link in order.
	ErrClosed = &Reason{"peer.closed", "session closed"}
	// ErrUnreachable: no transport could be had; the cause says why, as
	// crypto.ErrWrongVat when another vat answered.
	ErrUnreachable = &Reason{"peer.unreachable", "vat is unreachable"}
	// ErrSelf: a vat cannot hold a session with itself.
	ErrSelf = &Reason{"auth.self", "a vat cannot hold a session with itself"}
	// ErrTimeout: the peer was silent for too long, or took no bytes for too long.
	ErrTimeout = &Reason{"peer.timeout", "peer does not answer"}
	// ErrTruncated: the transport ended without a sealed end.
	ErrTruncated = &Reason{"peer.truncated", "connection ended too early"}
	// ErrSuperseded: the peer has, or began, a later session with this vat, or it
	// knows a later incarnation of this vat.
	ErrSuperseded = &Reason{"peer.superseded", "a later session took over"}
	// ErrProtocol: the peer sent a record that does not authenticate or that has no
	// place where it stands; the cause says which.
	ErrProtocol = &Reason{"proto.session", "peer broke the session protocol"}
	// ErrCrowded: an incoming connection was turned away before its handshake, because
	// too many are under way. No link ends for it; it stands in the log.
	ErrCrowded = &Reason{"limit.handshakes", "too many handshakes under way"}
	// ErrLost: the transport failed; the cause is what the system said.
	ErrLost = &Reason{"peer.lost", "connection lost"}
)

// Error is what Receiver.Closed gets. It unwraps to its Reason and its Cause.
type Error struct {
	Reason *Reason
	Cause  error // nil if the reason says it all
	// Delivered tells that something that was written to the link may have been
	// delivered. When it is false, certainly nothing was.
	Delivered bool
}

// Error gives the reason's text and the cause's.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Reason.Error()
	}
	return e.Reason.Error() + ": " + e.Cause.Error()
}

// Code gives the reason's outcome code.
func (e *Error) Code() string { return e.Reason.code }

// Unwrap gives the reason and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// Delivered tells whether something written to a link that ended with err may have
// been delivered. Of errors that are not this package's it knows nothing, and says yes.
func Delivered(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Delivered
}

// ending gives the Error for whatever made a link end.
func ending(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		copied := *e
		return &copied
	}
	var r *Reason
	var c *crypto.Error
	switch {
	case err == nil:
		return &Error{Reason: ErrClosed}
	case errors.As(err, &r) && err == error(r):
		return &Error{Reason: r}
	case errors.Is(err, crypto.ErrTruncated):
		return &Error{Reason: ErrTruncated}
	case errors.As(err, &c):
		return &Error{Reason: ErrProtocol, Cause: err}
	case errors.As(err, &r):
		return &Error{Reason: r, Cause: err}
	default:
		return &Error{Reason: ErrLost, Cause: err}
	}
}
