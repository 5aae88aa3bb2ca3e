package crypto

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/vatnet/vatnet/internal/noise"
)

// Suite is the Noise protocol that every handshake runs.
const Suite = "Noise_XKhfs_25519+MLKEM768_ChaChaPoly_SHA256"

const (
	// handshakeVersion is the first byte of message 1: what the handshake itself
	// is. It changes only if the suite or the framing ever does.
	handshakeVersion = 0x01

	prologueLabel = "vatnet v1 handshake"
	knockLabel    = "vatnet v1 knock"
	busyLabel     = "vatnet v1 busy"
	macSize       = 16

	noise1Size   = noise.DHSize + 1184 + noise.TagSize + noise.TagSize // e, e1, empty payload
	message1Size = 1 + noise1Size + macSize
	busySize     = macSize
	// MaxMessage bounds messages 2 and 3.
	MaxMessage = 8192
	// Their least sizes, with a Hello without hints.
	message2Min = noise.DHSize + 1088 + noise.TagSize + helloFixed + noise.TagSize
	message3Min = noise.DHSize + noise.TagSize + helloFixed + noise.TagSize
)

// knockMAC keys a MAC by what only those know who were given a reference to the vat.
func knockMAC(vat VatID, label string, parts ...[]byte) []byte {
	key := sha256.New()
	key.Write([]byte(label))
	key.Write(vat[:])
	mac := hmac.New(sha256.New, key.Sum(nil))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)[:macSize]
}

func prologue() []byte { return append([]byte(prologueLabel), handshakeVersion) }

// handshake is what both roles share: the engine, this side's Hello, and the
// result once there is one.
type handshake struct {
	noise   *noise.Handshake
	self    VatID
	hello   Hello
	version uint16
	hash    []byte
	seal    *Sealer
	open    *Opener
	step    int   // messages taken so far
	err     error // the first error, which is final
}

// take runs one step if it is the nth in its turn, and keeps its error.
func (h *handshake) take(n int, step func() error) error {
	if h.err != nil {
		return h.err
	}
	if h.step != n {
		return ErrHandshake
	}
	h.step++
	h.err = step()
	return h.err
}

// finish takes the keys out of the engine.
func (h *handshake) finish() error {
	h.hash = h.noise.Transcript()
	send, receive, err := h.noise.Split()
	if err != nil {
		return ErrHandshake
	}
	h.seal, h.open = newSealer(send), newOpener(receive)
	return nil
}

// Keys gives the two directions of the session, nil before the handshake is done.
func (h *handshake) Keys() (*Sealer, *Opener) { return h.seal, h.open }

// Version is the protocol version that both sides speak, 0 before the handshake is done.
func (h *handshake) Version() uint16 { return h.version }

// Transcript is the hash of the whole handshake, the same on both sides and on no
// other session; nil before the handshake is done.
func (h *handshake) Transcript() []byte { return h.hash }

// Initiator is the dialler's side of a handshake, stepped by its messages:
//
//	NewInitiator → Message1 → Message2 → Keys
//
// The first error is final. Not safe for concurrent use.
type Initiator struct {
	handshake
	peer    VatID
	knock   []byte // the MAC of message 1
	message []byte
}

// NewInitiator begins a handshake of id with the vat peer. It fails with ErrSelf,
// ErrHello, or ErrVatID when peer is no key.
func NewInitiator(id *Identity, peer VatID, hello Hello) (*Initiator, error) {
	return newInitiator(id, peer, hello, &noise.Config{})
}

// newInitiator lets tests fix the randomness in cfg.
func newInitiator(id *Identity, peer VatID, hello Hello, cfg *noise.Config) (*Initiator, error) {
	if peer == id.id {
		return nil, ErrSelf
	}
	hello, err := hello.normal()
	if err != nil {
		return nil, err
	}
	if !peer.isKey() {
		return nil, ErrVatID
	}
	if cfg.Peer, err = ecdh.X25519().NewPublicKey(peer[:]); err != nil {
		return nil, ErrVatID
	}
	cfg.Pattern, cfg.Initiator, cfg.Prologue, cfg.Static = noise.XKhfs, true, prologue(), id.secrets().static
	engine, err := noise.New(cfg)
	if err != nil {
		return nil, ErrHandshake
	}
	i := &Initiator{handshake: handshake{noise: engine, self: id.id, hello: hello}, peer: peer}
	message := append(make([]byte, 0, message1Size), handshakeVersion)
	if message, err = engine.Write(message, nil); err != nil {
		return nil, ErrHandshake
	}
	i.knock = knockMAC(peer, knockLabel, message)
	i.message = append(message, i.knock...)
	return i, nil
}

// Message1 gives message 1: version byte ‖ Noise message ‖ MAC.
func (i *Initiator) Message1() []byte { return i.message }

// Message2 takes the responder's answer and gives what the responder says and
// message 3. It fails with ErrBusy, ErrWrongVat, ErrHello or ErrVersion. After it
// succeeded, Keys gives the session; records may follow message 3 at once.
func (i *Initiator) Message2(in []byte) (peer Hello, message3 []byte, err error) {
	err = i.take(0, func() (err error) {
		peer, message3, err = i.message2(in)
		return err
	})
	return peer, message3, err
}

