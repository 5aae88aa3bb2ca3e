package noise

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// DHSize is the length of an X25519 public key.
const DHSize = 32

// MaxMessage is the length of the longest Noise message (§3).
const MaxMessage = 65535

// What Handshake.Write and Handshake.Read can say, besides ErrAuth.
var (
	ErrShort = errors.New("noise: message is too short or too long")
	ErrKey   = errors.New("noise: a public key is unusable")
	ErrTurn  = errors.New("noise: not this side's turn, or the handshake is over")
)

// Config says what a handshake runs and with what. Pattern is required, and
// the static keys that the pattern asks for; the rest has useful zero values.
type Config struct {
	Pattern   *Pattern
	Hash      *Hash   // nil: SHA256
	Cipher    *Cipher // nil: ChaChaPoly
	Initiator bool
	Prologue  []byte           // what both sides must agree on without sending it
	Static    *ecdh.PrivateKey // this side's lasting key
	Peer      *ecdh.PublicKey  // the other side's, where the pattern knows it beforehand

	// The three sources of randomness, nil for the operating system's. Only
	// known-answer tests set them.
	Ephemeral   *ecdh.PrivateKey
	KEM         *mlkem.DecapsulationKey768
	Encapsulate func(*mlkem.EncapsulationKey768) (shared, ciphertext []byte)
}

// Handshake is one side of a handshake in progress (§5.3). Not safe for
// concurrent use.
type Handshake struct {
	cfg  Config
	sym  *symmetric
	e    *ecdh.PrivateKey
	rs   *ecdh.PublicKey // the peer's static key, once known
	re   *ecdh.PublicKey
	kem  *mlkem.DecapsulationKey768
	rek  *mlkem.EncapsulationKey768
	next int   // index of the next message
	err  error // the first error, which is final
}

// New starts a handshake. It fails when a key is missing that the pattern needs.
func New(cfg *Config) (*Handshake, error) {
	h := &Handshake{cfg: *cfg, rs: cfg.Peer, kem: cfg.KEM}
	if h.cfg.Hash == nil {
		h.cfg.Hash = SHA256
	}
	if h.cfg.Cipher == nil {
		h.cfg.Cipher = ChaChaPoly
	}
	p := h.cfg.Pattern
	h.sym = newSymmetric(ProtocolName(p, h.cfg.Cipher, h.cfg.Hash), h.cfg.Hash, h.cfg.Cipher)
	h.sym.mixHash(cfg.Prologue)
	for _, pre := range []struct{ known, mine bool }{{p.InitPre, cfg.Initiator}, {p.RespPre, !cfg.Initiator}} {
		switch {
		case !pre.known:
		case pre.mine && cfg.Static != nil:
			h.sym.mixHash(cfg.Static.PublicKey().Bytes())
		case !pre.mine && cfg.Peer != nil:
			h.sym.mixHash(cfg.Peer.Bytes())
		default:
			return nil, ErrKey
		}
	}
	return h, nil
}

// ProtocolName is the Noise name of a pattern with a suite.
func ProtocolName(p *Pattern, c *Cipher, h *Hash) string {
	dh := "25519"
	if p.Hybrid() {
		dh = "25519+MLKEM768"
	}
	return "Noise_" + p.Name + "_" + dh + "_" + c.Name + "_" + h.Name
}

// Done reports whether all messages have passed without an error.
func (h *Handshake) Done() bool { return h.err == nil && h.next == len(h.cfg.Pattern.Messages) }

// Peer is the other side's static key, nil as long as it is not known.
func (h *Handshake) Peer() *ecdh.PublicKey { return h.rs }

// Transcript is the handshake hash, which names the session once Done (§11.2).
func (h *Handshake) Transcript() []byte { return append([]byte(nil), h.sym.h...) }

// Split gives the ciphers for what follows a handshake that is Done. It may be
// called once; the handshake is of no use after it.
func (h *Handshake) Split() (send, receive *CipherState, err error) {
	if !h.Done() {
		return nil, nil, ErrTurn
	}
	h.err = ErrTurn
	send, receive = h.sym.split()
	if !h.cfg.Initiator {
		send, receive = receive, send
	}
	return send, receive, nil
}

// begin gives the tokens of the next message if it is this side's turn.
func (h *Handshake) begin(write bool) ([]Token, error) {
	if h.err != nil {
		return nil, h.err
	}
	mine := (h.next%2 == 0) == h.cfg.Initiator
	if h.next == len(h.cfg.Pattern.Messages) || mine != write {
		return nil, ErrTurn
	}
	return h.cfg.Pattern.Messages[h.next], nil
}

