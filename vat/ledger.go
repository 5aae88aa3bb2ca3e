package vat

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
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

// ledger is the persistent part of the swiss table. What has to be in the store before somebody is
// told is committed by who tells; the rest, and uses, by a goroutine.
type ledger struct {
	mu    sync.Mutex // one commit at a time: what it writes is what is so
	core  *core
	store store.Store

	// Guarded by the machine right.
	opening   bool // publishTime is not over
	published map[string]*hosted
	used      map[*Grant]bool // since it was stored last
	over      []*Grant        // have expired
	once      []*Grant        // were used for their only time
	soon      *timer          // of usesTime; nil: nothing was used

	wake chan struct{} // wakes the goroutine
	stop chan struct{} // ends it
	done chan struct{} // closed when it has
}

// newLedger makes the ledger of a vat, and fills the swiss table from it.
func newLedger(c *core, s store.Store) (*ledger, error) {
	l := &ledger{
		core: c, store: s, opening: true, published: map[string]*hosted{}, used: map[*Grant]bool{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.ledger = l
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("vat: reading the grants: %w", err)
	}
	c.lock()
	c.at(c.now().Add(publishTime), l.opened)
	c.leave()
	return l, nil
}

// load reads the store, and writes into a new one whose it is.
func (l *ledger) load() error {
	shot, err := l.store.Snapshot()
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
	return l.store.Commit(&b)
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

// add stores a new grant, and then enters it into the table.
func (l *ledger) add(g *Grant) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b store.Batch
	b.Put(bucketGrants, g.hash[:], g.encode(g.expires))
	if err := l.commit(&b); err != nil {
		return err
	}
	err := l.core.enlist(g)
	if err != nil { // its parent has ended meanwhile, or the vat
		b.Reset()
		b.Delete(bucketGrants, g.hash[:])
		err = errors.Join(err, l.commit(&b))
	}
	return err
}

// erase takes a grant, which has ended, out of the store.
func (l *ledger) erase(g *Grant) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.erased {
		return nil
	}
	var b store.Batch
	b.Delete(bucketGrants, g.hash[:])
	b.Delete(bucketUses, g.hash[:])
	err := l.commit(&b)
	g.erased = err == nil
	return err
}

// replace stores a grant that takes the place of another one, which ends then; and calls enter.
func (l *ledger) replace(old, fresh *Grant, grace time.Duration, end time.Time, enter func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.core.lock()
	over := old.gone || old.used
	l.core.unlock()
	if over {
		return ErrNoSuchObject
	}
	var b store.Batch
	b.Put(bucketGrants, fresh.hash[:], fresh.encode(fresh.expires))
	if grace > 0 {
		b.Put(bucketGrants, old.hash[:], old.encode(end))
	} else {
		b.Delete(bucketGrants, old.hash[:])
		b.Delete(bucketUses, old.hash[:])
	}
	if err := l.commit(&b); err != nil {
		return err
	}
	old.erased = grace <= 0
	err := enter()
	if err != nil { // the old one has ended meanwhile, or the vat; nobody has the new one
		l.core.lock()
		over, expires := old.gone, old.expires
		l.core.unlock()
		b.Reset()
		b.Delete(bucketGrants, fresh.hash[:])
		if !over {
			b.Put(bucketGrants, old.hash[:], old.encode(expires))
			old.erased = false
		}
		err = errors.Join(err, l.commit(&b))
	}
	return err
}

// commit commits a batch. mu.
func (l *ledger) commit(b *store.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if err := l.store.Commit(b); err != nil {
		if errors.Is(err, store.ErrClosed) {
			return ErrClosed
		}
		return fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	return nil
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
	if l.soon == nil {
		l.soon = l.core.at(l.core.now().Add(usesTime), func() {
			l.soon = nil
			signal(l.wake)
		})
	}
}

// spend has it stored that g was used for its only time, if there is something to give out. Machine
// right.
func (l *ledger) spend(g *Grant) {
	if g.host != nil {
		g.settles = true
		l.once = append(l.once, g)
		signal(l.wake)
	}
}

// expired notes that the store need not have g any more. Machine right.
func (l *ledger) expired(g *Grant) {
	l.over = append(l.over, g)
	signal(l.wake)
}

// run stores what nobody waits for, and what is told as soon as it is stored.
func (l *ledger) run() {
	defer close(l.done)
	for {
		select {
		case <-l.wake:
			l.flush()
		case <-l.stop:
			l.flush()
			return
		}
	}
}

// flush stores what there is.
func (l *ledger) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.core
	c.lock()
	over, once := l.over, l.once
	l.over, l.once = nil, nil
	var b store.Batch
	for g := range l.used {
		if !g.gone {
			b.Put(bucketUses, slices.Clone(g.hash[:]), g.encodeUses())
		}
	}
	clear(l.used)
	c.unlock()
	for _, g := range slices.Concat(over, once) {
		b.Delete(bucketGrants, g.hash[:])
		b.Delete(bucketUses, g.hash[:])
	}
	err := l.commit(&b)
	if err != nil {
		c.log.Error("vat: grants were not stored", "error", err)
	}
	for _, g := range slices.Concat(over, once) {
		g.erased = err == nil
	}
	c.lock()
	defer c.leave()
	for _, g := range once {
		g.settles = false
		if err != nil {
			g.disappoint(ErrNotStored)
		}
		g.serve()
	}
}

// close ends the goroutine, when nobody uses the vat any more.
func (l *ledger) close() {
	close(l.stop)
	<-l.done
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
	c.lock()
	defer c.leave()
	if c.refused != nil {
		return c.refused
	}
	before := c.ledger.published[name]
	c.ledger.published[name] = h
	h.enlisted++
	for _, g := range c.grants(func(g *Grant) bool { return g.name == name }) {
		if g.host != nil {
			g.host.enlisted--
		}
		g.host = h
		h.enlisted++
		if g.once && len(g.waiting) > 0 {
			c.ledger.spend(g)
		}
		g.serve()
	}
	if before != nil {
		before.enlisted--
		before.checkReferenced()
	}
	return nil
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
// the store, whatever becomes of the turn, if it was called in one. Each call makes a grant of its own.
// cfg may be nil.
//
// Of the secret only a digest is kept, so that who reads the store has nothing: the sturdyref can be had
// from what Mint returns, and never again. sturdyref.WriteFile keeps one in a file. See [Grant.Rotate]
// for who has lost one.
//
// Errors: ErrNoStore, ErrNotStored, ErrNoLocation, ErrClosed; ErrNotKept for the name or the label.
func (v *Vat) Mint(name string, cfg *ExportConfig) (*Grant, error) {
	if err := v.core.publishable(name); err != nil {
		return nil, err
	}
	g, err := v.newGrant(cfg)
	if err != nil {
		return nil, err
	}
	g.name = name
	if err := v.core.ledger.add(g); err != nil {
		return nil, err
	}
	return g, nil
}
