package captp

// imported is an entry of the import table: something that the peer hosts, or a
// promise that it will resolve, under an id of its choice.
//
// The peer counts how often it has sent the id; wire counts how often it has
// arrived. When the last local holder lets go, one Release gives all of them
// back. A descriptor that is under way meanwhile finds the entry gone and makes
// a new one: the peer's count says the same.
type imported struct {
	s       *Session
	id      uint32
	wire    uint32
	promise bool
	ref     *Ref
	leaving bool // on the session's list of those to release
	vine    bool // it leads to a third vat's object

	hand *Handoff // … from where another way is looked for
}

// importRef takes one wire reference to the peer's id and returns its reference
// with a holder.
func (s *Session) importRef(id uint32, promise bool) *Ref {
	if imp := s.imports.get(id); imp != nil {
		if imp.wire == ^uint32(0) {
			s.fatal(ProtoRefcount)
			return imp.ref.Retain()
		}
		imp.wire++
		if old := imp.ref; old.holders == 0 && old.route != routeImport {
			// A promise that was resolved, and let go of in the same read: it leads
			// nowhere any more.
			old.imp, imp.promise = nil, promise
			imp.ref = s.m.newRef(routeImport)
			imp.ref.imp = imp
			return imp.ref
		}
		return imp.ref.Retain()
	}
	if s.imports.n >= s.m.lim.Imports {
		s.fatal(LimitImports)
		return s.m.BrokenRef(LimitImports.ends())
	}
	s.charge(importCost)
	r := s.m.newRef(routeImport)
	r.imp = &imported{s: s, id: id, wire: 1, promise: promise, ref: r}
	s.imports.put(id, r.imp)
	return r
}

// dropImport lets go of what r needed only as long as calls on it went through
// a peer, unless something is pinned to it.
func (r *Ref) dropImport() {
	if r.pins > 0 && r.goes() {
		return
	}
	if r.route != routePipeline {
		r.call = nil
	}
	if imp := r.imp; imp != nil && !imp.leaving && imp.s.err == nil {
		imp.leaving = true
		imp.s.leaving = append(imp.s.leaving, imp)
		imp.s.touch()
	}
}

// needed reports whether the import is still in use here.
func (imp *imported) needed() bool {
	r := imp.ref
	return r.pins > 0 && r.goes() || r.route == routeImport && r.holders > 0
}

// flushReleases sends a Release for every import that nobody came back for.
func (s *Session) flushReleases() {
	for _, imp := range s.leaving {
		imp.leaving = false
		if imp.needed() || s.imports.get(imp.id) != imp {
			continue
		}
		s.writeRelease(imp.id, imp.wire)
		s.forgetImport(imp)
	}
	s.leaving = s.leaving[:0]
}

func (s *Session) forgetImport(imp *imported) {
	s.imports.remove(imp.id)
	s.charge(-importCost)
	imp.ref.imp = nil
}

// receiveResolve settles a promise of the peer's.
func (s *Session) receiveResolve(id uint32, to *Ref, err *Error) {
	imp := s.imports.get(id)
	if imp == nil || !imp.promise || imp.ref.route != routeImport {
		// Released before it was resolved, or resolved before.
		if to != nil {
			to.Release()
		}
		return
	}
	p := imp.ref
	p.Retain()
	if err != nil {
		s.m.breakRef(p, err)
	} else {
		s.m.settleRemote(p, s, to)
	}
	p.Release()
}
