package sturdyref

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"unique"

	"github.com/vatnet/vatnet/crypto"
)

const (
	// SwissnumSize is the size of a swissnum in bytes, as it crosses the wire.
	SwissnumSize = 32

	checkSize = 3  // bytes that follow the secret in its text form
	textSize  = 56 // characters of a vat id, and of a swissnum

	checkLabel = "vatnet v1 swissnum check"
	hashLabel  = "vatnet v1 swiss hash"

	redacted = "[redacted]"
)

// textEncoding turns the 35 bytes of a text form into exactly 56 characters: no padding, no spare bits, hence one text
// for each value. Its decoder skips line ends, so whoever decodes looks at the alphabet first.
var textEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Swissnum is the secret of a sturdyref: 32 random bytes. Who presents it to its vat reaches the object.
//
// It redacts itself wherever it is printed; only Reveal gives the bytes. The zero value is no swissnum. Two Swissnums are
// equal (==) if they are the same secret.
type Swissnum struct {
	secret unique.Handle[vault]
}

// vault puts a second pointer before the secret. In somebody's unexported field fmt asks no method, it walks through
// what it finds: it prints a pointer as an address, but when it complains about a verb it follows the first one.
type vault struct {
	secret unique.Handle[[SwissnumSize]byte]
}

// NewSwissnum returns a fresh swissnum for an object of the given vat, from crypto/rand. The secret itself does not
// depend on the vat; the zero VatID is refused, as nobody could use the result.
func NewSwissnum(vat crypto.VatID) (Swissnum, error) {
	if vat.IsZero() {
		return Swissnum{}, errors.New("sturdyref: a swissnum needs a vat id")
	}
	var b [SwissnumSize]byte
	if _, err := rand.Read(b[:]); err != nil {
		return Swissnum{}, fmt.Errorf("sturdyref: no randomness: %w", err)
	}
	return SwissnumOf(b), nil
}

// SwissnumOf returns the swissnum with the given bytes, as they come from the wire or from a vat's own derivation.
func SwissnumOf(b [SwissnumSize]byte) Swissnum {
	return Swissnum{unique.Make(vault{unique.Make(b)})}
}

// IsZero reports whether s is the zero value, which is no swissnum.
func (s Swissnum) IsZero() bool { return s == Swissnum{} }

// Reveal returns the secret, or zeros for the zero value. It exists for the wire, where the nonce locator is asked with
// these bytes.
func (s Swissnum) Reveal() [SwissnumSize]byte {
	if s.IsZero() {
		return [SwissnumSize]byte{}
	}
	return s.secret.Value().secret.Value()
}

// Hash returns the only form of the secret that the vat stores.
func (s Swissnum) Hash(vat crypto.VatID) SwissHash {
	b := s.Reveal()
	return HashSwissnum(vat, &b)
}

// text returns the 56 characters that stand in a URI of the given vat.
func (s Swissnum) text(vat crypto.VatID) string {
	b := s.Reveal()
	check := digest(checkLabel, vat, &b)
	return textEncoding.EncodeToString(append(b[:], check[:checkSize]...))
}

// swissnumFromText is the inverse of text. The caller has checked length and alphabet; false means that the check
// digits are wrong for this vat.
func swissnumFromText(vat crypto.VatID, text string) (Swissnum, bool) {
	raw, err := textEncoding.DecodeString(text)
	if err != nil || len(raw) != SwissnumSize+checkSize {
		return Swissnum{}, false
	}
	secret := [SwissnumSize]byte(raw)
	check := digest(checkLabel, vat, &secret)
	if string(check[:checkSize]) != string(raw[SwissnumSize:]) {
		return Swissnum{}, false
	}
	return SwissnumOf(secret), true
}

// String returns "[redacted]".
func (s Swissnum) String() string { return redacted }

// GoString returns "[redacted]".
func (s Swissnum) GoString() string { return redacted }

// Format prints "[redacted]" under every verb.
func (s Swissnum) Format(f fmt.State, verb rune) { format(f, verb, redacted) }

// LogValue returns "[redacted]".
func (s Swissnum) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]", also for JSON: a swissnum is never written out by accident.
func (s Swissnum) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// SwissHash is SHA-256(label ‖ vat id ‖ swissnum). It is the key of a vat's swiss table. It is no secret, though it
// allows to tell whether two tables know the same swissnum.
type SwissHash [sha256.Size]byte

// HashSwissnum is [Swissnum.Hash] for bytes that have just arrived and that nobody needs as a Swissnum.
func HashSwissnum(vat crypto.VatID, secret *[SwissnumSize]byte) SwissHash {
	return SwissHash(digest(hashLabel, vat, secret))
}

// String returns the hash in hexadecimal.
func (h SwissHash) String() string { return hex.EncodeToString(h[:]) }

// digest hashes label ‖ vat id ‖ secret. Both of the latter have a fixed size, and no label begins another.
func digest(label string, vat crypto.VatID, secret *[SwissnumSize]byte) [sha256.Size]byte {
	buf := make([]byte, 0, len(label)+len(vat)+len(secret))
	buf = append(buf, label...)
	buf = append(buf, vat[:]...)
	buf = append(buf, secret[:]...)
	return sha256.Sum256(buf)
}

// format prints s, quoted under %q, otherwise as %s with the width and the flags that were asked for.
func format(f fmt.State, verb rune, s string) {
	if verb != 'q' {
		verb = 's'
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), s)
}