// Write appends the next message, carrying payload, to dst.
func (h *Handshake) Write(dst, payload []byte) ([]byte, error) {
	tokens, err := h.begin(true)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	for _, t := range tokens {
		if dst, err = h.writeToken(dst, t); err != nil {
			break
		}
	}
	if err == nil {
		dst, err = h.sym.encryptAndHash(dst, payload)
	}
	if err == nil && len(dst)-start > MaxMessage {
		err = ErrShort
	}
	if err != nil {
		h.err = err
		return nil, err
	}
	h.next++
	return dst, nil
}

func (h *Handshake) writeToken(dst []byte, t Token) ([]byte, error) {
	switch t {
	case E:
		if h.e = h.cfg.Ephemeral; h.e == nil {
			var err error
			if h.e, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
				return nil, err
			}
		}
		pub := h.e.PublicKey().Bytes()
		h.sym.mixHash(pub)
		return append(dst, pub...), nil
	case S:
		if h.cfg.Static == nil {
			return nil, ErrKey
		}
		return h.sym.encryptAndHash(dst, h.cfg.Static.PublicKey().Bytes())
	case E1:
		if h.kem == nil {
			var err error
			if h.kem, err = mlkem.GenerateKey768(); err != nil {
				return nil, err
			}
		}
		return h.sym.encryptAndHash(dst, h.kem.EncapsulationKey().Bytes())
	case Ekem1:
		encapsulate := h.cfg.Encapsulate
		if encapsulate == nil {
			encapsulate = (*mlkem.EncapsulationKey768).Encapsulate
		}
		shared, ciphertext := encapsulate(h.rek)
		dst, err := h.sym.encryptAndHash(dst, ciphertext)
		if err != nil {
			return nil, err
		}
		h.sym.mixKey(shared)
		return dst, nil
	default:
		return dst, h.dh(t)
	}
}

// Read takes the other side's next message and appends its payload to dst.
// After an error the handshake is dead, and nothing of the message was used.
func (h *Handshake) Read(dst, message []byte) ([]byte, error) {
	tokens, err := h.begin(false)
	if err != nil {
		return nil, err
	}
	if len(message) > MaxMessage {
		err = ErrShort
	}
	for _, t := range tokens {
		if err != nil {
			break
		}
		message, err = h.readToken(message, t)
	}
	if err == nil && len(message) < h.sym.overhead() {
		err = ErrShort
	}
	if err == nil {
		dst, err = h.sym.decryptAndHash(dst, message)
	}
	if err != nil {
		h.err = err
		return nil, err
	}
	h.next++
	return dst, nil
}

func (h *Handshake) readToken(message []byte, t Token) (rest []byte, err error) {
	switch t {
	case E:
		if len(message) < DHSize {
			return nil, ErrShort
		}
		h.sym.mixHash(message[:DHSize])
		if h.re, err = ecdh.X25519().NewPublicKey(message[:DHSize]); err != nil {
			return nil, ErrKey
		}
		return message[DHSize:], nil
	case S:
		key, rest, err := h.readField(message, DHSize)
		if err != nil {
			return nil, err
		}
		if h.rs, err = ecdh.X25519().NewPublicKey(key); err != nil {
			return nil, ErrKey
		}
		return rest, nil
	case E1:
		key, rest, err := h.readField(message, mlkem.EncapsulationKeySize768)
		if err != nil {
			return nil, err
		}
		if h.rek, err = mlkem.NewEncapsulationKey768(key); err != nil {
			return nil, ErrKey
		}
		return rest, nil
	case Ekem1:
		ciphertext, rest, err := h.readField(message, mlkem.CiphertextSize768)
		if err != nil {
			return nil, err
		}
		shared, err := h.kem.Decapsulate(ciphertext)
		if err != nil {
			return nil, ErrKey
		}
		h.sym.mixKey(shared)
		return rest, nil
	default:
		return message, h.dh(t)
	}
}

// readField takes n bytes, which came through encryptAndHash, off the message.
func (h *Handshake) readField(message []byte, n int) (field, rest []byte, err error) {
	n += h.sym.overhead()
	if len(message) < n {
		return nil, nil, ErrShort
	}
	field, err = h.sym.decryptAndHash(nil, message[:n])
	return field, message[n:], err
}

// dh mixes the secret of a DH token. The standard library refuses an all-zero
// secret, and with it every point of low order.
func (h *Handshake) dh(t Token) error {
	mineIsE := t == EE || (t == ES) == h.cfg.Initiator && t != SS
	theirsIsE := t == EE || (t == SE) == h.cfg.Initiator && t != SS
	private, public := h.cfg.Static, h.rs
	if mineIsE {
		private = h.e
	}
	if theirsIsE {
		public = h.re
	}
	if private == nil || public == nil {
		return ErrKey
	}
	secret, err := private.ECDH(public)
	if err != nil {
		return ErrKey
	}
	h.sym.mixKey(secret)
	return nil
}

// Format writes the pattern's name, whatever the verb, and none of the keys.
func (h *Handshake) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "noise.Handshake("+h.cfg.Pattern.Name+")")
}
