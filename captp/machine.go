package captp

import (
	"math"
	"sort"

	"github.com/vatnet/vatnet/internal/capn"
)

// Config configures a Machine. The zero value is useful.
type Config struct {
	Limits Limits
	// Host makes what the machine cannot: nil if promises for data are never
	// passed or called.
	Host Host
	// ObjectInterface is the interface whose calls may answer data where a
	// reference was pipelined: Object of spec/object.capnp. Zero: none.
	ObjectInterface uint64
	// Vat is this vat's id, 32 bytes, and Introducer finds others; without them references are never handed over.
	Vat        string
	Introducer Introducer
}

// Host is the vat around a machine.
type Host interface {
	// Holder makes the near object that stands for plain data: somebody used the
	// promise for a call's result as a reference, and the result is none. The
	// arguments are borrowed. What the object takes until it is dropped is held on behalf
	// of from, the session that the call came from (nil: none), see Session.Hold. It
	// must not call the machine, but for Retain and Hold.
	Holder(results capn.Ptr, caps []*Ref, from *Session) Object
}

// Machine is the protocol for all sessions of one vat. Make one with New.
type Machine struct {
	cfg       Config
	lim       Limits
	words     capn.Limits
	near      map[nearKey]*Ref
	gates     map[gateKey]*Ref
	sessions  []*Session // living, in the order in which they began
	ended     []*Session // with something left in their tables
	endBatch  int        // see EndInBatches
	dirty     []*Session
	review    []*answer // see reconsider
	pending   int       // local calls that wait inside this vat
	charged   int64     // bytes, all sessions
	loose     int64     // bytes that sessions hold outside of the tables
	serial    uint64
	noEmbargo bool                    // for the explorer, which shows what embargoes are for …
	hasty     bool                    // … and that of an Accept
	ticks     uint64                  // seconds, as far as anything waits
	gifts     map[string]*gift        // that nobody has found yet, by giftKey
	accepts   map[*accepting]bool     // that are not answered
	waiting   map[string][]*accepting // … and have found nothing, by giftKey
	donations map[*donation]bool
	accepting []*Handoff // that ask their hosts, in the order in which they began
	bufs      [][]byte
	pool      pool

	b       capn.Builder // of the message being written
	other   capn.Builder // of one for another session, meanwhile
	frame   capn.Message // being read
	caps    []*Ref       // of it: see receiveCaps
	scratch capn.Message // results being returned
}

// New makes a machine. cfg may be nil.
func New(cfg *Config) *Machine {
	m := &Machine{
		near: make(map[nearKey]*Ref), gates: make(map[gateKey]*Ref), donations: make(map[*donation]bool),
		gifts: make(map[string]*gift), accepts: make(map[*accepting]bool), waiting: make(map[string][]*accepting),
		endBatch: math.MaxInt,
	}
	if cfg != nil {
		m.cfg = *cfg
	}
	m.lim = m.cfg.Limits.withDefaults()
	m.words = capn.Limits{Segments: m.lim.MaxSegments, Depth: m.lim.Depth}
	return m
}

// Limits returns the limits in force, defaults filled in.
func (m *Machine) Limits() Limits { return m.lim }

func (m *Machine) nextSerial() uint64 {
	m.serial++
	return m.serial
}

// Pending returns how many local sends wait inside this vat: for credit, or on
// promises.
func (m *Machine) Pending() int { return m.pending }

// TakeDirty appends to buf the sessions that have something to write, or have
// ended, since the last call. Sessions that broke a rule end now.
func (m *Machine) TakeDirty(buf []*Session) []*Session {
	for again := true; again; again = len(m.review) > 0 {
		m.forsakeAll()
		for i := 0; i < len(m.dirty); i++ { // ending one may dirty others
			s := m.dirty[i]
			if s.failing != "" {
				s.end(s.failing.ends(), true, false)
			}
			s.sendHeld()
		}
	}
	for _, s := range m.dirty {
		s.flushReleases()
		s.dirty = false
		buf = append(buf, s)
	}
	m.dirty = m.dirty[:0]
	return buf
}

// Grant is what one sturdyref confers: references carry it wherever they go
// from there, and break when it is revoked. It must not be copied.
type Grant struct {
	Tag     any // the vat's own
	revoked *Error
}

// Revoke breaks every reference that carries g, for err, and every one that
// will be made from it.
func (m *Machine) Revoke(g *Grant, err *Error) {
	if g.revoked != nil {
		return
	}
	g.revoked = err
	var refs []*Ref
	for k, r := range m.near {
		if k.grant == g {
			refs = append(refs, r)
		}
	}
	sort.Slice(refs, func(i, j int) bool { return refs[i].serial < refs[j].serial })
	for _, r := range refs {
		if r.route == routeNear { // not gone meanwhile
			m.breakRef(r, err)
		}
	}
}
