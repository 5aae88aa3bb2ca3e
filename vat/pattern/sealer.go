package pattern

import (
	"context"
	"errors"

	"github.com/vatnet/vatnet/vat"
)

// ErrNotSealed: the unsealer was given something that its sealer has not sealed.
var ErrNotSealed = vat.RegisterError("pattern.notsealed", errors.New("pattern: not a box of this sealer"))

// Sealer is an object with the verb seal, which puts a value into a box. Who has the box cannot look into
// it, pass it on though; the [Unsealer] that was made with the Sealer can. A Sealer can be public: boxes are
// then letters to whoever has the Unsealer. Or it is kept, and its boxes prove where they come from.
type Sealer struct {
	vat.Object
	brand *brand
}

// Unsealer is an object with the verb unseal, which opens the boxes of its [Sealer].
type Unsealer struct {
	vat.Object
	brand *brand
}

// Box is an object that holds a sealed value. Its one verb, present, shows it to its unsealer only.
type Box struct {
	vat.Object
	brand *brand
	value any
}

// brand is what a pair of sealer and unsealer shares.
type brand struct{ met meetings[Box] }

// NewSealer makes a sealer and its unsealer. Both belong to one vat, which is where the boxes are opened and
// where the values are that are in them.
func NewSealer() (*Sealer, *Unsealer) {
	b := &brand{}
	return &Sealer{brand: b}, &Unsealer{brand: b}
}

// Seal is the verb seal: it puts a value, which may hold references, into a box.
func (s *Sealer) Seal(value any) *Box { return &Box{brand: s.brand, value: value} }

// Unseal is the verb unseal: it gives what is in a box, or ErrNotSealed. The box may be a promise.
func (u *Unsealer) Unseal(ctx context.Context, box *vat.Ref) (any, error) {
	return u.brand.met.meet(ctx, box, func(b *Box) (any, error) {
		if b == nil || b.brand != u.brand {
			return nil, ErrNotSealed
		}
		return b.value, nil
	})
}

// Present is the verb present, by which the unsealer finds a box that it has not near.
func (b *Box) Present(nonce string) { b.brand.met.present(nonce, b) }
