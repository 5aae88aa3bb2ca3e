package captp

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"

	"github.com/vatnet/vatnet/internal/capn"
)

// gift is the host's side of a handoff: a reference that a donor has it keep for a recipient. It is found by its key
// until it is taken, and is in the donor's table until the Finish of the Provide.
type gift struct {
	s      *Session // the donor's
	id     uint32   // of the Provide
	key    string   // "": nobody can find it
	ref    *Ref     // nil: it is gone
	serial uint64
	due    uint64     // the tick at which it goes
	ready  bool       // what the donor had sent before the Provide has passed its gate
	lifted string     // the embargo that was lifted
	accept *accepting // who takes it
}

// accepting is an Accept that is not answered yet. It is the object that has the call.
type accepting struct {
	s       *Session // the recipient's
	c       *Call
	key     string
	embargo string
	serial  uint64
	due     uint64 // the tick at which it gets nothing
	gift    *gift  // what it found; nil: it waits for it
	over    bool
}

const (
	giftCost   = 512
	acceptCost = 384 // beside answerCost
)

// errNoGift is what an Accept gets that finds nothing, for whatever reason.
var errNoGift = &Error{Kind: Failed, Reason: "there is nothing to pick up"}

// giftKey is how a gift is found. The hash of the nonce stands for the nonce.
func giftKey(donor, recipient, nonceHash string) string {
	if donor == "" || recipient == "" || nonceHash == "" {
		return ""
	}
	return donor + recipient + nonceHash
}

// receiveProvide takes a gift.
func (s *Session) receiveProvide(b capn.Ptr) {
	if !s.offered {
		s.unimplemented()
		return
	}
	id := b.U32(0)
	switch {
	case s.answers.get(id) != nil || s.gifts[id] != nil:
		s.fatal(ProtoID)
		return
	case len(s.gifts) >= maxGifts:
		s.fatal(LimitCalls)
		return
	}
	t, ok := s.decodeTarget(b)
	if !ok {
		return
	}
	r, way := s.target(t)
	if r == nil {
		return
	}
	await, err := b.Field(1)
	if err != nil {
		r.Release()
		s.fatal(ProtoMessage)
		return
	}
	s.sawQuestion(id)
	s.charge(giftCost)
	g := &gift{s: s, id: id, ref: r, serial: s.m.nextSerial(), due: s.m.ticks + giftTicks}
	if s.gifts == nil {
		s.gifts = make(map[uint32]*gift)
	}
	s.gifts[id] = g
	key := ""
	if await.IsStruct() {
		key = giftKey(s.vat, idOf(await, 0), idOf(await, 1))
	}
	if key == "" || way || s.m.gifts[key] != nil {
		g.drop() // nobody can find it: its question stays open
		return
	}
	g.key = key
	s.m.gifts[key] = g
	g.behind(&lifting{g: g})
	if w := s.m.waiting[key]; len(w) > 0 {
		w[0].find(g)
	}
}

// lifting is what makes a gift ready, or lifts its embargo, behind what waits at a gate. While it waits the donor is charged
// for it, and for the gift, which may be over.
type lifting struct {
	g       *gift
	embargo string
	cost    int
}

func (l *lifting) reach(*Ref) {
	l.g.s.charge(-l.cost)
	l.g.ready = true
	if l.embargo != "" {
		l.g.lifted = l.embargo
	}
	l.g.give()
}

// behind does l when the calls of the donor's that came before it have come to the object.
func (g *gift) behind(l *lifting) {
	if at := g.s.gate(g.ref); at != nil {
		l.cost = giftCost + itemCost
		g.s.charge(l.cost)
		at.queue = append(at.queue, item{errand: l})
		return
	}
	l.reach(g.ref)
}

// give answers who has found the gift, if nothing is in the way any more.
func (g *gift) give() {
	a := g.accept
	if a == nil || g.ref == nil || !g.ready || a.embargo != g.lifted && a.embargo != "" {
		return
	}
	r := g.ref.Retain()
	g.drop()
	a.over = true
	a.c.answers(capRoot[:], []*Ref{r}) // not Return: what this vat's own code sent to the object is nothing to the recipient
}

// drop lets go of what is given: taken, or not to be had any more. Who had found it and was not answered waits on, in vain.
func (g *gift) drop() {
	if g.key != "" && g.s.m.gifts[g.key] == g {
		delete(g.s.m.gifts, g.key)
	}
	if a := g.accept; a != nil {
		g.accept, a.gift = nil, nil
	}
	if r := g.ref; r != nil {
		g.ref = nil
		r.Release()
	}
}

// end takes the gift out of the donor's table.
func (g *gift) end() {
	g.drop()
	delete(g.s.gifts, g.id)
	g.s.charge(-giftCost)
}

