package captp

import (
	"crypto/sha256"

	"github.com/vatnet/vatnet/internal/capn"
)

// donation is the donor's side of a handoff: a vine that the recipient holds, and the Provide at the host, which is open
// until the recipient lets go of the vine.
type donation struct {
	host   *Session
	id     uint32    // of the Provide
	vine   *exported // nil: the Provide is finished
	serial uint64
	due    uint64 // the tick at which it is finished in any case
	passed bool   // a Disembargo was passed on
}

const (
	maxGifts     = 2048    // Provides that are open between two vats
	maxUnread    = 1 << 20 // bytes that a host has not taken, beyond which it is told of no gifts: they take no credit
	giftTicks    = 60      // for how long a host keeps a gift
	provideTicks = giftTicks + 10
	giveTicks    = 4  // for how long a donor that would like to go stays
	acceptTicks  = 10 // for how long a host lets an Accept wait
	donationCost = 384
)

// open reports whether the Provide is.
func (d *donation) open() bool { return d.vine != nil && d.host.err == nil }

// donates reports whether r, a settled reference, is passed to the peer of s by handoff.
func (s *Session) donates(r *Ref) bool {
	if !s.offered || r.route != routeImport || r.imp.promise || r.held > 0 || s.exportOf[r] != nil {
		return false
	}
	h := r.imp.s
	return h != s && h.offered && h.err == nil && s.err == nil && h.vat != s.vat && h.donations.room(s.vat, maxGifts) &&
		len(h.out)+h.unsent <= maxUnread
}

// donate makes a gift of r, which its host is told of at once: behind what was sent on r. The descriptor names the vine and
// the nonce.
func (s *Session) donate(r *Ref) (vine *exported, nonce [idSize]byte) {
	h, m := r.imp.s, s.m
	nonce = m.cfg.Introducer.Nonce()
	hash := sha256.Sum256(nonce[:])
	s.charge(exportCost + donationCost)
	e := &exported{s: s, count: 1, ref: r.Retain()}
	e.id = s.exports.add(e)
	d := &donation{host: h, vine: e, serial: m.nextSerial(), due: m.ticks + provideTicks}
	d.id = h.questions.add(&question{s: h, serial: d.serial, donation: d})
	h.donations.take(s.vat)
	e.donation = d
	m.donations[d] = true
	h.writeProvide(d.id, r.imp.id, s.vat, hash[:])
	return e, nonce
}

// finish lets go of the gift. The vine, if it is left, goes on as a plain export.
func (d *donation) finish() {
	h, s := d.host, d.vine.s
	s.charge(-donationCost)
	d.vine.donation = nil
	d.vine = nil
	delete(h.m.donations, d)
	h.donations.give(s.vat)
	if h.err == nil {
		h.questions.remove(d.id)
		h.writeFinish(d.id, true)
	}
}

// Giving reports whether a gift of this vat's may be about to be picked up: in good order it does not end its sessions yet.
// That is for no longer than four seconds (see Tick) after it was made: those who stay with the vine do not say so.
func (m *Machine) Giving() bool {
	for d := range m.donations {
		if d.due > m.ticks+provideTicks-giveTicks {
			return true
		}
	}
	return false
}

// passOn has a Disembargo follow to the host what came on the vine before it.
func (d *donation) passOn(embargo string) {
	if d.passed {
		d.vine.s.fatal(ProtoEmbargo)
		return
	}
	d.passed = true
	o := &onward{s: d.host, donation: d, embargo: embargo}
	if r := d.vine.ref; r.held > 0 {
		d.host.hold(r, item{errand: o})
	} else {
		o.reach(r)
	}
}

// endDonations ends those of which the peer of s is the host.
func (s *Session) endDonations() {
	for _, q := range s.questions.entries {
		if q != nil && q.donation != nil {
			q.donation.finish()
		}
	}
}

// putThird writes the descriptor by which r is handed over, and returns the vine.
func (s *Session) putThird(d capn.StructB, r *Ref) *exported {
	b, h := &s.m.b, r.imp.s
	e, nonce := s.donate(r)
	d.SetU16(0, capThirdPartyHosted)
	tp := b.Struct(d.Slot(0), 1, 1)
	tp.SetU32(0, e.id)
	c := b.Struct(tp.Slot(0), 0, 3)
	b.Data(c.Slot(0), []byte(h.vat))
	b.Data(c.Slot(1), nonce[:])
	if n := min(len(h.locations), maxLocations); n > 0 {
		list := b.PtrList(c.Slot(2), n)
		for i := range n {
			b.Text(list.Slot(i), h.locations[i])
		}
	}
	return e
}

// writeProvide writes while a message for another session is being written: that is why the machine has two builders.
func (s *Session) writeProvide(id, target uint32, recipient string, nonceHash []byte) {
	b := &s.m.other
	b.InitFramed(s.out)
	root := b.Root(1, 1)
	root.SetU16(0, msgProvide)
	st := b.Struct(root.Slot(0), 1, 2)
	st.SetU32(0, id)
	t := b.Struct(st.Slot(0), 1, 1)
	t.SetU32(0, target)
	await := b.Struct(st.Slot(1), 0, 2)
	b.Data(await.Slot(0), []byte(recipient))
	b.Data(await.Slot(1), nonceHash)
	s.out, s.due = b.Frame(), true
	s.touch()
}
