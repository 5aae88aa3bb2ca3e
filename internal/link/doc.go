// Package link turns "I want to talk to that vat" into one ordered, sealed stream
// of bytes per pair of vats, each byte delivered at most once.
//
// A [Links] belongs to one vat. It listens, dials, and keeps for every other vat
// at most one [Link]. Whoever wants to talk asks [Links.Link] for the pair's link
// and writes to it at once; the link finds its transport in the background, by
// dialling or by being dialled, and tells its [Receiver] what happens:
//
//	Up, Receive, Receive, …, Closed
//
// # A session belongs to the pair, not to the socket
//
// Both vats may dial at the same moment, a vat may dial again because it restarted
// or because it noticed the loss of a connection before its peer did, and any of
// those connections may break at any byte. The rules by which both sides come to
// agree on one transport, and by which nothing that came over another one is ever
// delivered, are in pair.go, as a value that is stepped; spec/sessions.md is the
// same for other implementers. What a dialler wrote before its transport was
// accepted is kept and sent again on the survivor; what was accepted is never sent
// again. When a link ends, its [Error] says whether anything may have arrived.
//
// # Who runs what
//
// A link has one reader goroutine, which is also who calls its Receiver, one batch
// at a time: everything that one read brought. [Link.Write] seals and hands the
// socket what it takes at once, in the goroutine of the caller; only what the
// socket does not take is left to a writer goroutine, which ends when it is done.
// No call of this package but Close and Shutdown waits for anything.
//
// A Receiver may run long in Receive, for it may run user code there.
// [Link.Relieve] then lets another goroutine read on.
//
// Where one goroutine waits for what comes, over and over again, to wake it costs
// more than all the rest: on two processors another thread wakes with it. So the
// reader can be told to rest ([Link.Rest]), and whoever waits then reads in its place
// ([Link.Lead], [Link.ReadUntil], [Link.Leave]) and calls Receive itself; between two
// of those nobody reads. Who has the reader rest also has it go on ([Link.ReadOn]),
// in time, when nobody comes any more or anything else is expected. A caller never
// ends a link: the reader finds what it found.
//
// # Hostile strangers
//
// Before its handshake is done a connection holds at most a few KiB and lives at
// most ten seconds; how many there may be, and how often one address may try, is
// bounded by [Limits]. A peer that authenticated can hold nothing here but one
// link; what it makes the layers above hold is theirs to charge. Locations that a
// peer names in its Hello are handed up with Up, and dialled only if somebody
// passes them to Links.Link.
package link
