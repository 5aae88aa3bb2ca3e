package crypto

import "github.com/vatnet/vatnet/internal/noise"

// LowOrder is the list of vat ids that are no keys.
var LowOrder = lowOrder

// SetRecords moves both counters of one direction to n, for tests that stand at a
// boundary. It does not rekey.
func SetRecords(s *Sealer, o *Opener, n uint64) {
	s.cs.SetN(n)
	o.cs.SetN(n)
}

// DirectionForTest gives both ends of one direction under a key.
func DirectionForTest(key [32]byte) (*Sealer, *Opener) {
	return newSealer(noise.NewCipherState(noise.ChaChaPoly, key)), newOpener(noise.NewCipherState(noise.ChaChaPoly, key))
}

// SealRaw encrypts any plaintext as s's next record, without rekeying; no length
// prefix.
func SealRaw(s *Sealer, plain []byte) []byte {
	record, err := s.cs.Encrypt(nil, nil, plain)
	if err != nil {
		panic(err)
	}
	return record
}

// KeyOf gives the present key of a direction.
func KeyOf(s *Sealer) [32]byte { return s.cs.Key() }
