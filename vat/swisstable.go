package vat

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/sturdyref"
)

// swissTable says which object a swissnum designates. It holds digests: whoever
// reads the table learns nothing that could be used. Guarded by the machine right.
type swissTable map[sturdyref.SwissHash]*Grant

// Grant is what one sturdyref confers: an object, a lifetime, a way to revoke.
// Its methods are safe for concurrent use.
type Grant struct {
	core    *core
	ref     sturdyref.Ref
	hash    sturdyref.SwissHash
	host    *hosted
	grant   *captp.Grant
	expires time.Time // zero: never

	timer *timer // guarded by the machine right, like gone
	gone  bool
}

// ExportConfig says how an object is exported. nil and the zero value mean: for as
// long as the vat lives.
type ExportConfig struct {
	// Expires is when the sturdyref, and every reference that came of it, ends;
	// zero means never.
	Expires time.Time
	// Lifetime is the same, counted from now; it is used if Expires is zero.
	Lifetime time.Duration
}

// Export gives a sturdyref for an object of this vat: whoever has it can reach the
// object. o is a pointer to a struct that embeds [Object], or a near *[Ref]. Each
// call makes a new sturdyref, a grant of its own. The object is kept until the
// grant ends; the grant ends with the vat, at its expiry, or by [Vat.Revoke].
//
// An object of another vat is that one's to export. Who wants to give a sturdyref for it all the
// same exports an object that stands for it, a caretaker of vat/pattern say.
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
	if cfg == nil {
		cfg = &ExportConfig{}
	}
	h, err := v.core.exportable(o)
	if err != nil {
		return nil, err
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
	g := &Grant{core: v.core, ref: ref, hash: secret.Hash(v.ID()), host: h, expires: cfg.Expires}
	if g.expires.IsZero() && cfg.Lifetime != 0 {
		g.expires = v.core.now().Add(cfg.Lifetime)
	}
	g.grant = &captp.Grant{Tag: g}
	if err := v.core.enlist(g); err != nil {
		return nil, err
	}
	return g, nil
}

// exportable returns the object that o is or refers to.
func (c *core) exportable(o any) (*hosted, error) {
	switch o := o.(type) {
	case objecter:
		return c.host(o)
	case *Ref:
		if o.core != c {
			return nil, ErrOtherVat
		}
		c.lock()
		defer c.unlock()
		obj, _ := o.sendTo().Object()
		if f, ok := obj.(*face); ok {
			return f.hosted, nil
		}
		return nil, fmt.Errorf("%w: only an object of this vat can be exported, and the reference is not near", ErrNotSendable)
	}
	return nil, fmt.Errorf("%w: %T does not embed vat.Object", ErrNotSendable, o)
}

// enlist puts g into the table.
func (c *core) enlist(g *Grant) error {
	c.lock()
	defer c.leave()
	if c.refused != nil {
		return c.refused
	}
	if !g.expires.IsZero() {
		g.timer = c.at(g.expires, g.end)
	}
	c.table[g.hash] = g
	g.host.enlisted++
	return nil
}

// lookup returns the reference, with one holder, that a swissnum designates; nil
// if there is none, or none any more. Machine right.
func (c *core) lookup(hash sturdyref.SwissHash) *captp.Ref {
	g := c.table[hash]
	if g == nil || !g.expires.IsZero() && !c.now().Before(g.expires) {
		return nil
	}
	return g.host.ref(g.grant)
}

// end takes g out of the table and severs every reference that came of it. Machine right.
func (g *Grant) end() {
	if g.gone {
		return
	}
	g.gone = true
	c := g.core
	c.stopTimer(g.timer)
	delete(c.table, g.hash)
	g.host.enlisted--
	c.machine.Revoke(g.grant, toWire(ErrRevoked))
	g.host.checkReferenced()
}

// Sturdyref returns the sturdyref that confers the grant.
func (g *Grant) Sturdyref() sturdyref.Ref { return g.ref }

// Expires returns when the grant ends by itself; zero means never.
func (g *Grant) Expires() time.Time { return g.expires }

// Revoke ends the grant: the sturdyref leads nowhere from now on, and every
// reference that came of it, here and in other vats, breaks with ErrRevoked. Calls
// that were delivered already are not undone, and what the object itself gave out
// meanwhile (another object, or itself as a result) is not taken back: that was a
// reference of its own, without the grant. Revoke more than once is as once.
func (g *Grant) Revoke() {
	g.core.lock()
	g.end()
	g.core.leave()
}

// LogValue keeps the secret out of logs.
func (g *Grant) LogValue() slog.Value { return g.ref.LogValue() }

// String describes the grant without its secret.
func (g *Grant) String() string { return "vat.Grant(" + g.ref.String() + ")" }

// Revoke ends the grant of a sturdyref of this vat; see [Grant.Revoke]. It returns
// ErrNoSuchObject if there is none, or none any more.
func (v *Vat) Revoke(r sturdyref.Ref) error {
	c := v.core
	if r.IsZero() || r.Vat() != v.ID() {
		return ErrNoSuchObject
	}
	hash := r.Swissnum().Hash(v.ID())
	c.lock()
	defer c.leave()
	g := c.table[hash]
	if g == nil {
		return ErrNoSuchObject
	}
	g.end()
	return nil
}
