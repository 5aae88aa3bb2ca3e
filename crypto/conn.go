package crypto

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// The deadlines of a handshake, counted from its beginning, whatever happens
// within it. They are the defaults of DialConfig and AcceptConfig.
const (
	KnockTimeout     = 5 * time.Second  // message 1 at the responder
	HandshakeTimeout = 10 * time.Second // the whole
)

// Secured is a connection after its handshake: who the other side is, what it
// said, and the two directions of records. The connection itself stays with the
// caller, without deadlines, and exactly behind the last handshake message.
type Secured struct {
	Peer       VatID         // the other side, proven
	Self       VatID         // who this side was in it
	Hello      Hello         // what it said
	Version    uint16        // the highest protocol version that both sides speak
	Features   uint64        // the feature bits that both sides have set
	Seal       *Sealer       // records to the other side
	Open       *Opener       // records from it
	Transcript []byte        // a hash that only the two sides know, and on no other session
	Took       time.Duration // from the call of Dial or Accept
}

// DialConfig says as whom to dial whom. Identity and Peer are required.
type DialConfig struct {
	Identity *Identity
	Peer     VatID
	Hello    Hello
	Timeout  time.Duration // of the whole handshake; 0: HandshakeTimeout
}

// Former is another identity as which Accept answers.
type Former struct {
	Identity *Identity
	Hello    Hello // what it says then
}

// AcceptConfig says as whom to answer. Identity is required.
type AcceptConfig struct {
	Identity     *Identity
	Hello        Hello
	Former       []Former      // as whom else; each costs two hashes for a message 1 that is for none before it
	KnockTimeout time.Duration // until message 1 is there whole; 0: KnockTimeout
	Timeout      time.Duration // of the whole handshake; 0: HandshakeTimeout

	// Admit, if not nil, is called after the MAC of message 1 was found right and
	// before any curve operation. If it returns an error the dialler is told that
	// the vat is busy, and Accept returns an error that wraps both.
	Admit func() error
}

// Dial runs the dialler's side of the handshake on a fresh connection. When it
// fails it has closed conn. The errors: ErrWrongVat, ErrBusy, ErrVersion, ErrHello,
// ErrSelf, ErrVatID, ErrTruncated, ErrTimeout, ErrConn. Closing conn from
// another goroutine ends it early, with ErrConn.
//
// A vat closes unanswered, and cleanly, when message 1 was made for another vat.
// So a connection that ends without an error and without a byte is ErrWrongVat,
// while one that is reset is ErrConn: who turns a connection away before having
// read message 1 must reset it (on TCP: SetLinger(0)).
func Dial(conn net.Conn, cfg *DialConfig) (*Secured, error) {
	begin := time.Now()
	s, err := dial(conn, cfg, begin)
	return concluded(conn, s, err, begin)
}

func dial(conn net.Conn, cfg *DialConfig, begin time.Time) (*Secured, error) {
	if err := conn.SetDeadline(deadline(begin, cfg.Timeout, HandshakeTimeout)); err != nil {
		return nil, connError(err)
	}
	h, err := NewInitiator(cfg.Identity, cfg.Peer, cfg.Hello)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(conn, h.Message1()); err != nil {
		return nil, err
	}
	in, err := readMessage(conn)
	if err != nil {
		if errors.Is(err, errNoAnswer) || errors.Is(err, ErrFrame) {
			err = ErrWrongVat
		}
		return nil, err
	}
	hello, message3, err := h.Message2(in)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(conn, message3); err != nil {
		return nil, err
	}
	return secured(&h.handshake, cfg.Peer, hello), nil
}

// Accept runs the responder's side of the handshake on a fresh connection. When it
// fails it has closed conn. The errors: ErrMAC, ErrVersion, ErrFrame, ErrBusy,
// ErrHandshake, ErrSelf, ErrHello, ErrTruncated, ErrTimeout, ErrConn. They come in a
// *PeerError if it was proven by then who dialled.
func Accept(conn net.Conn, cfg *AcceptConfig) (*Secured, error) {
	begin := time.Now()
	s, err := accept(conn, cfg, begin)
	return concluded(conn, s, err, begin)
}

