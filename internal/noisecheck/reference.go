package noisecheck

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/flynn/noise"
)

// hmacSHA256 and hkdf are RFC 2104 and RFC 5869 with one block.
func hmacSHA256(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func hkdf(seed []byte, info string) []byte {
	return hmacSHA256(hmacSHA256(make([]byte, 32), seed), []byte(info), []byte{1})
}

func sha(parts ...[]byte) []byte {
	h := noise.HashSHA256.Hash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// publicOf and agree are X25519.
func publicOf(private []byte) []byte {
	var public, secret x25519.Key
	copy(secret[:], private)
	x25519.KeyGen(&public, &secret)
	return public[:]
}

func agree(private, public []byte) []byte {
	var shared, secret, other x25519.Key
	copy(secret[:], private)
	copy(other[:], public)
	if !x25519.Shared(&shared, &secret, &other) {
		panic("low order")
	}
	return shared[:]
}

// vat is an identity after spec/identity.md.
type vat struct{ seed, static, store, id []byte }

func newVat(seed []byte) vat {
	static := hkdf(seed, "vatnet v1 static key")
	return vat{seed, static, hkdf(seed, "vatnet v1 store key"), publicOf(static)}
}

func (v vat) text() string {
	raw := append([]byte{1}, v.id...)
	raw = append(raw, sha([]byte("vatnet v1 vat id"), v.id)[:2]...)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
}

// transcript is a Noise symmetric state (§5.2), for SHA-256 and ChaChaPoly.
type transcript struct {
	h, ck  []byte
	cipher noise.Cipher
	n      uint64
}

func newTranscript(protocol string) *transcript {
	h := make([]byte, 32)
	if len(protocol) > 32 {
		h = sha([]byte(protocol))
	} else {
		copy(h, protocol)
	}
	return &transcript{h: h, ck: h}
}

func (t *transcript) mixHash(b []byte) []byte {
	t.h = sha(t.h, b)
	return b
}

func (t *transcript) mixKey(secret []byte) {
	temp := hmacSHA256(t.ck, secret)
	t.ck = hmacSHA256(temp, []byte{1})
	t.cipher, t.n = noise.CipherChaChaPoly.Cipher([32]byte(hmacSHA256(temp, t.ck, []byte{2}))), 0
}

func (t *transcript) encryptAndHash(b []byte) []byte {
	if t.cipher != nil {
		b = t.cipher.Encrypt(nil, t.n, t.h, b)
		t.n++
	}
	return t.mixHash(b)
}

func (t *transcript) split() (k1, k2 []byte) {
	temp := hmacSHA256(t.ck)
	k1 = hmacSHA256(temp, []byte{1})
	return k1, hmacSHA256(temp, k1, []byte{2})
}

// private is everything random in a handshake.
type private struct {
	diallerEphemeral, responderEphemeral []byte // X25519 private keys
	kemSeed                              []byte // d ‖ z
	kemRandomness                        []byte // m
}

// kem gives the ML-KEM-768 encapsulation key, ciphertext and shared secret.
func (p private) kem() (ek, ciphertext, shared []byte) {
	public, secret := mlkem768.NewKeyFromSeed(p.kemSeed)
	ek = make([]byte, mlkem768.PublicKeySize)
	public.Pack(ek)
	ciphertext, shared = make([]byte, mlkem768.CiphertextSize), make([]byte, mlkem768.SharedKeySize)
	public.EncapsulateTo(ciphertext, shared, p.kemRandomness)
	back := make([]byte, mlkem768.SharedKeySize)
	secret.DecapsulateTo(back, ciphertext)
	if string(back) != string(shared) {
		panic("ML-KEM does not agree with itself")
	}
	return ek, ciphertext, shared
}

// result is a whole handshake after spec/handshake.md.
type result struct {
	message1, message2, message3, busy, hash, key1, key2 []byte
}

func handshake(dialler, responder vat, p private, payload2, payload3 []byte) (r result) {
	t := newTranscript("Noise_XKhfs_25519+MLKEM768_ChaChaPoly_SHA256")
	t.mixHash([]byte("vatnet v1 handshake\x01"))
	t.mixHash(responder.id)
	ek, ciphertext, shared := p.kem()
	e, re := publicOf(p.diallerEphemeral), publicOf(p.responderEphemeral)

	// → e, es, e1
	m := append([]byte{1}, t.mixHash(e)...)
	t.mixKey(agree(p.diallerEphemeral, responder.id))
	m = append(m, t.encryptAndHash(ek)...)
	m = append(m, t.encryptAndHash(nil)...)
	mac := hmacSHA256(sha([]byte("vatnet v1 knock"), responder.id), m)[:16]
	r.message1 = append(m, mac...)
	r.busy = hmacSHA256(sha([]byte("vatnet v1 busy"), responder.id), mac)[:16]

	// ← e, ee, ekem1
	m = append([]byte(nil), t.mixHash(re)...)
	t.mixKey(agree(p.responderEphemeral, e))
	m = append(m, t.encryptAndHash(ciphertext)...)
	t.mixKey(shared)
	r.message2 = append(m, t.encryptAndHash(payload2)...)

	// → s, se
	m = append([]byte(nil), t.encryptAndHash(dialler.id)...)
	t.mixKey(agree(dialler.static, re))
	r.message3 = append(m, t.encryptAndHash(payload3)...)

	r.hash = t.h
	r.key1, r.key2 = t.split()
	return r
}

// hello is what a side says about itself.
type hello struct {
	Min      uint16   `json:"min_version"`
	Max      uint16   `json:"max_version"`
	Features uint64   `json:"features"`
	Epoch    uint64   `json:"epoch"`
	Session  uint64   `json:"session"`
	Calls    uint32   `json:"credit_calls"`
	Bytes    uint64   `json:"credit_bytes"`
	Hints    []string `json:"hints"`
}

func (h hello) payload() []byte {
	b, err := binary.Append(nil, binary.BigEndian, struct {
		Min, Max                 uint16
		Features, Epoch, Session uint64
		Calls                    uint32
		Bytes                    uint64
		Hints                    uint8
	}{h.Min, h.Max, h.Features, h.Epoch, h.Session, h.Calls, h.Bytes, uint8(len(h.Hints))})
	if err != nil {
		panic(err)
	}
	for _, hint := range h.Hints {
		b = append(b, byte(len(hint)>>8), byte(len(hint)))
		b = append(b, hint...)
	}
	return b
}

// direction seals records after spec/records.md.
type direction struct {
	key []byte
	n   uint64
}

func (d *direction) seal(kind byte, body []byte, pad bool) ([]byte, error) {
	if len(body) > 65516 {
		return nil, errors.New("body too long")
	}
	if d.n != 0 && d.n%16384 == 0 {
		d.key = noise.CipherChaChaPoly.Cipher([32]byte(d.key)).Encrypt(nil, 1<<64-1, nil, make([]byte, 32))[:32]
	}
	plain := append([]byte{kind, byte(len(body) >> 8), byte(len(body))}, body...)
	if pad {
		l := len(plain)
		e := bits.Len(uint(l)) - 1
		s := bits.Len(uint(e))
		for l%(1<<(e-s)) != 0 && l < 65519 {
			l++
		}
		plain = append(plain, make([]byte, l-len(plain))...)
	}
	sealed := noise.CipherChaChaPoly.Cipher([32]byte(d.key)).Encrypt(nil, d.n, nil, plain)
	d.n++
	return append([]byte{byte(len(sealed) >> 8), byte(len(sealed))}, sealed...), nil
}
