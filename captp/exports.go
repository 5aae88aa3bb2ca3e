package captp

// exported is an entry of the export table: a reference that the peer holds
// under an id of ours. count is how often the id was sent, less what the peer
// released; the entry, and its holder of the reference, live until it is zero.
//
// An export that is a promise is resolved once, by a Resolve message; from then
// on it stands for exactly what that message said.
type exported struct {
	s     *Session
	id    uint32
	count uint32
	ref   *Ref // what was exported; nil once resolved
	told  told // what the peer was told that it is

	donation *donation // it is a vine: see donor.go
}

// exportRef sends r once more: it returns its entry, counted up.
func (s *Session) exportRef(r *Ref) *exported {
	if e := s.exportOf[r]; e != nil {
		e.count++
		return e
	}
	s.charge(exportCost)
	e := &exported{s: s, count: 1, ref: r.Retain()}
	e.id = s.exports.add(e)
	if r.route != routeBroken {
		s.exportOf[r] = e
	}
	if r.unresolved() {
		r.exports = append(r.exports, e)
	}
	return e
}

// resolveExport tells the peer that its promise e is end: settled, or a promise
// of the peer's own.
func (s *Session) resolveExport(e *exported, end *Ref) {
	if s.err != nil || e.ref == nil {
		return
	}
	if s.exportsFull(end) {
		end = s.m.BrokenRef(errOverloaded)
		defer end.Release()
	}
	old := e.ref
	delete(s.exportOf, old)
	e.ref, e.told = nil, s.writeResolve(e.id, end)
	old.Release()
}

// exportsFull reports whether the peer could be made to hold more of our references
// than it may by telling it of those in caps. It would be our doing, or that of
// others whose calls are forwarded: they hear of it, and the session goes on.
func (s *Session) exportsFull(caps ...*Ref) bool {
	if s.exports.n+len(caps) <= s.m.lim.Exports {
		return false
	}
	n := s.exports.n
	for _, r := range caps {
		if r == nil {
			continue
		}
		if r = r.Settled(); s.exportOf[r] == nil && (r.through() != s || !r.live() || r.held > 0) {
			n++
		}
	}
	return n > max(s.exports.n, s.m.lim.Exports)
}

// releaseExport takes back n references of the peer's to id.
func (s *Session) releaseExport(id, n uint32) {
	e := s.exports.get(id)
	switch {
	case e == nil:
		s.fatal(ProtoID)
		return
	case n > e.count:
		s.fatal(ProtoRefcount)
		return
	}
	if e.count -= n; e.count == 0 {
		s.exports.remove(id)
		s.forgetExport(e)
	}
}

func (s *Session) forgetExport(e *exported) {
	s.charge(-exportCost)
	if e.donation != nil {
		e.donation.finish()
	}
	e.count = 0
	if e.ref == nil {
		e.told.forget()
		return
	}
	r := e.ref
	if s.exportOf[r] == e {
		delete(s.exportOf, r)
	}
	end := r.Settled()
	for i, x := range end.exports {
		if x == e {
			end.exports = append(end.exports[:i], end.exports[i+1:]...)
			break
		}
	}
	e.ref = nil
	r.Release()
}

// releaseExports takes back one reference for each id.
func (s *Session) releaseExports(ids []uint32) {
	for _, id := range ids {
		s.releaseExport(id, 1)
	}
}