func accept(conn net.Conn, cfg *AcceptConfig, begin time.Time) (*Secured, error) {
	knock := deadline(begin, cfg.KnockTimeout, KnockTimeout)
	whole := deadline(begin, cfg.Timeout, HandshakeTimeout)
	if whole.Before(knock) {
		knock = whole
	}
	if err := conn.SetDeadline(knock); err != nil {
		return nil, connError(err)
	}
	in, err := readMessage1(conn)
	if err != nil {
		return nil, err
	}
	id, hello := cfg.meant(in)
	h, err := NewResponder(id, hello)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(whole); err != nil {
		return nil, connError(err)
	}
	if cfg.Admit != nil {
		if err := h.Knock(in); err != nil {
			return nil, err
		}
		if cause := cfg.Admit(); cause != nil {
			_ = writeMessage(conn, h.Busy()) // a courtesy
			return nil, &because{ErrBusy, cause}
		}
	}
	message2, err := h.Message1(in)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(conn, message2); err != nil {
		return nil, err
	}
	if in, err = readMessage(conn); err != nil {
		return nil, err
	}
	peer, said, err := h.Message3(in)
	if err != nil && !h.peer.IsZero() {
		err = &PeerError{h.peer, err}
	}
	if err != nil {
		return nil, err
	}
	return secured(&h.handshake, peer, said), nil
}

// meant gives the identity for which message 1 was made, and what it says; if there is none, the first.
func (cfg *AcceptConfig) meant(message1 []byte) (*Identity, Hello) {
	if !knocks(cfg.Identity.id, message1) {
		for _, f := range cfg.Former {
			if knocks(f.Identity.id, message1) {
				return f.Identity, f.Hello
			}
		}
	}
	return cfg.Identity, cfg.Hello
}

func secured(h *handshake, peer VatID, hello Hello) *Secured {
	return &Secured{
		Peer: peer, Self: h.self, Hello: hello, Version: h.version, Features: h.hello.Features & hello.Features,
		Seal: h.seal, Open: h.open, Transcript: h.hash,
	}
}

// concluded lifts the deadlines, or closes the connection.
func concluded(conn net.Conn, s *Secured, err error, begin time.Time) (*Secured, error) {
	if err == nil {
		if err = conn.SetDeadline(time.Time{}); err == nil {
			s.Took = time.Since(begin)
			return s, nil
		}
		err = connError(err)
	}
	_ = conn.Close() // err says what happened
	return nil, err
}

func deadline(begin time.Time, d, def time.Duration) time.Time {
	if d == 0 {
		d = def
	}
	return begin.Add(d)
}

// writeMessage writes a handshake message behind its length, in one write.
func writeMessage(conn net.Conn, message []byte) error {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, LengthSize+len(message)), uint16(len(message)))
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return connError(err)
	}
	return nil
}

// errNoAnswer is a clean end where a message was awaited.
var errNoAnswer = &because{ErrTruncated, io.EOF}

// readMessage reads message 2 or 3, and not a byte beyond it.
func readMessage(conn net.Conn) ([]byte, error) {
	var length [LengthSize]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		if err == io.EOF {
			return nil, errNoAnswer
		}
		return nil, connError(err)
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n != busySize && n < message3Min || n > MaxMessage {
		return nil, ErrFrame
	}
	return readRest(conn, n)
}

// readMessage1 reads message 1. It has one length only; a stranger who claims
// another is refused after three bytes.
func readMessage1(conn net.Conn) ([]byte, error) {
	var head [LengthSize + 1]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, connError(err)
	}
	if head[LengthSize] != handshakeVersion {
		return nil, ErrVersion
	}
	if binary.BigEndian.Uint16(head[:]) != message1Size {
		return nil, ErrFrame
	}
	rest, err := readRest(conn, message1Size-1)
	if err != nil {
		return nil, err
	}
	return append([]byte{handshakeVersion}, rest...), nil
}

func readRest(conn net.Conn, n int) ([]byte, error) {
	message := make([]byte, n)
	if _, err := io.ReadFull(conn, message); err != nil {
		return nil, connError(err)
	}
	return message, nil
}
