package vat

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/sturdyref"
)

// Grant is what one sturdyref confers: an object, a lifetime, a way to revoke.
// Its methods are safe for concurrent use.
type Grant struct {
	core    *core
	ref     sturdyref.Ref // zero: an earlier incarnation has minted it
	hash    sturdyref.SwissHash
	grant   *captp.Grant
	name    string // under which its object is published; empty: it is temporary
	label   string
	once    bool
	saves   int    // how many sturdyrefs may be made of it
	parent  *Grant // it was made of this one, with which it ends; nil: the owner has made it
	created time.Time

	// Guarded by the machine right.
	host    *hosted   // nil: nothing is published under name
	expires time.Time // zero: never
	timer   *timer    // of expires
	gone    bool
	used    bool         // it was for one use, and that has been
	settles bool         // … which is being stored
	waiting []*captp.Ref // promises for its object, one holder each
	uses    uint64
	last    time.Time // it was used

	children []*Grant // were made of it, and have not ended

	entered bool // it is in the table, or was
	leaving bool // a rotation that is to be committed ends it
	erased  bool // the store does not have it any more
}

// ExportConfig says how an object is exported. nil and the zero value mean: for as
// long as the vat lives, for any number of uses.
type ExportConfig struct {
	// Expires is when the sturdyref, and every reference that came of it, ends;
	// zero means never. It is by the clock on the wall: while that is set, or the machine sleeps, references end within
	// a minute of it.
	Expires time.Time
	// Lifetime is the same, counted from now; it is used if Expires is zero.
	Lifetime time.Duration
	// Once makes the sturdyref good for one use: the first who enlivens it has the
	// reference, for as long as the session lasts, and nobody can enliven it again.
	Once bool
	// Saves is how many sturdyrefs those who have the reference may make of it with [Save], all
	// together; 0 means none. They lead to the same object, end with this one, and cannot be
	// saved themselves. It cannot be combined with Once.
	Saves int
	// Label is for the owner's own list, see [Vat.Grants]: whom it is for, say. At most
	// 255 bytes.
	Label string
}

// Export gives a sturdyref for an object of this vat: whoever has it can reach the
// object. o is a pointer to a struct that embeds [Object], or a near *[Ref]. Each
// call makes a new sturdyref, a grant of its own. The object is kept until the
// grant ends; the grant ends with the vat, at its expiry, or by [Vat.Revoke]. For a
// sturdyref that outlives the process see [Vat.Mint].
//
// In a turn of a vat with a store this is a part of that: the sturdyref leads to the object when the turn is committed, and
// nowhere if it is undone. [Vat.Publish], [Vat.Mint] and [Grant.Rotate] are so, too.
//
// An object of another vat is that one's to export, unless it lets others [Save]. Who wants to give a sturdyref for it all
// the same exports an object that stands for it, a caretaker of vat/pattern say.
//
// Errors: ErrNoLocation if nobody could dial this vat; ErrOtherVat,
// ErrNotSendable, ErrClosed.
func (v *Vat) Export(o any, cfg *ExportConfig) (sturdyref.Ref, error) {
	g, err := v.Grant(o, cfg)
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return g.ref, nil
}

// Grant is Export for those who mean to revoke: it gives the grant, of which the
// sturdyref is a part.
func (v *Vat) Grant(o any, cfg *ExportConfig) (*Grant, error) {
	h, err := v.core.exportable(o)
	if err != nil {
		return nil, err
	}
	g, err := v.newGrant(cfg)
	if err != nil {
		return nil, err
	}
	g.host = h
	if err := v.core.submit(&minting{g}); err != nil {
		return nil, err
	}
	return g, nil
}

// maxLabel is how long a label may be, and the name of what is published, in bytes.
const maxLabel = 255

// newGrant makes a grant, with a new secret, that is of no object yet.
func (v *Vat) newGrant(cfg *ExportConfig) (*Grant, error) {
	if cfg == nil {
		cfg = &ExportConfig{}
	}
	if len(cfg.Label) > maxLabel || !utf8.ValidString(cfg.Label) {
		return nil, fmt.Errorf("%w: a label has up to %d bytes of UTF-8", ErrNotKept, maxLabel)
	}
	if cfg.Saves < 0 || cfg.Saves > 0 && cfg.Once {
		return nil, fmt.Errorf("%w: Saves is less than 0, or what is for one use is to be saved", ErrNotKept)
	}
	locations := v.Locations()
	if len(locations) == 0 {
		return nil, ErrNoLocation
	}
	secret, err := sturdyref.NewSwissnum(v.ID())
	if err != nil {
		return nil, fmt.Errorf("vat: making a swissnum: %w", err)
	}
	ref, err := sturdyref.New(v.ID(), locations, secret)
	if err != nil {
		return nil, fmt.Errorf("vat: making a sturdyref: %w", err)
	}
	g := &Grant{ // in time by the clock on the wall, which goes on while the machine sleeps, and is set right
		core: v.core, ref: ref, hash: secret.Hash(v.ID()), expires: cfg.Expires.Round(0),
		label: cfg.Label, once: cfg.Once, saves: cfg.Saves, created: v.core.now().Round(0),
	}
	if g.expires.IsZero() && cfg.Lifetime != 0 {
		g.expires = g.created.Add(cfg.Lifetime)
	}
	g.grant = &captp.Grant{Tag: g}
	return g, nil
}

