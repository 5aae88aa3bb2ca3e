package vat

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat/store"
)

// bucketFormer is the bucket of the identities that the vat had before: vat id → record.
const bucketFormer = "former"

// maxFormers is how many of them a vat may have: each lookup that finds nothing hashes once for each.
const maxFormers = 16

// former is an identity that the vat had before. Sturdyrefs that were minted then name it, the swiss table has
// hashes with its id, and the store sturdyrefs sealed under its key.
type former struct {
	id    crypto.VatID
	since time.Time // when the vat got another
	until time.Time // when it is retired
	key   [32]byte  // its store key
	aead  cipher.AEAD

	// Guarded by the machine right once the vat runs.
	identity *crypto.Identity // nil: it is retired
	left     bool             // … but the store, which was full, has the key yet
}

const (
	formerFormat = 1
	sealedKey    = chacha20poly1305.NonceSizeX + 32 + chacha20poly1305.Overhead
)

// encode gives the record of f for the store of a vat that is by now.
func (f *former) encode(by *crypto.Identity) []byte {
	b := appendTime(appendTime([]byte{formerFormat}, f.since), f.until)
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	_, _ = rand.Read(nonce) // it never fails
	b = append(b, nonce...)
	b = storeAEAD(by.StoreKey()).Seal(b, nonce, f.key[:], formerAD(f.id))
	if f.identity != nil {
		b = append(b, by.Seal(f.identity)...)
	}
	return b
}

// decodeFormer reads a record of the store of a vat that is by now.
func decodeFormer(id, b []byte, by *crypto.Identity) (*former, error) {
	damaged := fmt.Errorf("%w: the record of a former identity", errDamaged)
	if len(id) != len(crypto.VatID{}) {
		return nil, damaged
	}
	f := &former{id: crypto.VatID(id)}
	in := cutter{b: b}
	format := in.byte()
	f.since, f.until = in.time(), in.time()
	nonce, box := in.take(chacha20poly1305.NonceSizeX), in.take(sealedKey-chacha20poly1305.NonceSizeX)
	if in.bad || format != formerFormat {
		return nil, damaged
	}
	key, err := storeAEAD(by.StoreKey()).Open(nil, nonce, box, formerAD(f.id))
	if err != nil {
		return nil, damaged
	}
	f.key = [32]byte(key)
	f.aead = storeAEAD(f.key)
	if len(in.b) > 0 {
		if f.identity, err = by.Unseal(in.b, f.id); err != nil {
			return nil, damaged
		}
	}
	return f, nil
}

// storeAEAD is what is sealed with under a store key.
func storeAEAD(key [32]byte) cipher.AEAD {
	aead, _ := chacha20poly1305.NewX(key[:]) // it fails for keys of other sizes only
	return aead
}

func formerAD(id crypto.VatID) []byte { return append([]byte("vatnet v1 former store key"), id[:]...) }

// loadFormers reads the former identities of a vat that is by now, the youngest first.
func loadFormers(s store.Store, by *crypto.Identity) (list []*former, err error) {
	shot, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shot.Close()) }()
	records := shot.Cursor(bucketFormer)
	for records.Next() {
		f, err := decodeFormer(records.Key(), records.Value(), by)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b *former) int { return b.since.Compare(a.since) })
	return list, records.Err()
}

// readFormers reads what the vat was before, and retires what is due.
func (d *durable) readFormers(id *crypto.Identity) error {
	formers, err := loadFormers(d.store, id)
	if err != nil {
		return fmt.Errorf("vat: reading the former identities: %w", err)
	}
	var b store.Batch
	for _, f := range formers {
		if f.identity != nil && !d.core.now().Before(f.until) {
			f.identity, f.left = nil, true
			b.Put(bucketFormer, f.id[:], f.encode(id))
		}
	}
	if b.Len() > 0 {
		switch err := d.store.Commit(&b); {
		case errors.Is(err, store.ErrFull): // it is not answered to, and the next start comes to it
			d.core.log.Warn("vat: the store keeps the key of a former identity, whose grace is over", "error", err)
		case err != nil:
			return fmt.Errorf("vat: retiring a former identity: %w", err)
		default:
			for _, f := range formers {
				f.left = false
			}
		}
	}
	d.identity, d.core.formers = id, formers
	return nil
}

