package vat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/value"
)

// verbIdentify is the verb by which every object says which one it is.
const verbIdentify = "__identify"

// saltSize is the size of what keys depend on, beside the object.
const saltSize = 32

// Key stands for an object in maps: keys that the same vat got from [Identify] are equal if and only if they are of the
// same object. It means nothing to other vats, confers no authority, and does not outlive the object's vat, nor the one
// that asked. The zero value is no object's.
type Key struct {
	Vat    crypto.VatID // whose the object is
	Object [32]byte     // which of that vat's, as only that vat can tell
}

// IsZero reports whether k is no object's key.
func (k Key) IsZero() bool { return k == Key{} }

// String returns a short form for logs.
func (k Key) String() string { return k.Vat.Short() + "/" + hex.EncodeToString(k.Object[:4]) + "…" }

// Same asks whether a and b designate the same object, whichever vats and grants they came through. It waits until both
// are settled, or one is broken. Objects that only stand for others are taken for those if they pass the question on, as a
// pattern.Caretaker does; a facet or a membrane's wrapper is an object of its own.
//
// The answer is as good as the vats that the references lead through: a vat may have an object of its own pass for one
// that it has itself a reference to. What must not be mistaken is for its host to compare (see [Near]).
//
// Errors: those of [Call]; ErrNotObject if one of the two is data; ErrBadResult if what was asked has no answer. Inside of
// a turn it is for [Go]:
//
//	same := vat.Go(v, func(ctx context.Context) (bool, error) { return vat.Same(ctx, a, b) })
func Same(ctx context.Context, a, b Target) (bool, error) {
	c := a.owner()
	switch {
	case b.owner() != c:
		return false, ErrOtherVat
	case inTurn():
		return false, c.refuseInTurn("Same")
	case c.one(a, b):
		return true, nil
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	first, second := Send[Key](a, verbIdentify, salt), Send[Key](b, verbIdentify, salt)
	keys, err := All(c.vat, first, second).Await(ctx)
	if err != nil {
		first.Cancel()
		second.Cancel()
		return false, err
	}
	err = errors.Join(keys[0].check(), keys[1].check())
	return err == nil && keys[0] == keys[1], err
}

// Identify asks for the key of the object that t designates. It waits until t is settled. Errors, and what the answer is
// worth, are as with [Same].
func Identify(ctx context.Context, t Target) (Key, error) {
	c := t.owner()
	if inTurn() {
		return Key{}, c.refuseInTurn("Identify")
	}
	c.lock()
	salt := c.sameness.made(c).salt
	c.unlock()
	return identify(ctx, Send[Key](t, verbIdentify, salt[:]))
}

// identify waits for a key, or cancels the question.
func identify(ctx context.Context, asked *Promise[Key]) (Key, error) {
	key, err := asked.Await(ctx)
	if err != nil {
		asked.Cancel()
	} else {
		err = key.check()
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// check reports what is no key: a zero one could be taken for that of no object.
func (k Key) check() error {
	if k.Vat.IsZero() || k.Object == [32]byte{} {
		return fmt.Errorf("%w: it is no key", ErrBadResult)
	}
	return nil
}

// one reports whether a and b, settled, are one reference already here.
func (c *core) one(a, b Target) bool {
	c.lock()
	defer c.unlock()
	x, y := a.sendTo(), b.sendTo()
	state := x.State()
	return (state == captp.Near || state == captp.Far) && x.Settled() == y.Settled()
}

// sameness is how a vat tells its objects from each other, and those of others. Guarded by the machine right.
type sameness struct {
	ready bool
	key   [32]byte       // of what this vat answers
	salt  [saltSize]byte // of what it asks
	last  uint64         // the last object's number
}

// made returns s, filled. Machine right.
func (s *sameness) made(c *core) *sameness {
	if !s.ready {
		s.ready, s.key, s.salt = true, (*introducer)(c).Nonce(), (*introducer)(c).Nonce()
	}
	return s
}

// keyOf is the answer of h to __identify.
func (c *core) keyOf(h *hosted, salt []byte) Key {
	c.lock()
	s := c.sameness.made(c)
	if h.number == 0 {
		s.last++
		h.number = s.last
	}
	key, number := s.key, h.number
	c.unlock()
	k := Key{Vat: c.id}
	mac := hmac.New(sha256.New, key[:])
	mac.Write(salt) // of one size
	mac.Write(binary.BigEndian.AppendUint64(nil, number))
	mac.Sum(k.Object[:0])
	return k
}

// identify answers __identify.
func (d *delivery) identify(args value.Args, dec *decoder) error {
	var salt [saltSize]byte
	if n := args.Len(); n != 1 {
		return fmt.Errorf("%w: %s takes 1, not %d", ErrBadArguments, verbIdentify, n)
	}
	if err := args.Decode(&dec.val, 0, reflect.ValueOf(&salt).Elem()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBadArguments, verbIdentify, err)
	}
	return d.result(reflect.ValueOf(d.core.keyOf(d.t.obj.hosted, salt[:])))
}
