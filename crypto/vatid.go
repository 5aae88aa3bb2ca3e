package crypto

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// VatIDLen is the length of a vat id's text.
const VatIDLen = 56

const (
	vatIDVersion = 0x01
	vatIDLabel   = "vatnet v1 vat id"
)

// base32Lower is RFC 4648 base32 in lower case without padding.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// VatID names a vat: its X25519 public key. It is comparable and fit as a map
// key. The zero VatID names no vat. A vat id is not a secret, but to know it is
// to be able to knock at the vat's door.
type VatID [32]byte

// String gives the 56 characters of the text form, for any value.
func (id VatID) String() string {
	var raw [35]byte
	raw[0] = vatIDVersion
	copy(raw[1:], id[:])
	sum := vatIDSum(id)
	copy(raw[33:], sum[:])
	return base32Lower.EncodeToString(raw[:])
}

// Short gives the first 10 characters and an ellipsis, for logs.
func (id VatID) Short() string { return id.String()[:10] + "…" }

// IsZero reports whether id names no vat.
func (id VatID) IsZero() bool { return id == VatID{} }

// Less orders vat ids by their bytes. Both ends of a pair see the same order.
func (id VatID) Less(other VatID) bool { return bytes.Compare(id[:], other[:]) < 0 }

// MarshalText gives the text form; the zero VatID gives an empty text.
func (id VatID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText takes what MarshalText gives, and fails as ParseVatID does.
func (id *VatID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = VatID{}
		return nil
	}
	parsed, err := ParseVatID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// ParseVatID reads the text form. It takes the one canonical form only, so equal
// ids have equal texts. The error wraps ErrVatID and says what is wrong: length,
// alphabet, version, checksum, or a number that is no key.
func ParseVatID(s string) (VatID, error) {
	if len(s) != VatIDLen {
		return VatID{}, vatIDError(fmt.Sprintf("it has %d characters, not %d", len(s), VatIDLen))
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return VatID{}, vatIDError(fmt.Sprintf("character %d is not one of a-z, 2-7", i+1))
		}
	}
	raw, err := base32Lower.DecodeString(s)
	if err != nil || len(raw) != 35 {
		return VatID{}, vatIDError("it is not base32")
	}
	if raw[0] != vatIDVersion {
		return VatID{}, vatIDError(fmt.Sprintf("its version is %d, not %d", raw[0], vatIDVersion))
	}
	id := VatID(raw[1:33])
	if sum := vatIDSum(id); !bytes.Equal(sum[:], raw[33:]) {
		return VatID{}, vatIDError("its checksum does not match: a character is mistyped")
	}
	if !id.isKey() {
		return VatID{}, vatIDError("it is no usable key")
	}
	return id, nil
}

type vatIDProblem string

func (p vatIDProblem) Error() string { return ErrVatID.Error() + ": " + string(p) }
func (vatIDProblem) Unwrap() error   { return ErrVatID }

func vatIDError(problem string) error { return vatIDProblem(problem) }

func vatIDSum(id VatID) (sum [2]byte) {
	h := sha256.New()
	h.Write([]byte(vatIDLabel))
	h.Write(id[:])
	copy(sum[:], h.Sum(nil))
	return sum
}

// isKey reports whether id is the canonical encoding of a point that is not of
// low order: below 2^255-19, and with a secret to agree on. X25519 itself
// accepts several encodings of one point; with them one key would have several
// vat ids.
func (id VatID) isKey() bool {
	if id[31] > 0x7f {
		return false
	}
	if id[31] == 0x7f && id[0] >= 0xed && bytes.Equal(id[1:31], bytes.Repeat([]byte{0xff}, 30)) {
		return false
	}
	for i := range lowOrder {
		if id == lowOrder[i] {
			return false
		}
	}
	return true
}

// lowOrder holds the canonical u-coordinates whose order divides 8: those for
// which X25519 gives zero whatever the scalar (RFC 7748 §7).
var lowOrder = [5]VatID{
	{},
	{0: 1},
	{
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
	},
	{
		0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
	},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
}
