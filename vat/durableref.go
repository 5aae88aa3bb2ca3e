package vat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/value"
	"github.com/vatnet/vatnet/sturdyref"
)

// ref returns the reference with an index.
func (v *reviver) ref(index uint32) (*keptRef, error) {
	if uint64(index) >= uint64(len(v.refs)) {
		return nil, fmt.Errorf("%w: a record has no such reference", errDamaged)
	}
	return &v.refs[index], nil
}

// DecodeRef implements value.DecodeHooks.
func (v *reviver) DecodeRef(index uint32, _ bool, into reflect.Value) error {
	k, err := v.ref(index)
	if err != nil {
		return err
	}
	if into.Type() == refType {
		r, err := v.dur.revive(k)
		if err == nil {
			into.Set(reflect.ValueOf(r))
		}
		return err
	}
	if k.kind != keptNear {
		return fmt.Errorf("a reference that is far, broken, or came of a grant cannot be had as %s: use *vat.Ref", into.Type())
	}
	r, err := v.dur.find(k.id)
	switch {
	case err != nil:
		return err
	case r.obj.Type() != into.Type():
		return fmt.Errorf("the object is a %s and no %s", r.obj.Type(), into.Type())
	}
	if !r.loaded {
		v.dur.loads = append(v.dur.loads, r)
	}
	v.dur.touched = append(v.dur.touched, r)
	into.Set(r.obj)
	return nil
}

// AnyRef implements value.DecodeHooks.
func (v *reviver) AnyRef(index uint32, _ bool) (any, error) {
	k, err := v.ref(index)
	if err != nil {
		return nil, err
	}
	return v.dur.revive(k)
}

// DecodeData implements value.DecodeHooks.
func (v *reviver) DecodeData(_ *value.Decoder, _ capn.Ptr, into reflect.Value) error {
	return fmt.Errorf("plain data cannot be had as %s", into.Type())
}

// DecodeError implements value.DecodeHooks.
func (v *reviver) DecodeError(code, text string) error {
	return &Error{Code: code, Text: text, remote: true}
}

// DecodeSturdyref implements value.DecodeHooks.
func (v *reviver) DecodeSturdyref(kept string, into reflect.Value) error {
	r, err := v.sturdyref(kept)
	if err == nil {
		into.Set(reflect.ValueOf(r))
	}
	return err
}

// AnySturdyref implements value.DecodeHooks.
func (v *reviver) AnySturdyref(kept string) (any, error) { return v.sturdyref(kept) }

// Settled implements value.DecodeHooks.
func (v *reviver) Settled(uint32) (p capn.Ptr, h value.DecodeHooks, ok bool) { return p, nil, false }

func (v *reviver) sturdyref(kept string) (r sturdyref.Ref, err error) {
	sealed, err := base64.StdEncoding.DecodeString(kept)
	if err != nil {
		return r, fmt.Errorf("%w: a kept sturdyref", errDamaged)
	}
	return v.dur.unseal(sealed)
}

// revive makes a reference of what was kept of one. A far one is enlivened when it is first
// used.
func (d *durable) revive(k *keptRef) (*Ref, error) {
	c := d.core
	switch k.kind {
	case keptNear, keptGranted:
		r, err := d.find(k.id)
		if err != nil {
			return nil, err
		}
		c.lock()
		defer c.leave()
		if k.kind == keptNear {
			return c.newRef(r.self.ref(nil)), nil
		}
		g := c.table[sturdyref.SwissHash(k.grant)]
		if g == nil { // it has ended
			return c.newRef(c.machine.BrokenRef(toWire(ErrRevoked))), nil
		}
		return c.newRef(r.self.ref(g.grant)), nil
	case keptFar:
		sr, err := d.unseal(k.sealed)
		if err != nil {
			return nil, err
		}
		c.lock()
		defer c.leave()
		r := c.newRef(c.machine.NewPromise())
		r.ref.Mark(sr)
		r.keep = keepAsleep
		return r, nil
	}
	c.lock()
	defer c.leave()
	return c.newRef(c.machine.BrokenRef(k.why)), nil
}

// keep says whether a reference is a far one in a field of a durable object, which leads to
// what it does for longer than a session lasts.
//
//	           recorded                     used
//	keepNone ────────────▶ keepAwake ◀──────────────── keepAsleep ◀── revived
//	                         ▲     │ used, after its
//	                         └─────┘ session has ended
type keep uint8

const (
	keepNone keep = iota
	keepAwake
	keepAsleep // it is a promise, and to be enlivened when it is used
)

// heal has a kept reference enlivened if it is asleep, or was broken by the end of its session:
// what is sent on it from now on goes the new way. Machine right.
func (h *hold) heal(c *core) {
	if h.keep == keepAwake {
		err := h.ref.Err()
		if err == nil || err.Kind != captp.Disconnected || c.refused != nil {
			return
		}
		broken := h.ref
		h.ref = c.machine.NewPromise()
		h.ref.Mark(broken.Origin())
		broken.Release()
	}
	h.keep = keepAwake
	c.enlivenAs(h.ref.Retain(), h.ref.Origin().(sturdyref.Ref))
}

// seal makes of a sturdyref what may be on the disk: whoever has the store has nothing. Equal
// ones look the same, so that a record changes only if what it says does. Who told of
// it is kept, too: it does not become the program's own by a restart.
func (d *durable) seal(r sturdyref.Ref) []byte {
	plain := []byte{0}
	if donor, told := r.Donor(); told {
		plain = append([]byte{1}, donor[:]...)
	}
	plain = append(plain, r.URI()...)
	mac := hmac.New(sha256.New, d.key[:])
	mac.Write([]byte("vatnet v1 kept sturdyref"))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:chacha20poly1305.NonceSizeX]
	return d.aead.Seal(nonce, nonce, plain, nil)
}

// unseal is the reverse.
func (d *durable) unseal(sealed []byte) (r sturdyref.Ref, err error) {
	in := cutter{b: sealed}
	nonce := in.take(chacha20poly1305.NonceSizeX)
	if in.bad {
		return r, fmt.Errorf("%w: a kept sturdyref", errDamaged)
	}
	plain, err := d.aead.Open(nil, nonce, in.b, nil)
	for _, f := range d.core.formers {
		if err != nil {
			plain, err = f.aead.Open(nil, nonce, in.b, nil)
		}
	}
	if err != nil {
		return r, fmt.Errorf("%w: a kept sturdyref, or the vat has another key", errDamaged)
	}
	in = cutter{b: plain}
	if in.byte() == 0 {
		return sturdyref.Parse(string(in.b))
	}
	var donor crypto.VatID
	copy(donor[:], in.take(uint64(len(donor))))
	return sturdyref.ParseTold(string(in.b), donor)
}
