package crypto

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

const (
	staticLabel = "vatnet v1 static key"
	storeLabel  = "vatnet v1 store key"
)

// Identity is a vat's private key: whoever has it is the vat. Every secret of the
// vat is derived from its seed of 32 random bytes.
//
// It prints as its short vat id under every format verb, in slog, and in JSON;
// the seed leaves it only through WriteKeyFile. It is immutable and safe for
// concurrent use. The zero Identity is invalid.
type Identity struct {
	// The secrets are behind a function because fmt prints what an unexported field
	// holds without asking it, and under a wrong verb follows pointers too.
	secrets func() *secrets
	id      VatID
}

type secrets struct {
	seed   [32]byte
	static *ecdh.PrivateKey // parsed once: rebuilding it recomputes the public key
}

// NewIdentity makes a fresh identity from the operating system's randomness.
func NewIdentity() (*Identity, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	return IdentityFromSeed(seed), nil
}

// IdentityFromSeed gives the identity of a seed: always the same for the same
// seed, which must be 32 random bytes and stay secret.
func IdentityFromSeed(seed [32]byte) *Identity {
	private := derive(seed, staticLabel)
	static, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		panic("crypto: X25519 refuses 32 bytes: " + err.Error()) // it takes any
	}
	s := &secrets{seed: seed, static: static}
	return &Identity{secrets: func() *secrets { return s }, id: VatID(static.PublicKey().Bytes())}
}

func derive(seed [32]byte, label string) [32]byte {
	key, err := hkdf.Key(sha256.New, seed[:], nil, label, 32)
	if err != nil {
		panic("crypto: HKDF refuses 32 bytes: " + err.Error()) // it gives up to 255 × 32
	}
	return [32]byte(key)
}

// VatID names the vat to others.
func (id Identity) VatID() VatID { return id.id }

// StoreKey is the key under which the vat seals what it keeps on disk.
func (id Identity) StoreKey() [32]byte { return derive(id.secrets().seed, storeLabel) }

// String gives the redacted form.
func (id Identity) String() string { return "crypto.Identity(" + id.id.Short() + ")" }

// Format writes the redacted form, whatever the verb.
func (id Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// LogValue gives the redacted form to slog.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalText gives the redacted form, which also JSON uses. It cannot be read back.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
