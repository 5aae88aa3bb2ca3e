// Package value turns Go values into what travels in a call, and back.
//
// On the wire a value is the struct Value of spec/object.capnp: a union of
// kinds ([Kind]) in two words of data and one pointer. Which Go types become
// which kinds, and which conversions the receiver makes, is written down in
// spec/values.md. In short: a number converts only if nothing is lost, a record's
// fields go by name, unknown ones are ignored and missing ones are zero, and what
// cannot be carried fails at the sender, at once, naming the place:
//
//	args[0].Next.Ch: chan int cannot be sent
//
// A [Codec] compiles what has to be done for a type once, and keeps it. An
// [Encoder] and a [Decoder] are its two sides, reusable and not safe for
// concurrent use. The everyday types (string, int, []byte, …) take paths
// without reflection and, when encoded, without allocation.
//
// References are not this package's business. Which Go types are references is
// told by the Codec's claims function, and what happens to them by
// [EncodeHooks] and [DecodeHooks]: here a reference is a number, the index into the
// capability table of the message that is being built or read.
//
// What is handed to user code never aliases a message. The texts of one message
// may share one allocation of up to 4 KiB.
package value
