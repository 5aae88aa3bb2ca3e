package crypto

import (
	"errors"
	"io"
	"os"
)

// Error is one outcome of this package, out of a closed list: the Err variables
// below. Its text is fixed ASCII of at most 128 bytes, fit to be shown to anybody.
type Error struct{ code, text string }

// Error gives the fixed text.
func (e *Error) Error() string { return "crypto: " + e.text }

// Code gives the stable outcome code, as "auth.mac", for logs and counters.
func (e *Error) Code() string { return e.code }

// The outcomes. Errors that are returned may wrap one of them together with a
// cause: test with errors.Is, and find the code with errors.As.
var (
	// ErrVatID: a text is not a vat id; the returned error says why.
	ErrVatID = &Error{"proto.vat-id", "malformed vat id"}
	// ErrSelf: a vat dialled itself, or was dialled by itself.
	ErrSelf = &Error{"auth.self", "a vat cannot hold a session with itself"}
	// ErrVersion: the two sides have no version in common.
	ErrVersion = &Error{"proto.version", "no protocol version in common"}
	// ErrMAC: message 1 was not made for this vat. It is closed unanswered.
	ErrMAC = &Error{"auth.mac", "message 1 was not made for this vat"}
	// ErrWrongVat is what the dialler sees when whoever answers at the address
	// cannot be the vat that it named: it closed the connection cleanly without a
	// byte, as a vat does when message 1 was not made for it, or it answered what
	// only the named vat could have authenticated, and it does not authenticate.
	ErrWrongVat = &Error{"auth.wrong-vat", "the vat that answered is not the one named"}
	// ErrBusy: the vat is the right one, but takes no session now.
	ErrBusy = &Error{"limit.busy", "the vat takes no new session now"}
	// ErrHandshake: a handshake message does not authenticate, or carries a key
	// that is no key, or the steps were called out of order.
	ErrHandshake = &Error{"auth.handshake", "handshake failed"}
	// ErrHello: what a side says about itself is malformed or over its bounds.
	ErrHello = &Error{"proto.hello", "malformed hello"}
	// ErrFrame: a handshake message has a length that it cannot have.
	ErrFrame = &Error{"proto.frame", "handshake message of impossible length"}
	// ErrRecord: a record does not authenticate: altered, replayed, out of order,
	// or sealed by somebody else.
	ErrRecord = &Error{"auth.record", "record does not authenticate"}
	// ErrRecordForm: a record authenticates, but what it holds is malformed.
	ErrRecordForm = &Error{"proto.record", "malformed record"}
	// ErrTruncated: the stream ended inside a message or without a sealed end.
	ErrTruncated = &Error{"peer.truncated", "connection ended too early"}
	// ErrTimeout: a deadline passed.
	ErrTimeout = &Error{"peer.timeout", "handshake deadline passed"}
	// ErrConn: the connection failed; the error wraps the cause.
	ErrConn = &Error{"peer.connection", "connection failed"}
	// ErrPassphrase: a key file's passphrase is wrong, missing or empty.
	ErrPassphrase = &Error{"auth.passphrase", "wrong or missing passphrase"}
	// ErrKeyFile: a file is no key file, or is damaged; or so is a sealed identity.
	ErrKeyFile = &Error{"proto.key-file", "malformed key file"}
	// ErrKeyFileOpen: an unencrypted key file can be read by others than its owner.
	ErrKeyFileOpen = &Error{"auth.key-file-open", "unencrypted key file is accessible to others (chmod 600 it)"}
)

// PeerError is the error of an incoming connection that came to nothing although its
// handshake proved who dialled. Its text is that of Err, to which it unwraps.
type PeerError struct {
	Peer VatID
	Err  error
}

// Error gives the text of Err.
func (p *PeerError) Error() string { return p.Err.Error() }

// Unwrap gives Err.
func (p *PeerError) Unwrap() error { return p.Err }

// because is an outcome with its local cause. Its text is the outcome's alone.
type because struct {
	outcome *Error
	cause   error
}

func (b *because) Error() string   { return b.outcome.Error() }
func (b *because) Unwrap() []error { return []error{b.outcome, b.cause} }

// connError gives the outcome for an error that a net.Conn reported.
func connError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	default:
		return &because{ErrConn, err}
	}
}