// Sturdyref returns the sturdyref that confers the grant. It is zero if an earlier
// incarnation has minted it: of its secret nothing is kept but a digest.
func (g *Grant) Sturdyref() sturdyref.Ref { return g.ref }

// ID names the grant among those of its vat. It is no secret, and says nothing about
// the sturdyref.
func (g *Grant) ID() string { return g.hash.String()[:16] }

// Label returns what ExportConfig.Label was.
func (g *Grant) Label() string { return g.label }

// Name returns under which name its object is published, see [Vat.Mint]; empty for a
// grant that ends with the vat.
func (g *Grant) Name() string { return g.name }

// Created returns when the grant was made.
func (g *Grant) Created() time.Time { return g.created }

// Once reports whether the sturdyref is good for one use only.
func (g *Grant) Once() bool { return g.once }

// Expires returns when the grant ends by itself; zero means never.
func (g *Grant) Expires() time.Time {
	g.core.lock()
	defer g.core.unlock()
	return g.expires
}

// Uses returns how often the sturdyref has been enlivened, and when last; zero times
// and the zero time if never. Of one that is persistent, a crash may forget the last
// seconds.
func (g *Grant) Uses() (count uint64, last time.Time) {
	g.core.lock()
	defer g.core.unlock()
	return g.uses, g.last
}

// Revoke ends the grant: the sturdyref leads nowhere from now on, and every
// reference that came of it, here and in other vats, breaks with ErrRevoked. Calls
// that were delivered already are not undone, and what the object itself gave out
// meanwhile (another object, or itself after the turn) is not taken back: that was a
// reference of its own, without the grant. Revoke more than once is as once.
//
// When Revoke returns nil, the grant will not be there after a crash either. The error
// says that the store did not take it (ErrNotStored, ErrStoreFailed): the grant is gone from this incarnation,
// but may be back in the next. Then Revoke can be called again.
//
// In a turn of a vat with a store it severs at once, too, also if the turn is undone; what the turn sends and returns is
// seen when the store has it.
func (g *Grant) Revoke() error {
	c := g.core
	c.lock()
	g.end()
	over := g.name == "" || g.erased
	c.leave()
	if over {
		return nil
	}
	return c.submit(&erasing{g: g})
}

// LogValue keeps the secret out of logs.
func (g *Grant) LogValue() slog.Value { return slog.StringValue(g.String()) }

// String describes the grant without its secret.
func (g *Grant) String() string { return "vat.Grant(" + g.ID() + ")" }

// Revoke ends the grant of a sturdyref of this vat; see [Grant.Revoke]. It returns
// ErrNoSuchObject if there is none, or none any more.
func (v *Vat) Revoke(r sturdyref.Ref) error {
	g, err := v.GrantOf(r)
	if err != nil {
		return err
	}
	return g.Revoke()
}

// GrantOf returns the grant of a sturdyref of this vat, under its identity or one that it had before. It returns ErrNoSuchObject if there is
// none, or none any more.
func (v *Vat) GrantOf(r sturdyref.Ref) (*Grant, error) {
	if r.IsZero() || !v.core.is(r.Vat()) {
		return nil, ErrNoSuchObject
	}
	v.core.lock()
	defer v.core.unlock()
	g := v.core.table[v.core.hashOfRef(r)]
	if g == nil {
		return nil, ErrNoSuchObject
	}
	return g, nil
}

// Grants returns the grants of the vat that have not ended, the oldest first.
func (v *Vat) Grants() []*Grant {
	v.core.lock()
	all := slices.Collect(maps.Values(v.core.table))
	v.core.unlock()
	slices.SortFunc(all, func(a, b *Grant) int {
		return cmp.Or(a.created.Compare(b.created), bytes.Compare(a.hash[:], b.hash[:]))
	})
	return all
}

// Rotate makes a new sturdyref for the same object, with what is left of the lifetime, and has the old
// one end: at once, or when grace is over, in which those who have it can learn of the new one. As with
// [Grant.Revoke], what came of it ends with it. Errors, after which the old one is as it was:
// ErrNoSuchObject if the grant has ended or is being rotated without grace; ErrNoLocation, ErrNotStored, ErrStoreFailed, ErrClosed.
func (g *Grant) Rotate(grace time.Duration) (*Grant, error) {
	c := g.core
	fresh, err := c.vat.newGrant(&ExportConfig{Expires: g.Expires(), Once: g.once, Saves: g.saves, Label: g.label})
	if err != nil {
		return nil, err
	}
	fresh.name, fresh.parent = g.name, g.parent
	end := c.now().Round(0).Add(grace)
	if !fresh.expires.IsZero() && fresh.expires.Before(end) {
		end = fresh.expires
	}
	if err := c.submit(&rotation{g, fresh, end, grace <= 0}); err != nil {
		return nil, err
	}
	return fresh, nil
}
