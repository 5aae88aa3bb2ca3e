package hostile

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/noise"
)

// What spec/handshake.md and spec/records.md say, once more: the attacker shares no code with crypto but the engine, so
// that it can break every rule.
const (
	versionByte  = 0x01
	prologue     = "vatnet v1 handshake\x01"
	knockLabel   = "vatnet v1 knock"
	message1Size = 1 + noise.DHSize + 1184 + 2*noise.TagSize + macSize
	macSize      = 16
)

// hello is the payload of message 2 or 3.
type hello struct {
	min, max       uint16
	features       uint64
	epoch, session uint64
	calls          uint32
	bytes          uint64
	hints          []string
	count          int // of hints, as told; 0: as there are
}

func (h hello) encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, h.min)
	b = binary.BigEndian.AppendUint16(b, h.max)
	for _, x := range []uint64{h.features, h.epoch, h.session} {
		b = binary.BigEndian.AppendUint64(b, x)
	}
	b = binary.BigEndian.AppendUint32(b, h.calls)
	b = binary.BigEndian.AppendUint64(b, h.bytes)
	n := h.count
	if n == 0 {
		n = len(h.hints)
	}
	b = append(b, byte(n))
	for _, hint := range h.hints {
		b = binary.BigEndian.AppendUint16(b, uint16(len(hint)))
		b = append(b, hint...)
	}
	return b
}

// wire is one connection of an attacker.
type wire struct {
	static *ecdh.PrivateKey
	peer   crypto.VatID
	conn   net.Conn
	hello  hello

	hs       *noise.Handshake
	out, in  *noise.CipherState
	last     []byte // what was written last
	stream   []byte // data of the peer's, not yet taken out as messages
	ended    bool   // the peer's sealed end has come
	accepted bool
	plain    bool // no handshake and no records: a stream of messages
}

func newStatic() *ecdh.PrivateKey {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // there is no randomness
	}
	return k
}

func vatID(k *ecdh.PrivateKey) crypto.VatID { return crypto.VatID(k.PublicKey().Bytes()) }

// begin prepares the engine.
func (w *wire) begin(initiator bool) error {
	cfg := &noise.Config{Pattern: noise.XKhfs, Initiator: initiator, Prologue: []byte(prologue), Static: w.static}
	if initiator {
		var err error
		if cfg.Peer, err = ecdh.X25519().NewPublicKey(w.peer[:]); err != nil {
			return err
		}
	}
	var err error
	w.hs, err = noise.New(cfg)
	return err
}

// message1 makes message 1 for the vat to.
func (w *wire) message1(to crypto.VatID) ([]byte, error) {
	m, err := w.hs.Write([]byte{versionByte}, nil)
	if err != nil {
		return nil, err
	}
	return append(m, knock(to, m)...), nil
}

// knock is the MAC of message 1.
func knock(vat crypto.VatID, message []byte) []byte {
	key := sha256.Sum256(append([]byte(knockLabel), vat[:]...))
	mac := hmac.New(sha256.New, key[:])
	mac.Write(message)
	return mac.Sum(nil)[:macSize]
}

func (w *wire) split() (err error) {
	w.out, w.in, err = w.hs.Split()
	return err
}

// write writes bytes as they are.
func (w *wire) write(b []byte) error {
	w.last = b
	if err := w.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	n, err := w.conn.Write(b)
	poured.Add(int64(n))
	return err
}

// poured counts what all attackers of this process have written.
var poured atomic.Int64

// framed puts the length before a message or record.
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// seal makes a record of any plaintext.
func (w *wire) seal(plain []byte) ([]byte, error) {
	if n := w.out.N(); n != 0 && n%crypto.RekeyEvery == 0 {
		w.out.Rekey()
	}
	return w.out.Encrypt(nil, nil, plain)
}

// plaintext is that of a record, unpadded.
func plaintext(t crypto.RecordType, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{byte(t)}, uint16(len(body)))
	return append(b, body...)
}

// record writes a record.
func (w *wire) record(t crypto.RecordType, body []byte) error {
	r, err := w.seal(plaintext(t, body))
	if err != nil {
		return err
	}
	return w.write(framed(r))
}

