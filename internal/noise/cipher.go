package noise

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a cipher key, for every Noise cipher.
const KeySize = 32

// TagSize is what a cipher adds to a plaintext.
const TagSize = 16

// ErrAuth says that a ciphertext was not made with this key and nonce.
var ErrAuth = errors.New("noise: message does not authenticate")

// ErrNonce says that a key has used up its 2⁶⁴-1 nonces.
var ErrNonce = errors.New("noise: nonces exhausted")

// Cipher is a Noise cipher function (§4.2).
type Cipher struct {
	Name string
	// New makes the AEAD for a key of 32 bytes.
	New func(key []byte) (cipher.AEAD, error)
	// BigEndian says how the counter stands in the last 8 bytes of the nonce.
	BigEndian bool
}

// ChaChaPoly is the cipher of our suite (§12.3).
var ChaChaPoly = &Cipher{Name: "ChaChaPoly", New: chacha20poly1305.New}

// CipherState is a key with the counter of the messages that it has protected
// (§5.1). It allocates nothing per message. Not safe for concurrent use.
type CipherState struct {
	suite *Cipher
	aead  cipher.AEAD
	n     uint64
	nonce [12]byte // here, and not on the stack, so that it does not escape each time
	key   [KeySize]byte
}

// NewCipherState starts a counter of zero for key.
func NewCipherState(c *Cipher, key [KeySize]byte) *CipherState {
	s := &CipherState{suite: c}
	s.setKey(key)
	return s
}

func (s *CipherState) setKey(key [KeySize]byte) {
	aead, err := s.suite.New(key[:])
	if err != nil {
		panic("noise: cipher refuses a key of 32 bytes: " + err.Error()) // no cipher of ours does
	}
	s.aead, s.key = aead, key
}

// N is the number of messages protected so far, which is the next nonce.
func (s *CipherState) N() uint64 { return s.n }

// SetN moves the counter. It is for tests that stand at a boundary; going back
// would reuse a nonce.
func (s *CipherState) SetN(n uint64) { s.n = n }

// Key gives the current key, for known-answer tests.
func (s *CipherState) Key() [KeySize]byte { return s.key }

func (s *CipherState) setNonce(n uint64) []byte {
	if s.suite.BigEndian {
		binary.BigEndian.PutUint64(s.nonce[4:], n)
	} else {
		binary.LittleEndian.PutUint64(s.nonce[4:], n)
	}
	return s.nonce[:]
}

// Encrypt appends the ciphertext of plaintext to dst and steps the counter.
func (s *CipherState) Encrypt(dst, ad, plaintext []byte) ([]byte, error) {
	if s.n == math.MaxUint64 {
		return nil, ErrNonce
	}
	dst = s.aead.Seal(dst, s.setNonce(s.n), plaintext, ad)
	s.n++
	return dst, nil
}

// Decrypt appends the plaintext of ciphertext to dst and steps the counter; when
// it fails, the counter stands still.
func (s *CipherState) Decrypt(dst, ad, ciphertext []byte) ([]byte, error) {
	if s.n == math.MaxUint64 {
		return nil, ErrNonce
	}
	dst, err := s.aead.Open(dst, s.setNonce(s.n), ciphertext, ad)
	if err != nil {
		return nil, ErrAuth
	}
	s.n++
	return dst, nil
}

// Rekey replaces the key as §4.2 and §11.3 say; the counter runs on.
func (s *CipherState) Rekey() {
	var zeros, key [KeySize]byte
	out := s.aead.Seal(nil, s.setNonce(math.MaxUint64), zeros[:], nil)
	copy(key[:], out)
	s.setKey(key)
}

// Format writes that this is a key, whatever the verb, and not the key.
func (s *CipherState) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "noise.CipherState([redacted])")
}
