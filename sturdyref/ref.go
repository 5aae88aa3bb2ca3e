package sturdyref

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/crypto"
)

const (
	// MaxLocations is how many locations a sturdyref may carry.
	MaxLocations = 8
	// MaxURI is the greatest length of a URI in bytes.
	MaxURI = 1024

	scheme = "captp://"
)

// Ref is a sturdyref: a vat, the locations where it may be found, the swissnum of one of its objects.
//
// It redacts itself wherever it is printed (see String); only URI reveals. The zero value is no sturdyref. Two Refs are
// equal (==) if their URIs are, so a Ref may be the key of a map; the same object reached by other locations is another
// Ref.
type Ref struct {
	p *entry // one for equal contents
}

type parts struct {
	vat       crypto.VatID
	locations string // as in the URI: never empty, separated by commas
	swissnum  Swissnum
}

// New returns the sturdyref that names the object behind s at the given vat. The locations are kept in their order, the
// preferred first; there must be 1 to [MaxLocations] of them, each as [CheckLocation] wants it, none twice.
func New(vat crypto.VatID, locations []string, s Swissnum) (Ref, error) {
	p, err := newParts(vat, locations, s)
	if err != nil {
		return Ref{}, err
	}
	return Ref{intern(p, false, crypto.VatID{})}, nil
}

// newParts checks what New takes.
func newParts(vat crypto.VatID, locations []string, s Swissnum) (p parts, err error) {
	if _, err := crypto.ParseVatID(vat.String()); err != nil {
		return p, fmt.Errorf("sturdyref: %w", err) // zero, or no key at all: its URI could not be read
	}
	switch {
	case s.IsZero():
		return p, errors.New("sturdyref: no swissnum")
	case len(locations) == 0:
		return p, errors.New("sturdyref: no location: a sturdyref must say where its vat may be found")
	case len(locations) > MaxLocations:
		return p, fmt.Errorf("sturdyref: %d locations, but at most %d are allowed", len(locations), MaxLocations)
	}
	for i, loc := range locations {
		if err := CheckLocation(loc); err != nil {
			return p, err
		}
		if slices.Contains(locations[:i], loc) {
			return p, fmt.Errorf("sturdyref: location %q stands twice", loc)
		}
	}
	p = parts{vat, strings.Join(locations, ","), s}
	if n := len(scheme) + textSize + 1 + len(p.locations) + 1 + textSize; n > MaxURI {
		return p, fmt.Errorf("sturdyref: the URI would have %d bytes, but at most %d are allowed: give fewer locations", n, MaxURI)
	}
	return p, nil
}

// IsZero reports whether r is the zero value, which is no sturdyref.
func (r Ref) IsZero() bool { return r == Ref{} }

// parts returns the contents, all zero for the zero Ref.
func (r Ref) parts() parts {
	if r.IsZero() {
		return parts{}
	}
	return r.p.parts
}

// Vat returns the id of the vat that the sturdyref names.
func (r Ref) Vat() crypto.VatID { return r.parts().vat }

// Locations returns a fresh slice of the locations, each host:port, the preferred first; nil for the zero Ref.
func (r Ref) Locations() []string {
	if r.IsZero() {
		return nil
	}
	return strings.Split(r.parts().locations, ",")
}

// Swissnum returns the secret, in the type that redacts itself.
func (r Ref) Swissnum() Swissnum { return r.parts().swissnum }

// URI returns the sturdyref's text, secret included, or "" for the zero Ref. It is the only method that reveals: what it
// returns belongs into a file of its owner or over a private channel, never into a log or a command line.
func (r Ref) URI() string {
	if r.IsZero() {
		return ""
	}
	p := r.parts()
	return scheme + p.vat.String() + "@" + p.locations + "/" + p.swissnum.text(p.vat)
}

// String returns the redacted form, for people and logs: captp://<start of the vat id>…@<locations>/[redacted].
func (r Ref) String() string {
	if r.IsZero() {
		return scheme + "[none]"
	}
	p := r.parts()
	return scheme + p.vat.Short() + "@" + p.locations + "/" + redacted
}

// GoString returns the redacted form.
func (r Ref) GoString() string { return r.String() }

// Format prints the redacted form under every verb, quoted under %q.
func (r Ref) Format(f fmt.State, verb rune) { format(f, verb, r.String()) }

// LogValue returns the redacted form.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText returns the redacted form, also for JSON: a secret is never written out by accident. Who means to write it
// writes URI().
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
