// Package crypto is how vats know each other and how they talk unheard.
//
// # Who is who
//
// A vat is its key. A [VatID] is an X25519 public key, written as 56 characters
// that carry a version and a checksum; an [Identity] is the private half, kept
// in a key file ([WriteKeyFile], [ReadKeyFile]). There is no authority that
// vouches for keys: whoever holds a vat id got it together with the reference
// that it wants to use, and the handshake proves that the vat which answers is
// that one and no other.
//
// # The handshake
//
// [Dial] and [Accept] turn a connection into a [Secured] one. They run
// Noise_XKhfs_25519+MLKEM768_ChaChaPoly_SHA256, the only suite there is:
// nothing is negotiated, so nothing can be negotiated down. What that buys:
//
//   - the dialler names the vat that it wants; another vat cannot answer;
//   - a stranger who does not know the vat id is never told a byte: without a MAC
//     keyed by the vat id, message 1 is closed unanswered before any curve operation;
//   - the dialler's identity is seen by the vat that it dialled, and nobody else;
//   - ephemeral keys make recordings useless when a static key is stolen later,
//     and ML-KEM-768 keeps them useless to a quantum computer.
//
// [Initiator] and [Responder] are the same handshake as values that are stepped,
// without a connection or a clock.
//
// # Records
//
// After the handshake each direction is a sequence of records: [Sealer] makes
// them and [Opener] takes them apart, in order, without allocating. Records are
// padded by Padmé, so that their length says little about what they carry, and
// the key changes every 16384 records. A stream that stops without a record of
// type [RecordEnd] was cut short, and [Opener.Finished] says so.
//
// # Errors
//
// Every failure is one of the package's Err values, tested with errors.Is. Each
// has a fixed text and a stable outcome code ([Error.Code]); none tells the
// other side anything but that the connection closed.
//
// The wire is specified in spec/identity.md, spec/handshake.md and
// spec/records.md.
package crypto
