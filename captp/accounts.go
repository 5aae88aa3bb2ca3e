package captp

// What an entry of a table costs the peer that caused it, in bytes: about what
// the Go structures take, with their share of the maps that find them.
const (
	answerCost = 640
	exportCost = 256
	importCost = 320
	refCost    = 256
	itemCost   = 64
	spareFrom  = 1 << 10  // results larger than this need not be kept, see spares
	bufKeep    = 64 << 10 // buffers larger than this do not return to the pool
	reserve    = 64 << 10 // what a session may hold, whatever others and those that have ended do
)

// charge books n bytes (n may be negative) to the peer of s.
func (s *Session) charge(n int) {
	s.charged += int64(n)
	s.m.charged += int64(n)
}

// Hold charges n more bytes (n may be negative) that the driver keeps on the peer's behalf.
func (s *Session) Hold(n int) {
	s.charge(n)
	s.checkBudget()
}

// holding is what is held for the session at this moment, by capacity.
func (s *Session) holding() int64 {
	return s.charged + s.loose()
}

// loose is what is held for the session outside of the tables: the part of a
// message, what is put aside, and what has not been written.
func (s *Session) loose() int64 { return int64(cap(s.partial) + len(s.out) + s.unsent + s.stash.cost) }

// bookLoose brings the machine's sum up to date with what is loose; a session that
// has ended has nothing.
func (s *Session) bookLoose() {
	n := s.loose()
	if s.err != nil {
		n = 0
	}
	s.m.loose += n - s.booked
	s.booked = n
}

// checkBudget ends the session, or the largest one, when too much is held.
func (s *Session) checkBudget() {
	s.bookLoose()
	if s.holding() > s.m.lim.HardBytes {
		s.fatal(LimitBytes)
	}
	over := s.m.charged + s.m.loose - s.m.lim.TotalBytes
	if over <= 0 {
		return
	}
	for _, o := range s.m.ended {
		over -= o.charged // about to go
	}
	var largest *Session
	for _, o := range s.m.sessions {
		if o.failing != "" {
			over -= o.holding() // about to go
		} else if n := o.holding(); n > reserve && (largest == nil || n > largest.holding()) {
			largest = o
		}
	}
	if over > 0 && largest != nil {
		largest.fatal(LimitBytes)
	}
}

// aside is what is held because it came of the peer and is not handled yet. Mostly it
// is what open calls were granted, or answers that this side asked for.
func (s *Session) aside() int64 { return int64(cap(s.partial) + s.stash.cost) }

// overSoft reports whether new calls of the peer are refused for the memory
// that it makes us hold apart from its open calls, and from what is to come yet.
func (s *Session) overSoft() bool {
	return s.holding()-s.answerBytes-s.aside() > s.m.lim.SoftBytes
}

// Room returns how many answers may yet be written, each as large as can be; less
// than one: none.
func (s *Session) Room() int {
	return int((s.m.lim.forAnswers() - s.holding() + s.aside()) / int64(s.m.lim.MaxMessage))
}

// fits reports whether an answer of n bytes may be written. Small ones always may:
// what would be said instead is no smaller.
func (s *Session) fits(n int) bool {
	return n <= spareFrom || s.holding()-s.aside()+int64(n) <= s.m.lim.forAnswers()
}

// Charged returns the bytes held on behalf of all peers. It is zero when there
// is nothing under way and nothing exported or imported.
func (m *Machine) Charged() int64 { return m.charged }

// Stats describes a session's tables, for tests and for people.
type Stats struct {
	Questions, Answers, Exports, Imports, Embargoes, Held int
	Charged                                               int64 // bytes held for the peer
}

// Stats returns the state of the tables.
func (s *Session) Stats() Stats {
	return Stats{
		Questions: s.questions.n, Answers: s.answers.n, Exports: s.exports.n, Imports: s.imports.n,
		Embargoes: len(s.embargoes) + len(s.embargoesToCome), Held: s.Held(), Charged: s.holding(),
	}
}

func (m *Machine) takeBuf() []byte {
	if k := len(m.bufs); k > 0 {
		b := m.bufs[k-1]
		m.bufs = m.bufs[:k-1]
		return b[:0]
	}
	return make([]byte, 0, 256)
}

func (m *Machine) giveBuf(b []byte) {
	if cap(b) <= bufKeep && len(m.bufs) < 256 {
		m.bufs = append(m.bufs, b)
	}
}

// spares reports whether the results p, which the peer is told now, are not also
// kept until its Finish: large plain data, when much would be held. Its Finish
// may stand behind thousands of its calls, and only who uses such data as a
// reference misses them.
func (c *Call) spares(p payload) bool {
	s := c.From()
	if s == nil || c.answer.yourself || len(p.caps) > 0 {
		return false
	}
	n := p.size()
	return n > spareFrom && s.holding()-s.answerBytes-s.aside()+int64(n) > s.m.lim.SoftBytes/4
}
