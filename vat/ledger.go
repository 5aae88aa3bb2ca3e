package vat

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat/store"
)

// The buckets of the store that are the swiss table's. Uses are apart from grants so that what is
// written of them late cannot bring back a grant that was erased.
const (
	bucketGrants = "grants" // swiss hash → record of a grant
	bucketUses   = "uses"   // swiss hash → how often it was used, and when last
	bucketVat    = "vat"    // what the vat knows of itself
)

// keyID is the key, in bucketVat, of the vat's id.
var keyID = []byte("id")

const (
	// publishTime is for how long, since the vat was made, who looks up an object waits until it is
	// published.
	publishTime = 10 * time.Second
	// usesTime is how long it takes until the store has how often grants were used.
	usesTime = 5 * time.Second
)

// ledger is the persistent part of the swiss table. Guarded by the machine right.
type ledger struct {
	core      *core
	opening   bool // publishTime is not over
	published map[string]*hosted
	used      map[*Grant]bool // since it was stored last
	over      []*Grant        // have ended, which the store has refused to hear
	soon      *timer          // of usesTime; nil: there is neither
}

// newLedger makes the ledger of a vat, and fills the swiss table from it.
func newLedger(c *core, s store.Store) (*ledger, error) {
	l := &ledger{core: c, opening: true, published: map[string]*hosted{}, used: map[*Grant]bool{}}
	c.ledger = l
	if err := l.load(s); err != nil {
		return nil, fmt.Errorf("vat: reading the grants: %w", err)
	}
	c.lock()
	c.at(c.now().Add(publishTime), l.opened)
	c.leave()
	return l, nil
}

// load reads the store, and writes into a new one whose it is.
func (l *ledger) load(s store.Store) error {
	shot, err := s.Snapshot()
	if err != nil {
		return err
	}
	id, err := shot.Get(bucketVat, keyID)
	fresh := id == nil
	if err == nil && !fresh && string(id) != string(l.core.id[:]) {
		err = ErrOtherIdentity
	}
	if err == nil {
		err = l.loadGrants(shot)
	}
	if err = errors.Join(err, shot.Close()); err != nil || !fresh {
		return err
	}
	var b store.Batch
	b.Put(bucketVat, keyID, slices.Clone(l.core.id[:]))
	return s.Commit(&b)
}

func (l *ledger) loadGrants(shot store.Snapshot) error {
	c := l.core
	c.lock()
	defer c.leave()
	var children []*Grant
	parents := map[*Grant]sturdyref.SwissHash{}
	grants := shot.Cursor(bucketGrants)
	for grants.Next() {
		g := &Grant{core: c}
		g.grant = &captp.Grant{Tag: g}
		parent, whole := g.decode(grants.Value())
		if copy(g.hash[:], grants.Key()) != len(g.hash) || !whole {
			return fmt.Errorf("%w: the record of a grant", errDamaged)
		}
		uses, err := shot.Get(bucketUses, g.hash[:])
		if err != nil {
			return err
		}
		g.decodeUses(uses)
		if !g.expires.IsZero() && !c.now().Before(g.expires) {
			g.gone = true
			l.expired(g)
			continue
		}
		if parent != nil {
			children = append(children, g)
			parents[g] = sturdyref.SwissHash(parent)
			continue
		}
		c.enter(g)
	}
	for _, g := range children {
		g.parent = c.table[parents[g]]
		if g.parent == nil { // it has ended
			g.gone = true
			l.expired(g)
			continue
		}
		g.parent.children = append(g.parent.children, g)
		c.enter(g)
	}
	return grants.Err()
}

// Formats of records.
const (
	grantFormat = 1
	grantOnce   = 1 // flag
)

// encode gives the record of g when it is to end at expires.
func (g *Grant) encode(expires time.Time) []byte {
	flags := byte(0)
	if g.once {
		flags = grantOnce
	}
	b := []byte{grantFormat, flags}
	b = appendTime(appendTime(b, g.created), expires)
	b = appendBytes(appendBytes(b, []byte(g.name)), []byte(g.label))
	b = binary.AppendUvarint(b, uint64(g.saves))
	if g.parent == nil {
		return b
	}
	return append(b, g.parent.hash[:]...)
}

// decode fills g from a record, and returns the swiss hash of its parent, nil if it has none. Not whole:
// the record is damaged.
func (g *Grant) decode(b []byte) (parent []byte, whole bool) {
	in := cutter{b: b}
	format, flags := in.byte(), in.byte()
	g.once = flags&grantOnce != 0
	g.created = in.time()
	g.expires = in.time()
	g.name = string(in.take(in.uvarint()))
	g.label = string(in.take(in.uvarint()))
	saves := in.uvarint()
	g.saves = int(min(saves, math.MaxInt32))
	if len(in.b) == len(g.hash) {
		parent = in.take(uint64(len(in.b)))
	}
	return parent, !in.bad && len(in.b) == 0 && format == grantFormat && flags <= grantOnce && g.name != ""
}

// appendTime appends a time, in microseconds. The zero time is 0, and the first microsecond of 1970 becomes
// the next one.
func appendTime(b []byte, t time.Time) []byte {
	var us int64
	if !t.IsZero() {
		us = cmp.Or(t.UnixMicro(), 1)
	}
	return binary.BigEndian.AppendUint64(b, uint64(us))
}

