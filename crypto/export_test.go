package crypto

// LowOrder is the list of vat ids that are no keys.
var LowOrder = lowOrder

// SetRecords moves both counters of a session's direction to n, for tests that
// stand at a boundary. It does not rekey.
func SetRecords(s *Sealer, o *Opener, n uint64) {
	s.cs.SetN(n)
	o.cs.SetN(n)
}