func (i *Initiator) message2(in []byte) (peer Hello, message3 []byte, err error) {
	if len(in) == busySize {
		if subtle.ConstantTimeCompare(in, knockMAC(i.peer, busyLabel, i.knock)) == 1 {
			return Hello{}, nil, ErrBusy
		}
		return Hello{}, nil, ErrWrongVat
	}
	payload, err := i.noise.Read(nil, in)
	if err != nil {
		return Hello{}, nil, ErrWrongVat
	}
	if peer, err = decodeHello(payload); err != nil {
		return Hello{}, nil, err
	}
	version, err := i.hello.common(peer)
	if err != nil {
		return Hello{}, nil, err
	}
	if message3, err = i.noise.Write(nil, i.hello.encode()); err != nil {
		return Hello{}, nil, ErrHandshake
	}
	if err := i.finish(); err != nil {
		return Hello{}, nil, err
	}
	i.version = version
	return peer, message3, nil
}

// Responder is the answering side of a handshake, stepped by its messages:
//
//	NewResponder → Message1 → Message3 → Keys
//
// The first error is final. Not safe for concurrent use.
type Responder struct {
	handshake
	knock []byte // the MAC of message 1, once checked
	peer  VatID  // who dialled, once that is proven
}

// NewResponder waits for a dialler. It does not know yet who that is: hello goes
// to whoever has the vat id and can finish message 1. It fails with ErrHello.
func NewResponder(id *Identity, hello Hello) (*Responder, error) {
	return newResponder(id, hello, &noise.Config{})
}

func newResponder(id *Identity, hello Hello, cfg *noise.Config) (*Responder, error) {
	hello, err := hello.normal()
	if err != nil {
		return nil, err
	}
	cfg.Pattern, cfg.Prologue, cfg.Static = noise.XKhfs, prologue(), id.secrets().static
	engine, err := noise.New(cfg)
	if err != nil {
		return nil, ErrHandshake
	}
	return &Responder{handshake: handshake{noise: engine, self: id.id, hello: hello}}, nil
}

// Knock checks the version and the MAC of message 1, and nothing else: it costs
// two hashes. It fails with ErrFrame, ErrVersion or ErrMAC, on which the
// connection is to be closed unanswered. Message1 includes it.
func (r *Responder) Knock(in []byte) error {
	if len(in) == 0 {
		return ErrFrame
	}
	if in[0] != handshakeVersion {
		return ErrVersion
	}
	if len(in) != message1Size {
		return ErrFrame
	}
	if !knocks(r.self, in) {
		return ErrMAC
	}
	r.knock = in[message1Size-macSize:]
	return nil
}

// knocks tells whether the MAC of message 1, which is whole, is for a vat.
func knocks(vat VatID, in []byte) bool {
	body, mac := in[:message1Size-macSize], in[message1Size-macSize:]
	return subtle.ConstantTimeCompare(mac, knockMAC(vat, knockLabel, body)) == 1
}

// Busy gives the answer, instead of message 2, that turns away a dialler whose
// message 1 passed Knock. It is as cheap as Knock.
func (r *Responder) Busy() []byte { return knockMAC(r.self, busyLabel, r.knock) }

// Message1 takes message 1 and gives message 2. It fails as Knock does, or with
// ErrHandshake; in every case the connection is to be closed unanswered.
func (r *Responder) Message1(in []byte) (message2 []byte, err error) {
	err = r.take(0, func() (err error) {
		message2, err = r.message1(in)
		return err
	})
	return message2, err
}

func (r *Responder) message1(in []byte) (message2 []byte, err error) {
	if err := r.Knock(in); err != nil {
		return nil, err
	}
	payload, err := r.noise.Read(nil, in[1:message1Size-macSize])
	if err != nil || len(payload) != 0 {
		return nil, ErrHandshake
	}
	if message2, err = r.noise.Write(nil, r.hello.encode()); err != nil {
		return nil, ErrHandshake
	}
	return message2, nil
}

// Message3 takes message 3 and tells who dialled. It fails with ErrHandshake,
// ErrSelf, ErrHello or ErrVersion. After it succeeded, Keys gives the session.
func (r *Responder) Message3(in []byte) (peer VatID, hello Hello, err error) {
	err = r.take(1, func() (err error) {
		peer, hello, err = r.message3(in)
		return err
	})
	return peer, hello, err
}

func (r *Responder) message3(in []byte) (peer VatID, hello Hello, err error) {
	payload, err := r.noise.Read(nil, in)
	if err != nil {
		return VatID{}, Hello{}, ErrHandshake
	}
	peer = VatID(r.noise.Peer().Bytes())
	if !peer.isKey() {
		return VatID{}, Hello{}, ErrHandshake
	}
	r.peer = peer
	if peer == r.self {
		return VatID{}, Hello{}, ErrSelf
	}
	if hello, err = decodeHello(payload); err != nil {
		return VatID{}, Hello{}, err
	}
	version, err := r.hello.common(hello)
	if err != nil {
		return VatID{}, Hello{}, err
	}
	if err := r.finish(); err != nil {
		return VatID{}, Hello{}, err
	}
	r.version = version
	return peer, hello, nil
}
