package vat

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/link"
	"github.com/vatnet/vatnet/spec/object"
	"github.com/vatnet/vatnet/sturdyref"
)

const (
	// maxSuccessors is how many vats in a row are followed that say that another one has succeeded them.
	maxSuccessors = 4
	// successorTime is how long a vat takes at most, when nobody waits, to learn of a successor.
	successorTime = 30 * time.Second
)

// Successor asks the vat that a sturdyref names by which identity it goes now, and returns the sturdyref with that
// one, the same secret, and where the vat is to be found now; or r itself, if the vat has not changed its identity (see
// [RotateIdentity]). It is for programs that keep sturdyrefs as text: those in durable objects, and references of
// [Vat.Heal], are followed by themselves. It is no use of the sturdyref.
//
// The answer is worth what the old key is: nobody else could give it, but whoever has stolen that could. The vat that
// is named has confirmed, with its own key, that it goes by it and that the secret leads somewhere there. Locations that r
// does not have are as if the vat had told them in a message; see [Vat.Enliven].
//
// Errors: ErrUnreachable, ErrWrongVat and ErrNoSuchObject as with Enliven; ErrNoSuccessor if it leads in a circle, to more than four
// vats, or to one that cannot confirm it; ErrClosed; those of ctx; inside of a turn ErrInTurn, for it waits.
func (v *Vat) Successor(ctx context.Context, r sturdyref.Ref) (sturdyref.Ref, error) {
	if inTurn() {
		return sturdyref.Ref{}, v.core.refuseInTurn("Successor")
	}
	if r.IsZero() {
		return r, ErrNull
	}
	seen := []crypto.VatID{r.Vat()}
	for at := r; ; {
		next, err := v.nextOf(ctx, at)
		switch {
		case errors.Is(err, ErrNoSuchVerb) && at == r:
			return r, nil // it is of a time when nobody could change
		case errors.Is(err, ErrNoSuchVerb):
			return sturdyref.Ref{}, ErrNoSuccessor
		case err != nil:
			return sturdyref.Ref{}, err
		case next.Vat() == at.Vat():
			return at, nil
		case len(seen) > maxSuccessors, slices.Contains(seen, next.Vat()):
			return sturdyref.Ref{}, ErrNoSuccessor
		}
		seen = append(seen, next.Vat())
		at = next
	}
}

// Former reports whether what is sent on a reference goes to a vat by an identity that it had before and will give up:
// [Vat.Successor] has the sturdyref with its present one. It is false for a promise that is not connected yet.
func (r *Ref) Former() bool {
	c := r.core
	c.lock()
	defer c.unlock()
	s := r.sendTo().Session()
	return s != nil && s.Tag().(*session).former
}

// nextOf asks the vat that at names by which sturdyref the same is to be had now.
func (v *Vat) nextOf(ctx context.Context, at sturdyref.Ref) (sturdyref.Ref, error) {
	c := v.core
	if c.is(at.Vat()) {
		c.lock()
		known := c.good(c.table[c.hashOfRef(at)])
		c.unlock()
		if !known {
			return sturdyref.Ref{}, ErrNoSuchObject
		}
		return whereabouts{v.ID(), v.Locations()}.of(at)
	}
	var b capn.Builder
	b.Init(nil)
	secret := at.Swissnum().Reveal()
	b.Data(b.Root(0, 1).Slot(0), secret[:])
	asked := &asked{done: make(chan struct{})}
	s := v.sessionFor(at)
	c.lock()
	boot := s.captp.Bootstrap()
	call := c.machine.Send(boot, &captp.Outgoing{
		Interface: object.NonceLocator_TypeID, Method: methodSuccessor, Params: b.Bytes(), NoPipelining: true, Sink: asked,
	})
	boot.Release()
	c.leave()
	defer func() {
		c.lock()
		call.Cancel()
		call.Done()
		c.leave()
	}()
	select {
	case <-asked.done:
	case <-ctx.Done():
		return sturdyref.Ref{}, contextError(ctx)
	}
	switch {
	case asked.err != nil:
		return sturdyref.Ref{}, fromWire(asked.err)
	case asked.malformed:
		return sturdyref.Ref{}, ErrNoSuccessor
	}
	return asked.place.of(at)
}

// whereabouts are by which id a vat goes, and where it is to be found.
type whereabouts struct {
	vat       crypto.VatID
	locations []string
}

// of returns the sturdyref that is at's with this place. Unless the program has dialled these hosts for it, too, it is
// the vat of at that has told it.
func (p whereabouts) of(at sturdyref.Ref) (sturdyref.Ref, error) {
	if len(p.locations) == 0 {
		p.locations = at.Locations()
	}
	_, told := at.Donor()
	known := hostsOf(at.Locations())
	for _, host := range hostsOf(p.locations) {
		told = told || !slices.Contains(known, host)
	}
	var r sturdyref.Ref
	var err error
	if told {
		r, err = sturdyref.NewTold(p.vat, p.locations, at.Swissnum(), at.Vat())
	} else {
		r, err = sturdyref.New(p.vat, p.locations, at.Swissnum())
	}
	if err != nil {
		return sturdyref.Ref{}, ErrNoSuccessor // of the peer's making: it is not told
	}
	return r, nil
}