// receiveAccept looks for a gift, or waits for it.
func (s *Session) receiveAccept(b capn.Ptr) {
	if !s.offered {
		s.unimplemented()
		return
	}
	over := s.overSoft()
	a := s.openAccept(b.U32(0))
	if a == nil {
		return
	}
	if over {
		a.call.fail(errOverloaded)
		return
	}
	s.charge(acceptCost)
	x := &accepting{s: s, c: a.call, serial: s.m.nextSerial(), due: s.m.ticks + acceptTicks}
	sound := false
	x.embargo, sound = embargoOf(b)
	if completion, err := b.Field(0); err == nil && completion.IsStruct() && sound {
		if nonce := idOf(completion, 1); nonce != "" {
			hash := sha256.Sum256([]byte(nonce))
			x.key = giftKey(idOf(completion, 0), s.vat, string(hash[:]))
		}
	}
	c := a.call
	c.state, c.tangled = callDelivered, true
	c.obj = s.m.newRef(routeNear)
	c.obj.obj = x
	s.m.accepts[x] = true
	switch g := s.m.gifts[x.key]; {
	case g != nil:
		x.find(g)
	case x.key != "":
		s.m.waiting[x.key] = append(s.m.waiting[x.key], x)
	}
}

// embargoOf reads the id of an embargo from the second pointer of b: "" if there is none. It gives false if it is too long.
func embargoOf(b capn.Ptr) (id string, ok bool) {
	p, err := b.Field(1)
	if err != nil || p.IsNull() {
		return "", err == nil
	}
	data, err := p.Bytes()
	if err != nil || len(data) > maxEmbargo {
		return "", false
	}
	return string(data), true
}

// find binds x to g, which nobody else can find from now on.
func (x *accepting) find(g *gift) {
	delete(x.s.m.gifts, g.key)
	x.unwait()
	g.accept, x.gift = x, g
	g.give()
}

// unwait takes x out of those that have found nothing.
func (x *accepting) unwait() {
	w := slices.DeleteFunc(x.s.m.waiting[x.key], func(o *accepting) bool { return o == x })
	if len(w) == 0 {
		delete(x.s.m.waiting, x.key)
		return
	}
	x.s.m.waiting[x.key] = w
}

// end answers x with nothing.
func (x *accepting) end(err *Error) {
	if x.over {
		return
	}
	x.over = true
	if g := x.gift; g != nil {
		g.drop()
	}
	x.c.Fail(err)
}

// Deliver implements Object: nothing is sent to it.
func (x *accepting) Deliver(*Call) bool { return false }

// Canceled implements Object: the recipient does not want it any more, or is gone.
func (x *accepting) Canceled(*Call) { x.end(errCanceled) }

// Dropped implements Object: the call is settled.
func (x *accepting) Dropped(*Grant) {
	delete(x.s.m.accepts, x)
	x.unwait()
	x.s.charge(-acceptCost)
}

// receiveDisembargoAccept passes a Disembargo on to the host of a vine, or lifts the embargo of a gift.
func (s *Session) receiveDisembargoAccept(t targetMsg, embargo string) {
	if t.promised {
		g := s.gifts[t.id]
		if g == nil || t.path != "" || embargo == "" {
			s.fatal(ProtoEmbargo)
			return
		}
		if g.ref != nil {
			g.behind(&lifting{g: g, embargo: embargo})
		}
		return
	}
	e := s.exports.get(t.id)
	switch {
	case e == nil:
		s.fatal(ProtoID)
	case embargo == "":
		s.fatal(ProtoEmbargo)
	case e.donation != nil:
		e.donation.passOn(embargo)
	}
}

// Ticks reports whether anything waits for Tick.
func (m *Machine) Ticks() bool {
	return len(m.gifts)+len(m.accepts)+len(m.donations)+len(m.accepting) > 0
}

// Tick tells that a second has passed. It is to be called once a second as long as Ticks.
func (m *Machine) Tick() {
	m.ticks++
	for _, x := range late(maps.Keys(m.accepts), m.ticks) {
		x.end(errNoGift)
	}
	for _, g := range late(maps.Values(m.gifts), m.ticks) {
		g.drop()
	}
	for _, d := range late(maps.Keys(m.donations), m.ticks) {
		d.finish()
	}
	m.giveUpLate()
}

// timed is what does not wait for ever.
type timed interface{ when() (due, serial uint64) }

func (x *accepting) when() (due, serial uint64) { return x.due, x.serial }
func (g *gift) when() (due, serial uint64)      { return g.due, g.serial }
func (d *donation) when() (due, serial uint64)  { return d.due, d.serial }

// late returns those whose time has come, in the order in which they began.
func late[T timed](all iter.Seq[T], now uint64) (out []T) {
	for x := range all {
		if due, _ := x.when(); due <= now {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		_, i := a.when()
		_, j := b.when()
		return cmp.Compare(i, j)
	})
	return out
}

// endGifts lets go of all that the peer of s had this vat keep.
func (s *Session) endGifts() {
	for _, id := range sortedKeys(s.gifts) {
		s.gifts[id].end()
	}
}
