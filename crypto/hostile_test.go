package crypto

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/chacha20poly1305"
)

// hostile is one side's transcript of our one suite, written out by hand, in which
// every key and every secret can be lied about. The engine cannot lie.
type hostile struct {
	h, ck, k []byte
	n        uint64
}

func newHostile(responder VatID) *hostile {
	s := &hostile{h: hash([]byte(Suite))}
	s.ck = s.h
	s.mixHash(prologue())
	s.mixHash(responder[:])
	return s
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func hmacSum(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func (s *hostile) mixHash(data []byte) { s.h = hash(s.h, data) }

func (s *hostile) mixKey(secret []byte) {
	temp := hmacSum(s.ck, secret)
	s.ck = hmacSum(temp, []byte{1})
	s.k, s.n = hmacSum(temp, s.ck, []byte{2}), 0
}

func (s *hostile) nonce() []byte {
	nonce := binary.LittleEndian.AppendUint64(make([]byte, 4, 12), s.n)
	s.n++
	return nonce
}

func (s *hostile) encrypt(plaintext []byte) []byte {
	aead, err := chacha20poly1305.New(s.k)
	if err != nil {
		panic(err)
	}
	out := aead.Seal(nil, s.nonce(), plaintext, s.h)
	s.mixHash(out)
	return out
}

func (s *hostile) decrypt(ciphertext []byte) []byte {
	aead, err := chacha20poly1305.New(s.k)
	if err != nil {
		panic(err)
	}
	out, err := aead.Open(nil, s.nonce(), ciphertext, s.h)
	if err != nil {
		panic("the hostile side is wrong itself")
	}
	s.mixHash(ciphertext)
	return out
}

// message1 makes message 1 with any claim: ephemeral key, es secret, KEM key.
func (s *hostile) message1(responder VatID, version byte, ephemeral, es, kem, payload []byte) []byte {
	s.mixHash(ephemeral)
	out := append([]byte{version}, ephemeral...)
	s.mixKey(es)
	out = append(out, s.encrypt(kem)...)
	out = append(out, s.encrypt(payload)...)
	return knocked(responder, out)
}

// knocked appends the MAC that anybody can make who knows the vat id.
func knocked(responder VatID, body []byte) []byte {
	return append(body[:len(body):len(body)], knockMAC(responder, knockLabel, body)...)
}

// readMessage2 follows an honest message 2.
func (s *hostile) readMessage2(in []byte, ephemeral *ecdh.PrivateKey, kem *mlkem.DecapsulationKey768) (theirs *ecdh.PublicKey) {
	theirs = publicKey(in[:32])
	s.mixHash(in[:32])
	s.mixKey(agree(ephemeral, theirs))
	ciphertext := s.decrypt(in[32 : 32+1104])
	shared, err := kem.Decapsulate(ciphertext)
	if err != nil {
		panic(err)
	}
	s.mixKey(shared)
	s.decrypt(in[32+1104:])
	return theirs
}

// message3 makes message 3 with any claim: static key, se secret.
func (s *hostile) message3(static, se, payload []byte) []byte {
	out := s.encrypt(static)
	s.mixKey(se)
	return append(out, s.encrypt(payload)...)
}

// readMessage1 follows an honest message 1 as the vat whose key is static.
func (s *hostile) readMessage1(in []byte, static *ecdh.PrivateKey) (theirs *ecdh.PublicKey, kem *mlkem.EncapsulationKey768) {
	theirs = publicKey(in[1:33])
	s.mixHash(in[1:33])
	s.mixKey(agree(static, theirs))
	kem, err := mlkem.NewEncapsulationKey768(s.decrypt(in[33 : 33+1200]))
	if err != nil {
		panic(err)
	}
	s.decrypt(in[33+1200 : 33+1200+16])
	return theirs, kem
}

// message2 makes message 2 with any claim.
func (s *hostile) message2(ephemeral, ee, ciphertext, shared, payload []byte) []byte {
	s.mixHash(ephemeral)
	out := bytes.Clone(ephemeral)
	s.mixKey(ee)
	out = append(out, s.encrypt(ciphertext)...)
	s.mixKey(shared)
	return append(out, s.encrypt(payload)...)
}

func publicKey(b []byte) *ecdh.PublicKey {
	k, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		panic(err)
	}
	return k
}

func privateKey(fill byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		panic(err)
	}
	return k
}

// private reads a private key of a known answer.
func private(t testing.TB, b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	require.NoError(t, err)
	return k
}

func kemKey(fill byte) *mlkem.DecapsulationKey768 {
	k, err := mlkem.NewDecapsulationKey768(bytes.Repeat([]byte{fill}, 64))
	if err != nil {
		panic(err)
	}
	return k
}

func agree(private *ecdh.PrivateKey, public *ecdh.PublicKey) []byte {
	secret, err := private.ECDH(public)
	if err != nil {
		panic(err)
	}
	return secret
}
