package sturdyref_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

// sample returns a fresh sturdyref of a vat whose key is a valid one.
func sample(t testing.TB, locations ...string) sturdyref.Ref {
	t.Helper()
	vat := crypto.VatID{9}
	s, err := sturdyref.NewSwissnum(vat)
	require.NoError(t, err)
	if locations == nil {
		locations = []string{"127.0.0.1:4711"}
	}
	r, err := sturdyref.New(vat, locations, s)
	require.NoError(t, err)
	return r
}

// forms returns the secret in the forms in which it might come to light.
func forms(r sturdyref.Ref) []string {
	b := r.Swissnum().Reveal()
	uri := r.URI()
	return []string{
		string(b[:8]), uri[len(uri)-56:][:12], hex.EncodeToString(b[:8]), strings.ToUpper(hex.EncodeToString(b[:8])),
		strings.Trim(fmt.Sprint(b[:8]), "[]"), fmt.Sprintf("%#x", b[0]) + ", " + fmt.Sprintf("%#x", b[1]) + ", " + fmt.Sprintf("%#x", b[2]),
		base64.StdEncoding.EncodeToString(b[:9]), base32.StdEncoding.EncodeToString(b[:10]),
		strings.ReplaceAll(strings.Trim(fmt.Sprint(b[:8]), "[]"), " ", ","),
	}
}

func requireHidden(t *testing.T, r sturdyref.Ref, out, how string) {
	t.Helper()
	for _, form := range forms(r) {
		require.NotContains(t, out, form, how)
	}
}

func TestRedaction(t *testing.T) {
	spec.Covers(t, "URI-9")
	r := sample(t, "127.0.0.1:4711", "a.example:2")
	type holder struct {
		Ref    sturdyref.Ref
		Num    sturdyref.Swissnum
		hidden sturdyref.Ref
		num    sturdyref.Swissnum
	}
	h := holder{r, r.Swissnum(), r, r.Swissnum()}
	values := map[string]any{
		"Ref": r, "*Ref": &r, "Swissnum": r.Swissnum(), "holder": h, "*holder": &h, "slice": []any{r, h.num},
		"map": map[sturdyref.Ref]sturdyref.Swissnum{r: r.Swissnum()}, "unexported": h.hidden,
	}
	for name, v := range values {
		for _, verb := range "vdsqxXtTpbcoOeEfFgGUwz" {
			for _, flags := range []string{"", "+", "#", " ", "-60", "070", ".3"} {
				format := "%" + flags + string(verb)
				requireHidden(t, r, fmt.Sprintf(format, v), name+" under "+format)
			}
		}
		requireHidden(t, r, fmt.Sprint(v)+fmt.Sprintln(v), name)
		for _, wrong := range []string{"%!", "%d %[5]d", "", "%*d"} {
			requireHidden(t, r, fmt.Sprintf(wrong, v), name+" under the wrong format "+wrong)
		}
		requireHidden(t, r, fmt.Errorf("failed: %w, %v", errors.New("x"), v).Error(), name+" in an error")

		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		requireHidden(t, r, log.String(), name+" in slog")

		text, _ := json.Marshal(v)
		requireHidden(t, r, string(text), name+" in JSON")
		text, _ = xml.Marshal(v)
		requireHidden(t, r, string(text), name+" in XML")
		var buf bytes.Buffer
		_ = gob.NewEncoder(&buf).Encode(v)
		requireHidden(t, r, buf.String(), name+" in gob")
	}
}

func TestRedactedForm(t *testing.T) {
	spec.Covers(t, "URI-9")
	r := sample(t, "127.0.0.1:4711", "a.example:2")
	want := "captp://" + r.URI()[len("captp://"):][:10] + "…@127.0.0.1:4711,a.example:2/[redacted]"
	require.Equal(t, want, r.String())
	require.Equal(t, want, fmt.Sprintf("%v", r))
	require.Equal(t, want, fmt.Sprintf("%+v", r))
	require.Equal(t, want, fmt.Sprintf("%#v", r))
	require.Equal(t, want, fmt.Sprintf("%x", r))
	require.Equal(t, fmt.Sprintf("%q", want), fmt.Sprintf("%q", r))
	require.Equal(t, fmt.Sprintf("%90s|", want), fmt.Sprintf("%90v|", r))
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, `"`+want+`"`, string(text))
	require.Equal(t, want, r.LogValue().String())
	require.Equal(t, "[redacted]", r.Swissnum().String())
	_, err = sturdyref.Parse(want)
	require.ErrorContains(t, err, "redacted form")
}

