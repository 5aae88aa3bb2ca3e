// Package twoparty runs one session of a [captp.Machine] over a plain stream of
// bytes, in the standard stream framing of Cap'n Proto: message after message,
// each with its segment table, nothing around them. Any Level 1 implementation of
// Cap'n Proto RPC can be at the other end.
//
// It has no identity, no encryption and no handshake, so vats do not talk this
// way: it serves interoperation, tests and measurements. In particular nobody
// grants credit in a handshake here; see Config.Calls.
//
// # How it drives the machine
//
// The machine is stepped by whoever holds its right, a mutex of the [Conn]: the
// goroutine that reads, for each chunk that arrived, and callers of [Conn.Do].
// What a step left to be written is taken out by a second goroutine, so that a
// slow stream never holds the right. Callbacks of the machine (an Object's
// Deliver, a Sink's Settled) run inside a step and may do little; they leave the
// rest to [Conn.Later]:
//
//	func (o *echo) Deliver(call *captp.Call) bool {
//		o.conn.Later(func() { call.Return(nil, nil) })
//		return false
//	}
package twoparty
