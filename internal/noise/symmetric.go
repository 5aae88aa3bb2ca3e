package noise

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// Hash is a Noise hash function (§4.3).
type Hash struct {
	Name string
	New  func() hash.Hash
}

// SHA256 is the hash of our suite.
var SHA256 = &Hash{Name: "SHA256", New: sha256.New}

// symmetric is Noise's SymmetricState (§5.2): the chaining key, the hash of the
// transcript, and the cipher once there is a key.
type symmetric struct {
	hash   *Hash
	cipher *Cipher
	ck, h  []byte
	cs     *CipherState // nil before the first mixKey
}

func newSymmetric(protocol string, hash *Hash, cipher *Cipher) *symmetric {
	s := &symmetric{hash: hash, cipher: cipher}
	if n := hash.New().Size(); len(protocol) <= n {
		s.h = make([]byte, n)
		copy(s.h, protocol)
	} else {
		s.h = s.sum([]byte(protocol))
	}
	s.ck = append([]byte(nil), s.h...)
	return s
}

func (s *symmetric) sum(parts ...[]byte) []byte {
	h := s.hash.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// hkdf gives the two outputs of Noise's HKDF (§4.3), each of the hash's length.
func (s *symmetric) hkdf(input []byte) (out1, out2 []byte) {
	mac := func(key []byte, parts ...[]byte) []byte {
		m := hmac.New(s.hash.New, key)
		for _, p := range parts {
			m.Write(p)
		}
		return m.Sum(nil)
	}
	temp := mac(s.ck, input)
	out1 = mac(temp, []byte{1})
	return out1, mac(temp, out1, []byte{2})
}

func (s *symmetric) mixHash(data []byte) { s.h = s.sum(s.h, data) }

func (s *symmetric) mixKey(input []byte) {
	ck, k := s.hkdf(input)
	s.ck = ck
	s.cs = NewCipherState(s.cipher, [KeySize]byte(k[:KeySize]))
}

func (s *symmetric) encryptAndHash(dst, plaintext []byte) ([]byte, error) {
	start := len(dst)
	if s.cs == nil {
		dst = append(dst, plaintext...)
	} else {
		var err error
		if dst, err = s.cs.Encrypt(dst, s.h, plaintext); err != nil {
			return nil, err
		}
	}
	s.mixHash(dst[start:])
	return dst, nil
}

func (s *symmetric) decryptAndHash(dst, ciphertext []byte) ([]byte, error) {
	if s.cs == nil {
		dst = append(dst, ciphertext...)
	} else {
		var err error
		if dst, err = s.cs.Decrypt(dst, s.h, ciphertext); err != nil {
			return nil, err
		}
	}
	s.mixHash(ciphertext)
	return dst, nil
}

// overhead is what encryptAndHash adds now.
func (s *symmetric) overhead() int {
	if s.cs == nil {
		return 0
	}
	return TagSize
}

func (s *symmetric) split() (c1, c2 *CipherState) {
	k1, k2 := s.hkdf(nil)
	return NewCipherState(s.cipher, [KeySize]byte(k1[:KeySize])), NewCipherState(s.cipher, [KeySize]byte(k2[:KeySize]))
}
