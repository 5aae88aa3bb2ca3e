// Package captp is the capability protocol as a value that is stepped: one
// [Machine] for all sessions of a vat, messages in, messages out. It has no
// goroutine, no clock, no lock, no socket and no randomness of its own; whoever
// drives it calls it from one goroutine at a time and carries the bytes.
//
// # Four tables
//
// A [Session] is the machine's end of one conversation with another vat. As in
// E's CapTP and in Cap'n Proto's rpc.capnp, whose messages it speaks unchanged,
// it has four tables:
//
//	questions  calls of ours that the peer has not both answered and forgotten   questions.go
//	answers    calls of the peer's, mirrored: its questions                      answers.go
//	exports    objects and promises of ours that the peer holds                  exports.go
//	imports    objects and promises of the peer's that we hold                   imports.go
//
// An id lives until both sides have let go of it; who counts what, and when an
// id may be used again, stands with each table.
//
// # Two things that move
//
// A [Ref] is a reference: near (an object of this vat), far (an import), a
// promise, or broken. A promise knows where calls on it go meanwhile: to the
// peer that will answer it (pipelining), or into a queue of its own.
//
// A [Call] is one send on its way through the vat, from wherever it came (a
// local sender, or a session's answer table) to wherever it goes (a near object,
// or a session's question table). A call that is forwarded stands in one
// session's answers and in another's questions: its outcome needs no copying
// from hand to hand.
//
// # Order
//
// Two sends on one reference arrive in the order in which they were made. Four
// mechanisms keep it, each in a file: a promise that travelled through a peer
// and turns out to be here is embargoed until a Disembargo has followed the
// older calls home (embargo.go); a call that waits for an argument closes the
// gate of its path (gate.go); calls that must wait for the peer's credit wait in one
// line (credit.go); and a reference that is handed over is closed while a Disembargo
// follows the older calls to the object (handoff.go).
//
// # Third vats
//
// A reference to an object of a third vat is passed with a vine, a way there through
// the vat that passes it, and with what it takes to fetch the object from its own vat.
// The roles have a file each: donor.go, gifts.go for the host, handoff.go for the
// recipient, in which [Handoff] looks for a session by the driver's [Introducer].
//
// # Hostile peers
//
// Everything that a peer makes this side hold is charged to its session, by
// capacity, in accounts.go, against [Limits]. A malformed or impossible message
// ends the session with an outcome from a closed list; it never panics and never
// touches another session.
package captp
