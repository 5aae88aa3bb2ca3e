package sturdyref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

// TestErrorTexts pins what people read.
func TestErrorTexts(t *testing.T) {
	uri := sample(t).URI()
	cut := strings.LastIndexByte(uri, '/') + 1
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "sturdyref: at character 1, in the URI: it is empty"},
		{"line end", uri + "\n", "sturdyref: at character 137, in the URI: blanks and line ends are not allowed; remove what stands around the URI"},
		{"scheme", "http://x", "sturdyref: at character 1, in the scheme: a sturdyref begins with captp://"},
		{"cut off", uri[:len(uri)-3], "sturdyref: at character 134, in the swissnum: it has 53 characters instead of 56; a piece is missing"},
		{"cut off early", uri[:cut-1], "sturdyref: at character 80, in the location: no / and swissnum follow; the URI seems to be cut off"},
		{"unbracketed", strings.Replace(uri, "127.0.0.1", "::1", 1), "sturdyref: at character 66, in the location: an IPv6 address must stand in brackets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sturdyref.Parse(tt.in)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestCheckLocation(t *testing.T) {
	spec.Covers(t, "URI-4", "URI-5", "URI-6")
	require.NoError(t, sturdyref.CheckLocation("[fe80::1]:4711"))
	require.NoError(t, sturdyref.CheckLocation("localhost:4711"))
	require.EqualError(t, sturdyref.CheckLocation("Printer:9100"),
		`sturdyref: location "Printer:9100": the host name must be in lower case`)
	require.EqualError(t, sturdyref.CheckLocation("a\x1b[31m:1"),
		`sturdyref: location "a\x1b[31m:1": a host name consists of letters, digits, hyphens and dots (an international name: its xn-- form)`)
}

// TestErrorsNeverQuote cuts and damages a URI everywhere: no error holds a piece of its secret.
func TestErrorsNeverQuote(t *testing.T) {
	spec.Covers(t, "URI-9")
	r := sample(t)
	uri := r.URI()
	check := func(in string) {
		if _, err := sturdyref.Parse(in); err != nil {
			requireHidden(t, r, err.Error(), "error")
		}
	}
	for i := range len(uri) {
		check(uri[:i])
		check(uri[i:])
		for _, c := range []string{" ", "@", "/", ",", ":", "%", "A", "a", "1", "[", "\x00", "\xff", "é"} {
			check(uri[:i] + c + uri[i+1:])
			check(uri[:i] + c + uri[i:])
		}
	}
	secret := uri[len(uri)-56:]
	for _, in := range []string{
		secret, "captp://" + secret, "captp://" + secret + "@127.0.0.1:4711/" + uri[8:64],
		"captp://" + uri[8:64] + "@" + secret + ":80/" + secret, "captp://" + uri[8:64] + "@127.0.0.1:" + secret + "/",
	} {
		check(in)
	}
}

func FuzzParse(f *testing.F) {
	spec.Covers(f, "URI-1")
	for _, v := range vectors(f) {
		f.Add(v.URI)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := sturdyref.Parse(s)
		if err == nil {
			if r.URI() != s {
				t.Fatalf("parsed %q, printed %q", s, r.URI())
			}
			made, err := sturdyref.New(r.Vat(), r.Locations(), r.Swissnum())
			if err != nil || made != r {
				t.Fatalf("New refuses what Parse takes: %v", err)
			}
			return
		}
		var pe *sturdyref.ParseError
		if !errors.As(err, &pe) || !r.IsZero() {
			t.Fatalf("%T with %v", err, r)
		}
		// A text of the error may coincide with a short piece of the input, or with the fixed texts themselves.
		for i := 0; i+16 <= len(s); i++ {
			if piece := s[i : i+16]; strings.Contains(err.Error(), piece) && !strings.Contains(fixedTexts, piece) {
				t.Fatalf("error %q quotes %q", err, piece)
			}
		}
	})
}

// fixedTexts are the errors of inputs that hold no text which the errors could quote.
var fixedTexts = func() string {
	var all strings.Builder
	for n := range 80 {
		for _, in := range []string{
			strings.Repeat("!", n), "captp://" + strings.Repeat("a", n), "captp://" + strings.Repeat("A", n),
			"captp://" + strings.Repeat("a", n) + "@", "captp://" + strings.Repeat("a", n) + "@/",
		} {
			if _, err := sturdyref.Parse(in); err != nil {
				all.WriteString(err.Error() + "\n")
			}
		}
	}
	return all.String()
}()