func hostsOf(locations []string) (hosts []string) {
	for _, at := range locations {
		host, _, _ := net.SplitHostPort(at) // of a wrong one there is none, and New refuses it
		hosts = append(hosts, host)
	}
	return hosts
}

// asked is the question for a successor. It implements captp.Sink.
type asked struct {
	done  chan struct{} // closed when the rest is there
	place whereabouts
	err   *captp.Error

	malformed bool
}

// Settled implements captp.Sink.
func (a *asked) Settled(_ *captp.Call, out captp.Outcome) {
	if a.err = out.Err; a.err == nil {
		a.malformed = !a.place.decode(out.Content)
	}
	close(a.done)
}

// decode reads the results of NonceLocator.successor.
func (p *whereabouts) decode(results capn.Ptr) (whole bool) {
	field, err := results.Field(0)
	if err != nil {
		return false
	}
	id, err := field.Bytes()
	if err != nil || len(id) != len(p.vat) {
		return false
	}
	p.vat = crypto.VatID(id)
	list, err := results.Field(1)
	if err != nil || list.Len() > sturdyref.MaxLocations {
		return false
	}
	for i := range list.Len() {
		elem, err := list.ElemPtr(i)
		if err != nil {
			return false
		}
		text, err := elem.Text()
		if err != nil {
			return false
		}
		p.locations = append(p.locations, string(text))
	}
	return true
}

// encode gives these results.
func (p whereabouts) encode() []byte {
	var b capn.Builder
	b.Init(nil)
	root := b.Root(0, 2)
	b.Data(root.Slot(0), p.vat[:])
	list := b.PtrList(root.Slot(1), len(p.locations))
	for i, at := range p.locations {
		b.Text(list.Slot(i), at)
	}
	return b.Bytes()
}

// sessionFor returns the session with the vat that a sturdyref names, made if there is none.
func (v *Vat) sessionFor(r sturdyref.Ref) *session {
	open := func(l *link.Link) link.Receiver { return v.core.open(l) }
	var l *link.Link
	if donor, told := r.Donor(); told {
		l = v.links.LinkTold(r.Vat(), r.Locations(), donor, open)
	} else {
		l = v.links.Link(r.Vat(), r.Locations(), open)
	}
	return l.Receiver().(*session)
}

// maxDoubts is for how many secrets it may come out, in one session, that they lead nowhere, there or at the successor, before no
// more is asked: for fewer than the misses that these answer at once, since a peer may mean to have us make them.
const maxDoubts = freeMisses / 2

// successor is how it stands with the successor of the vat that a session is with, if the id is a former one. Guarded by
// the machine right.
type successor struct {
	asking bool
	known  bool // the log was told
	doubts int
	behind []heir
}

// heir is what wants the new sturdyref in the place of an old one.
type heir struct {
	old  sturdyref.Ref
	tell func(fresh sturdyref.Ref) // with the machine right
	free func()                    // likewise, once nothing more comes; may be nil
}

// inherit has x told of the sturdyref that takes the place of its old one, which names the peer of s, if there is one, and it
// is confirmed: each for itself, one after the other. Machine right.
func (s *session) inherit(x heir) {
	c := s.core
	if !s.former || c.vat == nil || c.refused != nil || s.heirs.doubts >= maxDoubts {
		x.end()
		return
	}
	s.heirs.behind = append(s.heirs.behind, x)
	if !s.heirs.asking {
		s.heirs.asking = true
		c.vat.goroutines.Go(s.bequeath)
	}
}

// bequeath asks for those who wait.
func (s *session) bequeath() {
	c := s.core
	c.lock()
	defer c.leave()
	for len(s.heirs.behind) > 0 {
		x := s.heirs.behind[0]
		s.heirs.behind = s.heirs.behind[1:]
		c.leave()
		ctx, cancel := context.WithTimeout(c.vat.ctx, successorTime)
		fresh, err := c.vat.Successor(ctx, x.old)
		cancel()
		c.lock()
		if err == nil && fresh != x.old {
			x.tell(fresh)
			s.confirmed(fresh.Vat())
		} else {
			s.doubt(err)
		}
		x.end()
	}
	s.heirs.asking = false
}

// confirmed logs by which identity the peer goes now. Machine right.
func (s *session) confirmed(id crypto.VatID) {
	c := s.core
	if !s.heirs.known {
		s.heirs.known = true
		c.outside = append(c.outside, func() {
			c.log.Info("vat: a vat goes by another identity", "peer", s.peer, "successor", id)
		})
	}
}

// doubt logs that no other identity was confirmed, for err or because the peer has named none. Others who wait would hear the
// same, unless it was about the secret. Machine right.
func (s *session) doubt(err error) {
	c := s.core
	c.outside = append(c.outside, func() {
		c.log.Warn("vat: a vat goes by another identity, but that one could not be confirmed", "peer", s.peer, "error", err)
	})
	if errors.Is(err, ErrNoSuchObject) {
		if s.heirs.doubts++; s.heirs.doubts < maxDoubts {
			return
		}
	}
	for _, x := range s.heirs.behind {
		x.end()
	}
	s.heirs.behind = nil
}

func (x heir) end() {
	if x.free != nil {
		x.free()
	}
}
