package vat

// The outcomes with which handshakes and sessions end: the closed list of
// spec/outcomes.md. The vat's log has them in the attribute "outcome", with the vat
// id of the peer, if it is proven, in "peer", else its address in "from"; [Error.Outcome]
// returns the same. Those of auth, proto and limit are warnings, of which no peer can
// cause more than a few a second; those of peer are for debugging.
const (
	OutcomeAuthMAC         = "auth.mac"           // message 1 was not made for this vat; closed unanswered
	OutcomeAuthWrongVat    = "auth.wrong-vat"     // whoever answers is not the vat that was dialled
	OutcomeAuthHandshake   = "auth.handshake"     // a handshake message does not authenticate
	OutcomeAuthSelf        = "auth.self"          // a vat cannot hold a session with itself
	OutcomeAuthRecord      = "auth.record"        // a record does not authenticate; the cause of proto.session
	OutcomeAuthPassphrase  = "auth.passphrase"    // a key file's passphrase is wrong or missing
	OutcomeAuthKeyFileOpen = "auth.key-file-open" // an unencrypted key file is accessible to others

	OutcomeProtoVersion  = "proto.version"  // no version in common
	OutcomeProtoFrame    = "proto.frame"    // a handshake message has a length that it cannot have
	OutcomeProtoHello    = "proto.hello"    // what a side says about itself is malformed
	OutcomeProtoRecord   = "proto.record"   // a record holds what no record holds, or stands where it has no place
	OutcomeProtoSession  = "proto.session"  // the peer broke the rules of records; the cause says which
	OutcomeProtoMessage  = "proto.message"  // not a message: framing, pointers, depth, traversal
	OutcomeProtoID       = "proto.id"       // an id that is unknown, or already in use
	OutcomeProtoRefcount = "proto.refcount" // more references released than were held
	OutcomeProtoEmbargo  = "proto.embargo"  // a Disembargo that does not match
	OutcomeProtoTail     = "proto.tail"     // takeFromOtherQuestion names no such question, or one twice
	OutcomeProtoLevel    = "proto.level"    // an arm that was never offered
	OutcomeProtoEcho     = "proto.echo"     // an echo of a message that must be implemented
	OutcomeProtoVatID    = "proto.vat-id"   // a text is no vat id
	OutcomeProtoKeyFile  = "proto.key-file" // a file is no key file, or is damaged

	OutcomeLimitBusy       = "limit.busy"       // the right vat, which takes no new session now
	OutcomeLimitHandshakes = "limit.handshakes" // a connection was turned away before its handshake
	OutcomeLimitMessage    = "limit.message"    // one message is larger than allowed
	OutcomeLimitBytes      = "limit.bytes"      // too much memory held for one session, or for all, of which it is the largest
	OutcomeLimitCalls      = "limit.calls"      // calls far beyond the credit
	OutcomeLimitImports    = "limit.imports"    // more references of the peer's than we hold
	OutcomeLimitLookups    = "limit.lookups"    // too many unknown swissnums asked for

	OutcomePeerClosed      = "peer.closed"      // closed in order
	OutcomePeerAbort       = "peer.abort"       // the peer ended the session with Abort
	OutcomePeerGone        = "peer.gone"        // the session has ended with its transport
	OutcomePeerTruncated   = "peer.truncated"   // ended without a sealed end
	OutcomePeerTimeout     = "peer.timeout"     // a deadline passed
	OutcomePeerLost        = "peer.lost"        // the connection failed
	OutcomePeerConnection  = "peer.connection"  // the connection failed within its handshake
	OutcomePeerSuperseded  = "peer.superseded"  // a later session took over
	OutcomePeerUnreachable = "peer.unreachable" // no connection could be had; the cause says why
)
