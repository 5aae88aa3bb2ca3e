package crypto

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	staticLabel = "vatnet v1 static key"
	storeLabel  = "vatnet v1 store key"
	formerLabel = "vatnet v1 former key"
	formerAD    = "vatnet v1 former seed"
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

// SealedIdentitySize is the length of what Identity.Seal gives.
const SealedIdentitySize = chacha20poly1305.NonceSizeX + 32 + chacha20poly1305.Overhead

// Seal seals a former identity of the vat under the present one, id: only who has that can have it
// back, with Identity.Unseal. Each call gives other bytes.
func (id Identity) Seal(former *Identity) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSizeX, SealedIdentitySize)
	rand.Read(nonce) // never fails: it ends the program instead
	seed := former.secrets().seed
	return id.formerAEAD().Seal(nonce, nonce, seed[:], []byte(formerAD))
}

// Unseal gives the identity of the vat former, which was sealed under id. It fails with ErrKeyFile if
// the bytes were altered, sealed under another identity, or hold another one.
func (id Identity) Unseal(sealed []byte, former VatID) (*Identity, error) {
	if len(sealed) != SealedIdentitySize {
		return nil, ErrKeyFile
	}
	nonce, box := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	seed, err := id.formerAEAD().Open(nil, nonce, box, []byte(formerAD))
	if err != nil {
		return nil, ErrKeyFile
	}
	back := IdentityFromSeed([32]byte(seed))
	if back.id != former {
		return nil, ErrKeyFile
	}
	return back, nil
}

func (id Identity) formerAEAD() cipher.AEAD {
	key := derive(id.secrets().seed, formerLabel)
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("crypto: XChaCha20-Poly1305 refuses a key of 32 bytes: " + err.Error())
	}
	return aead
}

// String gives the redacted form.
func (id Identity) String() string { return "crypto.Identity(" + id.id.Short() + ")" }

// Format writes the redacted form, whatever the verb.
func (id Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// LogValue gives the redacted form to slog.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalText gives the redacted form, which also JSON uses. It cannot be read back.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
