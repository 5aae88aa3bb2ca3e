package sturdyref

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vatnet/vatnet/crypto"
)

// ParseError says what is wrong with a text that should be a sturdyref. It consists of fixed texts and numbers: it never
// holds a piece of the input, any of which may be the secret.
type ParseError struct {
	// Offset is the index of the byte, from 0, at which the text went wrong.
	Offset int
	// Part names the part of the URI that is wrong: "scheme", "vat id", "location", "swissnum", or "URI" for the whole.
	Part string
	// Problem says what is wrong and, where that is not plain, what to do.
	Problem string
}

// Error says where the text is wrong (counting from 1, as people do), in which part, and how.
func (e *ParseError) Error() string {
	return fmt.Sprintf("sturdyref: at character %d, in the %s: %s", e.Offset+1, e.Part, e.Problem)
}

// Parse reads a sturdyref's URI. There is one canonical form and nothing else is accepted, so that Parse(s) succeeds
// only if its result's URI() is s again. An error is always a *[ParseError].
func Parse(s string) (Ref, error) {
	p, err := parse(s)
	if err != nil {
		return Ref{}, err
	}
	return Ref{intern(p, false, crypto.VatID{})}, nil
}

// parse is Parse, up to what makes a Ref of it.
func parse(s string) (parts, error) {
	if err := parseWhole(s); err != nil {
		return parts{}, err
	}
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return parts{}, &ParseError{len(s), "vat id", "no @ follows it; the form is captp://VATID@HOST:PORT/SWISSNUM"}
	}
	slash := strings.IndexByte(s[at:], '/')
	if slash < 0 {
		return parts{}, &ParseError{len(s), "location", "no / and swissnum follow; the URI seems to be cut off"}
	}
	slash += at

	if err := parseBase32(s, len(scheme), at, "vat id"); err != nil {
		return parts{}, err
	}
	vat, err := crypto.ParseVatID(s[len(scheme):at])
	if err != nil {
		return parts{}, &ParseError{len(scheme), "vat id", "its check digits are wrong: it is mistyped, or it is something else; copy the URI again"}
	}
	if err := parseLocations(s, at+1, slash); err != nil {
		return parts{}, err
	}
	if err := parseBase32(s, slash+1, len(s), "swissnum"); err != nil {
		return parts{}, err
	}
	num, ok := swissnumFromText(vat, s[slash+1:])
	if !ok {
		return parts{}, &ParseError{slash + 1, "swissnum", "its check digits are wrong: it is mistyped, or belongs to another vat id; copy the URI again"}
	}
	return parts{vat, strings.Clone(s[at+1 : slash]), num}, nil
}

// parseWhole finds what is wrong with the text as a whole: what people paste by mistake.
func parseWhole(s string) error {
	switch {
	case s == "":
		return &ParseError{0, "URI", "it is empty"}
	case len(s) > MaxURI:
		return &ParseError{MaxURI, "URI", fmt.Sprintf("it is longer than %d bytes", MaxURI)}
	case strings.HasSuffix(s, redacted):
		return &ParseError{len(s) - len(redacted), "URI", "this is the redacted form that logs show, without its secret; it cannot be used"}
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			return &ParseError{i, "URI", "blanks and line ends are not allowed; remove what stands around the URI"}
		case c < ' ' || c >= 0x7f:
			return &ParseError{i, "URI", "only printable ASCII characters are allowed"}
		}
	}
	switch {
	case strings.HasPrefix(s, scheme):
		return nil
	case len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme):
		return &ParseError{0, "scheme", "it must be in lower case: captp://"}
	}
	return &ParseError{0, "scheme", "a sturdyref begins with captp://"}
}

// parseBase32 checks that s[from:to] has the form of a vat id or a swissnum: 56 characters of the alphabet.
func parseBase32(s string, from, to int, part string) error {
	for i := from; i < to; i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '2' && c <= '7':
		case c >= 'A' && c <= 'Z':
			return &ParseError{i, part, "it must be in lower case"}
		default:
			return &ParseError{i, part, "it consists of the letters a to z and the digits 2 to 7 only"}
		}
	}
	switch n := to - from; {
	case n < textSize:
		return &ParseError{to, part, fmt.Sprintf("it has %d characters instead of %d; a piece is missing", n, textSize)}
	case n > textSize:
		return &ParseError{from + textSize, part, fmt.Sprintf("it has %d characters instead of %d; nothing may follow", n, textSize)}
	}
	return nil
}

// parseLocations checks that s[from:to] is a list of 1 to MaxLocations different locations.
func parseLocations(s string, from, to int) error {
	seen := strings.SplitN(s[from:to], ",", MaxLocations+1)
	if len(seen) > MaxLocations {
		return &ParseError{to - len(seen[MaxLocations]), "location", fmt.Sprintf("more than %d locations", MaxLocations)}
	}
	for i, loc := range seen {
		if offset, problem := locationProblem(loc); problem != "" {
			return &ParseError{from + offset, "location", problem}
		}
		if slices.Contains(seen[:i], loc) {
			return &ParseError{from, "location", "it stands twice"}
		}
		from += len(loc) + 1
	}
	return nil
}
