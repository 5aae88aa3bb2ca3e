package value

import (
	"reflect"

	"github.com/vatnet/vatnet/internal/capn"
)

// Claim says what a Go type is to those who know about references.
type Claim uint8

// The claims.
const (
	Unclaimed      Claim = iota // an ordinary type
	ClaimRef                    // a reference, a promise, an object: EncodeRef, DecodeRef
	ClaimSturdyref              // a sturdyref: EncodeSturdyref, DecodeSturdyref
)

// EncodeHooks is asked for what is not plain data. A nil EncodeHooks refuses
// references and sturdyrefs, and sends errors by their text.
type EncodeHooks interface {
	// EncodeRef is asked for every value whose type is claimed as ClaimRef. It
	// returns the index of the reference in the capability table, and whether it
	// may turn out to be data; or null to send null. An error fails the send.
	EncodeRef(v reflect.Value) (index uint32, promise, null bool, err error)
	// EncodeError describes an error value: the code by which programs recognise
	// it, or "", and the text that people read.
	EncodeError(err error) (code, text string)
	// EncodeSturdyref gives the URI of a value whose type is claimed as
	// ClaimSturdyref; "" sends null.
	EncodeSturdyref(v reflect.Value) (uri string, err error)
}

// DecodeHooks is asked for what is not plain data. A nil DecodeHooks refuses
// references and sturdyrefs, and makes errors of their text.
type DecodeHooks interface {
	// DecodeRef puts a reference into a value whose type is claimed as ClaimRef.
	DecodeRef(index uint32, promise bool, into reflect.Value) error
	// DecodeData puts plain data, not null, into a value whose type is claimed as
	// ClaimRef: where a promise is wanted, the data settles it. d.Decode reads v.
	DecodeData(d *Decoder, v capn.Ptr, into reflect.Value) error
	// AnyRef gives what an `any` receives for a reference.
	AnyRef(index uint32, promise bool) (any, error)
	// DecodeError gives the error value for a code ("" if it has none) and a text.
	DecodeError(code, text string) error
	// DecodeSturdyref puts a sturdyref into a value whose type is claimed as ClaimSturdyref.
	DecodeSturdyref(uri string, into reflect.Value) error
	// AnySturdyref gives what an `any` receives for a sturdyref.
	AnySturdyref(uri string) (any, error)
	// Settled is asked where plain data is wanted and a reference came. If that
	// reference has settled to data, Settled returns the Value and the hooks for the
	// references in it, whose indexes are those of another message. See ScanPromises.
	Settled(index uint32) (v capn.Ptr, h DecodeHooks, ok bool)
}
