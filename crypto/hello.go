package crypto

import (
	"encoding/binary"
)

// ProtocolVersion is the one version of the protocol above the handshake that
// this code speaks.
const ProtocolVersion = 1

// Bounds on a Hello.
const (
	MaxHints   = 8   // location hints
	MaxHintLen = 264 // bytes of one: a DNS name, a colon and a port
)

// FeatureHandoff is the feature bit of those who take part in handoff (spec/handoff.md).
const FeatureHandoff = 1 << 0

// FeatureFormer is the feature bit by which a responder says that the id by which it was dialled is
// one that the vat had before: it goes by another (spec/locator.md).
const FeatureFormer = 1 << 1

const helloFixed = 2 + 2 + 8 + 8 + 8 + 4 + 8 + 1

// Hello is what each side says about itself within the handshake, encrypted and
// authenticated: the responder in message 2, the dialler in message 3.
type Hello struct {
	// MinVersion and MaxVersion are the protocol versions that the sender speaks,
	// inclusive. When both are zero they mean ProtocolVersion.
	MinVersion, MaxVersion uint16
	// Features are bits that both sides must have set for a feature to be used.
	Features uint64
	// Epoch numbers the sender's incarnation; it strictly increases.
	Epoch uint64
	// Session is the sender's number for this session within its epoch.
	Session uint64
	// Credit is what the sender grants to the receiver.
	Credit Credit
	// Hints are locations ("host:port") at which the sender listens: at most
	// MaxHints of at most MaxHintLen bytes, printable ASCII without spaces. From a
	// peer they are claims, to be checked before anybody dials them.
	Hints []string
}

// Credit is what one side lets the other have outstanding.
type Credit struct {
	Calls uint32 // open calls
	Bytes uint64 // bytes held for them
}

// normal gives h with its version range filled in, or ErrHello if it is over its bounds.
func (h Hello) normal() (Hello, error) {
	if h.MinVersion == 0 && h.MaxVersion == 0 {
		h.MinVersion, h.MaxVersion = ProtocolVersion, ProtocolVersion
	}
	if h.MinVersion == 0 || h.MinVersion > h.MaxVersion || len(h.Hints) > MaxHints {
		return Hello{}, ErrHello
	}
	for _, hint := range h.Hints {
		if !validHint(hint) {
			return Hello{}, ErrHello
		}
	}
	return h, nil
}

func validHint(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= MaxHintLen
}

// common gives the highest version that both speak.
func (h Hello) common(peer Hello) (uint16, error) {
	v := min(h.MaxVersion, peer.MaxVersion)
	if v < max(h.MinVersion, peer.MinVersion) {
		return 0, ErrVersion
	}
	return v, nil
}

// encode gives the payload of message 2 or 3, for a normal Hello.
func (h Hello) encode() []byte {
	b := make([]byte, 0, helloFixed)
	b = binary.BigEndian.AppendUint16(b, h.MinVersion)
	b = binary.BigEndian.AppendUint16(b, h.MaxVersion)
	b = binary.BigEndian.AppendUint64(b, h.Features)
	b = binary.BigEndian.AppendUint64(b, h.Epoch)
	b = binary.BigEndian.AppendUint64(b, h.Session)
	b = binary.BigEndian.AppendUint32(b, h.Credit.Calls)
	b = binary.BigEndian.AppendUint64(b, h.Credit.Bytes)
	b = append(b, byte(len(h.Hints)))
	for _, hint := range h.Hints {
		b = binary.BigEndian.AppendUint16(b, uint16(len(hint)))
		b = append(b, hint...)
	}
	return b
}

// decodeHello reads a payload. Bytes behind the last hint belong to later
// versions and are ignored.
func decodeHello(b []byte) (Hello, error) {
	if len(b) < helloFixed {
		return Hello{}, ErrHello
	}
	h := Hello{
		MinVersion: binary.BigEndian.Uint16(b),
		MaxVersion: binary.BigEndian.Uint16(b[2:]),
		Features:   binary.BigEndian.Uint64(b[4:]),
		Epoch:      binary.BigEndian.Uint64(b[12:]),
		Session:    binary.BigEndian.Uint64(b[20:]),
		Credit:     Credit{Calls: binary.BigEndian.Uint32(b[28:]), Bytes: binary.BigEndian.Uint64(b[32:])},
	}
	n := int(b[40])
	if n > MaxHints || h.MinVersion == 0 || h.MinVersion > h.MaxVersion {
		return Hello{}, ErrHello
	}
	b = b[helloFixed:]
	for range n {
		if len(b) < 2 {
			return Hello{}, ErrHello
		}
		l := int(binary.BigEndian.Uint16(b))
		if l > MaxHintLen || len(b) < 2+l {
			return Hello{}, ErrHello
		}
		hint := string(b[2 : 2+l])
		if !validHint(hint) {
			return Hello{}, ErrHello
		}
		h.Hints = append(h.Hints, hint)
		b = b[2+l:]
	}
	return h, nil
}