func TestZero(t *testing.T) {
	var r sturdyref.Ref
	require.True(t, r.IsZero())
	require.Empty(t, r.URI())
	require.Nil(t, r.Locations())
	require.True(t, r.Vat().IsZero())
	require.True(t, r.Swissnum().IsZero())
	require.Zero(t, r.Swissnum().Reveal())
	require.Equal(t, "captp://[none]", fmt.Sprint(r))
	require.False(t, sample(t).IsZero())
	require.False(t, sample(t).Swissnum().IsZero())
}

func TestNewRefuses(t *testing.T) {
	spec.Covers(t, "URI-2", "URI-3")
	vat, s := crypto.VatID{9}, sample(t).Swissnum()
	here := []string{"127.0.0.1:4711"}
	long := make([]string, 8)
	for i := range long {
		long[i] = fmt.Sprintf("%s.%s%d:4711", strings.Repeat("a", 63), strings.Repeat("b", 60), i)
	}
	for _, tt := range []struct {
		name      string
		vat       crypto.VatID
		locations []string
		s         sturdyref.Swissnum
		want      string
	}{
		{"no vat", crypto.VatID{}, here, s, "vat id"},
		{"no key", crypto.VatID{1}, here, s, "vat id"},
		{"no swissnum", vat, here, sturdyref.Swissnum{}, "no swissnum"},
		{"no location", vat, nil, s, "no location"},
		{"nine", vat, make([]string, 9), s, "9 locations"},
		{"twice", vat, []string{here[0], here[0]}, s, `"127.0.0.1:4711" stands twice`},
		{"too long", vat, long, s, "fewer locations"},
		{"bad location", vat, []string{"0.0.0.0:1"}, s, `location "0.0.0.0:1": nobody can dial`},
		{"a comma", vat, []string{"a.example:1,b.example:2"}, s, "location"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := sturdyref.New(tt.vat, tt.locations, tt.s)
			require.ErrorContains(t, err, tt.want)
			require.True(t, r.IsZero())
		})
	}
	_, err := sturdyref.NewSwissnum(crypto.VatID{})
	require.Error(t, err)
}

func TestSwissnumsAreFresh(t *testing.T) {
	spec.Covers(t, "URI-7")
	seen := make(map[sturdyref.Swissnum]bool)
	var or [sturdyref.SwissnumSize]byte
	for range 200 {
		s, err := sturdyref.NewSwissnum(crypto.VatID{9})
		require.NoError(t, err)
		require.False(t, seen[s])
		seen[s] = true
		for i, b := range s.Reveal() {
			or[i] |= b
		}
	}
	for i, b := range or {
		require.Equal(t, byte(0xff), b, "byte %d: some bit never varies", i)
	}
}

func TestHashDependsOnVatAndSecret(t *testing.T) {
	a, b := sample(t).Swissnum(), sample(t).Swissnum()
	vat, other := crypto.VatID{9}, crypto.VatID{10}
	require.Equal(t, a.Hash(vat), a.Hash(vat))
	require.NotEqual(t, a.Hash(vat), b.Hash(vat))
	require.NotEqual(t, a.Hash(vat), a.Hash(other))
}

func TestRefsAreComparable(t *testing.T) {
	r := sample(t, "127.0.0.1:1", "127.0.0.1:2")
	again, err := sturdyref.Parse(r.URI())
	require.NoError(t, err)
	require.True(t, r == again)
	swapped, err := sturdyref.New(r.Vat(), []string{"127.0.0.1:2", "127.0.0.1:1"}, r.Swissnum())
	require.NoError(t, err)
	require.False(t, r == swapped)
	require.False(t, r == sample(t, "127.0.0.1:1", "127.0.0.1:2"))
}

func TestLocationsAreACopy(t *testing.T) {
	r := sample(t)
	r.Locations()[0] = "evil.example:1"
	require.Equal(t, []string{"127.0.0.1:4711"}, r.Locations())
}

func TestInsideABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sample(t)
		again, err := sturdyref.Parse(r.URI())
		require.NoError(t, err)
		require.True(t, r == again)
	})
}
