package captp

// ExportCounts returns how often each export is held by the peer, as this side
// believes, by its id. When nothing is under way it is what the peer's
// ImportCounts says.
func (s *Session) ExportCounts() map[uint32]uint32 {
	counts := make(map[uint32]uint32, s.exports.n)
	for id, e := range s.exports.entries {
		if e != nil {
			counts[uint32(id)] = e.count
		}
	}
	return counts
}

// ImportCounts returns how often each import has arrived and was not released,
// by the id that the peer gave it.
func (s *Session) ImportCounts() map[uint32]uint32 {
	counts := make(map[uint32]uint32, s.imports.n)
	for _, imp := range s.imports.all() {
		counts[imp.id] = imp.wire
	}
	return counts
}