// data writes a run of the stream in as many records as it takes.
func (w *wire) data(b []byte) error {
	if w.plain {
		return w.write(b)
	}
	for len(b) > 0 {
		n := min(len(b), 60_000)
		if err := w.record(crypto.RecordData, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// readFramed reads what stands behind a length.
func (w *wire) readFramed(deadline time.Time) ([]byte, error) {
	if err := w.conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(w.conn, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(w.conn, b)
	return b, err
}

var errEnd = errors.New("hostile: the vat ended the session")

// open reads one record. Data goes to the stream; a ping is answered.
func (w *wire) open(deadline time.Time) (crypto.RecordType, []byte, error) {
	if w.ended {
		return 0, nil, errEnd
	}
	if w.plain {
		if err := w.conn.SetReadDeadline(deadline); err != nil {
			return 0, nil, err
		}
		b := make([]byte, 1<<16)
		n, err := w.conn.Read(b)
		w.stream = append(w.stream, b[:n]...)
		return crypto.RecordData, nil, err
	}
	r, err := w.readFramed(deadline)
	if err != nil {
		return 0, nil, err
	}
	if n := w.in.N(); n != 0 && n%crypto.RekeyEvery == 0 {
		w.in.Rekey()
	}
	plain, err := w.in.Decrypt(nil, nil, r)
	if err != nil || len(plain) < 3 {
		return 0, nil, errors.New("hostile: the vat sent a record that does not open")
	}
	t, n := crypto.RecordType(plain[0]), int(binary.BigEndian.Uint16(plain[1:]))
	if n > len(plain)-3 {
		return 0, nil, errors.New("hostile: the vat sent a malformed record")
	}
	body := plain[3 : 3+n]
	switch t {
	case crypto.RecordData:
		w.stream = append(w.stream, body...)
	case crypto.RecordPing:
		err = w.record(crypto.RecordPong, nil)
	case crypto.RecordEnd:
		w.ended = true
	case crypto.RecordAccept:
		w.accepted = true
	}
	return t, body, err
}

// frame takes the next whole message out of the stream, reading on as needed.
func (w *wire) frame(deadline time.Time) ([]byte, error) {
	for {
		if n := frameSize(w.stream); n > 0 && n <= len(w.stream) {
			f := w.stream[:n:n]
			w.stream = w.stream[n:]
			return f, nil
		}
		if _, _, err := w.open(deadline); err != nil {
			return nil, err
		}
	}
}

// frameSize gives the size of the frame at the head of an honest stream, 0 if that
// is not known yet.
func frameSize(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	n := int(binary.LittleEndian.Uint32(b)) + 1
	header := (n/2 + 1) * 8
	if len(b) < header {
		return 0
	}
	size := header
	for i := range n {
		size += 8 * int(binary.LittleEndian.Uint32(b[4+4*i:]))
	}
	return size
}

// dial connects and runs the whole handshake honestly, up to the vat's accept.
func (w *wire) dial(addr string) error {
	if err := w.connect(addr); err != nil {
		return err
	}
	m1, err := w.message1(w.peer)
	if err == nil {
		err = w.write(framed(m1))
	}
	if err == nil {
		err = w.readMessage2()
	}
	if err != nil {
		return err
	}
	m3, err := w.message3()
	if err != nil {
		return err
	}
	if err := w.write(framed(m3)); err != nil {
		return err
	}
	if err := w.record(crypto.RecordAccept, claims(1, 0)); err != nil {
		return err
	}
	for !w.accepted {
		if _, _, err := w.open(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) connect(addr string) (err error) {
	if w.conn, err = net.Dial("tcp", addr); err != nil {
		return err
	}
	return w.begin(true)
}

func (w *wire) readMessage2() error {
	m2, err := w.readFramed(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	_, err = w.hs.Read(nil, m2)
	return err
}

func (w *wire) message3() ([]byte, error) {
	m3, err := w.hs.Write(nil, w.hello.encode())
	if err != nil {
		return nil, err
	}
	return m3, w.split()
}

// claims is the body of an accept record.
func claims(used, seen uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, used), seen)
}