// time cuts a time off.
func (c *cutter) time() time.Time {
	b := c.take(8)
	if c.bad {
		return time.Time{}
	}
	us := int64(binary.BigEndian.Uint64(b))
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// encodeUses gives the record of how g was used. Machine right.
func (g *Grant) encodeUses() []byte {
	return appendTime(binary.AppendUvarint(nil, g.uses), g.last)
}

func (g *Grant) decodeUses(b []byte) {
	in := cutter{b: b}
	if uses, last := in.uvarint(), in.time(); !in.bad {
		g.uses, g.last = uses, last
	}
}

// opened has those wait no longer who wait for what is not published. Machine right.
func (l *ledger) opened() {
	l.opening = false
	for _, g := range l.core.grants(func(g *Grant) bool { return g.host == nil }) {
		g.disappoint(ErrNoSuchObject)
		g.used = false // it has not been of any use
	}
}

// seen notes a use of g. Machine right.
func (l *ledger) seen(g *Grant) {
	if g.once {
		l.spend(g)
		return
	}
	l.used[g] = true
	l.storeSoon()
}

// spend has it stored that g was used for its only time, if there is something to give out. Machine right.
func (l *ledger) spend(g *Grant) {
	if g.host == nil || g.settles {
		return
	}
	g.settles = true
	var b store.Batch
	g.erase(&b)
	l.core.dur.write(&b, &unwaited{&spending{g}})
}

// expired has the store let go of a grant that has ended. Machine right.
func (l *ledger) expired(g *Grant) {
	var b store.Batch
	g.erase(&b)
	l.core.dur.write(&b, &unwaited{&erasing{g, true}})
}

// unwaited is a change of grants that nobody waits for.
type unwaited struct{ effect }

func (u *unwaited) undo(c *core, err *carried) {
	u.effect.undo(c, err)
	c.outside = append(c.outside, func() { c.log.Error("vat: grants were not stored", "error", err.error) })
}

// spending is that the store has to know that a grant was used for its only time, before anything comes of it.
type spending struct{ g *Grant }

func (s *spending) apply(*core) {
	s.g.erased, s.g.settles = true, false
	s.g.serve()
}

func (s *spending) undo(*core, *carried) {
	s.g.settles = false
	s.g.disappoint(ErrNotStored)
	s.g.used = false // it has not been of any use
}

// storeSoon has what nobody waits for be stored in a while. Machine right.
func (l *ledger) storeSoon() {
	if l.soon == nil {
		l.soon = l.core.at(l.core.now().Add(usesTime), l.storeLoose)
	}
}

// storeLoose stores how often grants were used since it did so last, and what has ended without the store having heard
// of it. Machine right.
func (l *ledger) storeLoose() {
	l.core.stopTimer(l.soon)
	l.soon = nil
	var b store.Batch
	for g := range l.used {
		if !g.gone {
			b.Put(bucketUses, g.hash[:], g.encodeUses())
		}
	}
	for _, g := range l.over {
		if !g.erased {
			g.erase(&b)
		}
	}
	x := &loose{l.used, l.over}
	l.used, l.over = map[*Grant]bool{}, nil
	if b.Len() > 0 {
		l.core.dur.write(&b, &unwaited{x})
	}
}

// loose is what storeLoose has stored. It is tried again later.
type loose struct {
	used map[*Grant]bool
	over []*Grant
}

func (x *loose) apply(*core) {
	for _, g := range x.over {
		g.erased = true
	}
}

func (x *loose) undo(c *core, _ *carried) {
	l := c.ledger
	maps.Copy(l.used, x.used)
	l.over = append(x.over, l.over...)
	l.storeSoon()
}

// Publish makes o the object that a name stands for: the one that sturdyrefs made by [Vat.Mint] for
// that name lead to, those of earlier incarnations included. o is a pointer to a struct that embeds
// [Object], or a near *[Ref]. A program does so each time it starts, soon after Open: who comes before
// waits, until ten seconds after the vat was made. What is published later under the same name takes
// its place for those who come then. The name has 1 to 255 bytes, and is nobody's but the vat's own.
//
// Errors: ErrNoStore, ErrNotKept for a name, ErrOtherVat, ErrNotSendable, ErrClosed.
func (v *Vat) Publish(name string, o any) error {
	c := v.core
	if err := c.publishable(name); err != nil {
		return err
	}
	h, err := c.exportable(o)
	if err != nil {
		return err
	}
	return c.submit(&publishing{name, h})
}

// grants returns those of the table that are wanted, in a fixed order. Machine right.
func (c *core) grants(wanted func(*Grant) bool) (list []*Grant) {
	for _, g := range c.table {
		if wanted(g) {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *Grant) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return list
}

// publishable returns why nothing can be published under a name.
func (c *core) publishable(name string) error {
	switch {
	case c.ledger == nil:
		return ErrNoStore
	case name == "" || len(name) > maxLabel:
		return fmt.Errorf("%w: a name has 1 to %d bytes", ErrNotKept, maxLabel)
	}
	return nil
}

// Mint makes a sturdyref that outlives the process: it leads to what is published under a name, in this
// incarnation and all later ones, until it expires or is revoked. When Mint returns, the grant is in
// the store; in a turn it is a part of that, see [Vat.Export]. Each call makes a grant of its own.
// cfg may be nil.
//
// Of the secret only a digest is kept, so that who reads the store has nothing: the sturdyref can be had
// from what Mint returns, and never again. sturdyref.WriteFile keeps one in a file. See [Grant.Rotate]
// for who has lost one.
//
// Errors: ErrNoStore, ErrNotStored, ErrStoreFailed, ErrNoLocation, ErrClosed; ErrNotKept for the name or the label.
func (v *Vat) Mint(name string, cfg *ExportConfig) (*Grant, error) {
	if err := v.core.publishable(name); err != nil {
		return nil, err
	}
	g, err := v.newGrant(cfg)
	if err != nil {
		return nil, err
	}
	g.name = name
	if err := v.core.submit(&minting{g}); err != nil {
		return nil, err
	}
	return g, nil
}