// answerFormers has the vat answer to its former identities until they are retired.
func (v *Vat) answerFormers() error {
	c := v.core
	for _, f := range c.formers {
		if f.identity == nil {
			continue
		}
		if err := v.links.Answer(f.identity, crypto.FeatureFormer); err != nil {
			return fmt.Errorf("vat: answering to a former identity: %w", err)
		}
		c.lock()
		c.at(f.until, func() { v.retireLater(f) })
		c.leave()
	}
	return nil
}

// retireLater retires f, whose grace is over. Machine right.
func (v *Vat) retireLater(f *former) {
	c := v.core
	if c.refused != nil {
		return // the next incarnation does
	}
	v.goroutines.Add(1)
	go func() {
		defer v.goroutines.Done()
		if err := v.RetireFormer(f.id); err != nil {
			c.log.Error("vat: a former identity was not retired", "id", f.id.Short(), "error", err)
		}
	}()
}

// Former is an identity that a vat had before [RotateIdentity] gave it another.
type Former struct {
	ID    crypto.VatID
	Since time.Time // when the vat got another one
	Until time.Time // the vat answers to it until then; zero: it does not any more
}

// Formers returns the identities that the vat had before, the youngest first. It is empty for a vat without a
// store.
func (v *Vat) Formers() []Former {
	c := v.core
	c.lock()
	defer c.unlock()
	var list []Former
	for _, f := range c.formers {
		public := Former{ID: f.id, Since: f.since}
		if f.identity != nil {
			public.Until = f.until
		}
		list = append(list, public)
	}
	return list
}

// RetireFormer has the vat answer to an identity that it had before no more, for ever: its key is removed
// from the store, and sessions in which others dialled it end. A sturdyref that names it leads nowhere from then on, with
// ErrWrongVat; its secret stays good in one that names the present identity. More than once is as once.
//
// Errors: ErrNoStore; ErrNoFormer if the vat never was id, or still is; ErrNotStored, ErrStoreFailed, after which the vat does not answer
// to it any more but the next incarnation may; ErrClosed. Inside of a turn, as it waits, ErrInTurn.
func (v *Vat) RetireFormer(id crypto.VatID) error {
	c := v.core
	if c.dur == nil {
		return ErrNoStore
	}
	if inTurn() {
		return c.refuseInTurn("RetireFormer")
	}
	f := c.formerOf(id)
	if f == nil {
		return ErrNoFormer
	}
	v.links.Retire(id)
	c.lock()
	over := f.identity == nil && !f.left
	c.unlock()
	if over {
		return nil
	}
	return c.submit(&retirement{c, f})
}

// retirement takes the key of a former identity out of the store.
type retirement struct {
	core *core
	f    *former
}

func (r *retirement) lasting() bool        { return true }
func (r *retirement) begin() error         { return nil }
func (r *retirement) apply(*core)          { r.f.identity, r.f.left = nil, false }
func (r *retirement) undo(*core, *carried) {}

func (r *retirement) stage(to changes) {
	gone := *r.f
	gone.identity, gone.until = nil, r.core.now()
	to.Put(bucketFormer, gone.id[:], gone.encode(r.core.dur.identity))
}

// formerOf returns the former identity that has an id, nil if there is none.
func (c *core) formerOf(id crypto.VatID) *former {
	for _, f := range c.formers {
		if f.id == id {
			return f
		}
	}
	return nil
}

// is reports whether an id is this vat's, now or before.
func (c *core) is(id crypto.VatID) bool { return id == c.id || c.formerOf(id) != nil }

// hashOf returns the hash under which the table has a secret, if it has it. Machine right.
func (c *core) hashOf(secret *[sturdyref.SwissnumSize]byte) sturdyref.SwissHash {
	hash := sturdyref.HashSwissnum(c.id, secret)
	for _, f := range c.formers {
		if c.table[hash] != nil {
			break
		}
		hash = sturdyref.HashSwissnum(f.id, secret)
	}
	return hash
}

// hashOfRef is hashOf for a sturdyref of this vat's. Machine right.
func (c *core) hashOfRef(r sturdyref.Ref) sturdyref.SwissHash {
	secret := r.Swissnum().Reveal()
	return c.hashOf(&secret)
}
