// Package noise runs Noise handshakes (The Noise Protocol Framework, revision
// 34, with the hybrid forward secrecy tokens e1 and ekem1) from tables.
//
// It is the engine behind package crypto, which uses exactly one protocol,
// Noise_XKhfs_25519+MLKEM768_ChaChaPoly_SHA256. The engine itself knows nothing
// of that choice: a [Pattern] is a table of tokens, a [Suite] names a hash and a
// cipher, and [Handshake] walks through both. That is what makes it checkable:
// the same lines that run our handshake also run the published vectors and the
// differential tests of internal/noisecheck. Pre-shared keys, fallback patterns
// and one-way patterns are absent because nothing here needs them.
//
// A Handshake does no input or output. Messages are values: one side's
// [Handshake.Write] gives what the other side's [Handshake.Read] takes. The
// first error is final: a handshake that failed never goes on.
//
//	handshake.go  the token machine
//	symmetric.go  chaining key, transcript hash, HKDF
//	cipher.go     a key with its nonce counter, and rekeying
//	pattern.go    the tables
package noise
