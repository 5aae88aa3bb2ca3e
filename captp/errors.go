package captp

import (
	"strconv"
	"strings"
)

// Kind says what kind of failure an Error is: the type of an exception of
// rpc.capnp. The zero value is Failed.
type Kind uint8

const (
	Failed        Kind = iota // the call was tried and did not work
	Overloaded                // the receiver lacks a resource for it; try again later
	Disconnected              // a session that the call needed has ended
	Unimplemented             // the object does not know the method
)

// String returns the name that rpc.capnp gives the kind.
func (k Kind) String() string {
	switch k {
	case Failed:
		return "failed"
	case Overloaded:
		return "overloaded"
	case Disconnected:
		return "disconnected"
	case Unimplemented:
		return "unimplemented"
	}
	return "failed"
}

// Delivery says what is known about a send that its object did not answer.
type Delivery uint8

const (
	Answered       Delivery = iota // the failure is the answer of the object, or was decided before any session
	NotDelivered                   // certainly not delivered
	OutcomeUnknown                 // it had left: it may or may not have been delivered
)

// Error is why a call failed, a reference broke or a session ended. It must not
// be changed once it is in use.
type Error struct {
	Kind     Kind
	Code     string // a registered code, carried in Exception.details; "" if none; see IsReserved
	Reason   string // for people; of a peer's making if it came over the wire: quote it
	Delivery Delivery
	Outcome  Ending // why a session ended; "" otherwise
	Remote   bool   // a peer said so; it is not of this vat's making
}

// Error returns the reason, quoted where it is not plain ASCII: a peer may have
// chosen it.
func (e *Error) Error() string {
	for i := 0; i < len(e.Reason); i++ {
		if e.Reason[i] < ' ' || e.Reason[i] > '~' {
			return strconv.Quote(e.Reason)
		}
	}
	return e.Reason
}

// as returns e as it looks to a send of which d is known.
func (e *Error) as(d Delivery) *Error {
	if e.Delivery == d || e.Kind != Disconnected {
		return e
	}
	c := *e
	c.Delivery = d
	return &c
}

// answer returns e as the answer of an object: whatever was known of the send
// that it came from, the one that it answers was delivered.
func (e *Error) answer() *Error {
	if e == nil || e.Delivery == Answered {
		return e
	}
	c := *e
	c.Delivery = Answered
	return &c
}

// IsReserved reports whether a code is for the vats themselves to give: it says something
// of the very call that it answers, or of the reference that it breaks. An object may not,
// but for vat.overloaded, which asks for nothing but patience.
func IsReserved(code string) bool {
	return strings.HasPrefix(code, "vat.") && code != errOverloaded.Code
}

// PassedOn returns e as one call's answer where it was another's: without a reserved
// code, which would seem to speak of the wrong one. What failed inside of this vat
// remains that.
func (e *Error) PassedOn() *Error {
	if e == nil || !IsReserved(e.Code) || e.Code == codeInternal && !e.Remote {
		return e
	}
	c := *e
	c.Code = ""
	if c.Kind == Unimplemented {
		c.Kind = Failed
	}
	return &c
}

// codeInternal is the code of a failure inside of a vat.
const codeInternal = "vat.internal"

// Ending names why a session ended, from a closed list: operators see it in
// logs, peers see its fixed text in an Abort.
type Ending string

const (
	ProtoMessage  Ending = "proto.message"  // not a message: framing, pointers, depth, traversal
	ProtoID       Ending = "proto.id"       // an id that is unknown, or already in use
	ProtoRefcount Ending = "proto.refcount" // more released than was ever given
	ProtoEmbargo  Ending = "proto.embargo"  // a Disembargo that nobody can have sent honestly
	ProtoTail     Ending = "proto.tail"     // a tail call that refers to no such question, or twice
	ProtoLevel    Ending = "proto.level"    // an arm that was never offered to the peer
	ProtoEcho     Ending = "proto.echo"     // an echo of a message that the peer must implement
	LimitMessage  Ending = "limit.message"  // one message larger than allowed
	LimitBytes    Ending = "limit.bytes"    // made us hold too much
	LimitCalls    Ending = "limit.calls"    // calls far beyond the credit
	LimitImports  Ending = "limit.imports"  // references of its beyond the table
	LimitLookups  Ending = "limit.lookups"  // asked for too many objects that do not exist; ended by the vat
	PeerAbort     Ending = "peer.abort"     // the peer ended the session with Abort
	PeerGone      Ending = "peer.gone"      // the transport ended
)

// Text returns the fixed ASCII text that stands for the outcome on the wire.
func (o Ending) Text() string {
	switch o {
	case ProtoMessage:
		return "proto.message: malformed message"
	case ProtoID:
		return "proto.id: id is not valid here"
	case ProtoRefcount:
		return "proto.refcount: released more references than were held"
	case ProtoEmbargo:
		return "proto.embargo: disembargo does not match"
	case ProtoTail:
		return "proto.tail: takeFromOtherQuestion does not match"
	case ProtoLevel:
		return "proto.level: third-party feature was not offered"
	case ProtoEcho:
		return "proto.echo: echoed a message that must be implemented"
	case LimitMessage:
		return "limit.message: message is too large"
	case LimitBytes:
		return "limit.bytes: too much memory held for this session"
	case LimitCalls:
		return "limit.calls: too many calls beyond the credit"
	case LimitImports:
		return "limit.imports: too many references"
	case LimitLookups:
		return "limit.lookups: too many unknown sturdyrefs"
	case PeerAbort:
		return "peer.abort: the peer ended the session"
	case PeerGone:
		return "peer.gone: the session has ended"
	}
	return string(o)
}

// Ends returns the error with which a session ends for o.
func (o Ending) Ends() *Error { return o.ends() }

// ends makes the error with which a session ends for o.
func (o Ending) ends() *Error {
	return &Error{Kind: Disconnected, Reason: o.Text(), Outcome: o}
}

// The errors that the machine itself gives to calls and references.
var (
	errNull        = &Error{Kind: Failed, Code: "vat.null", Reason: "there is no object here: the reference is null"}
	errNotACap     = &Error{Kind: Failed, Code: "vat.data", Reason: "there is no object here: the answer is data"}
	errSelf        = &Error{Kind: Failed, Code: "vat.cycle", Reason: "the promise was resolved to itself"}
	errCanceled    = &Error{Kind: Failed, Code: "vat.canceled", Reason: "the call was canceled"}
	errOverloaded  = &Error{Kind: Overloaded, Code: "vat.overloaded", Reason: "the vat is overloaded; try again later"}
	errAnswerLost  = &Error{Kind: Overloaded, Code: "vat.answerlost", Reason: "the call was made, but its answer is too large for what waits to be read"}
	errTooLarge    = &Error{Kind: Failed, Code: "vat.toolarge", Reason: "the message is larger than the receiver accepts"}
	errMalformed   = &Error{Kind: Failed, Code: "vat.malformed", Reason: "the message is malformed"}
	errDropped     = &Error{Kind: Failed, Code: "vat.dropped", Reason: "the promise was dropped before it was resolved"}
	errNoBootstrap = &Error{Kind: Failed, Reason: "this vat has no bootstrap object"}
	errElsewhere   = &Error{Kind: Failed, Reason: "the results were sent elsewhere"}
	errUnknownCap  = &Error{Kind: Unimplemented, Reason: "a kind of reference that is not implemented"}
	errPeerLevel   = &Error{Kind: Unimplemented, Reason: "the peer does not implement the message"}
)
