package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, ümläut, 漢字, 😀":    "plain text, ümläut, 漢字, 😀",
		"a\nb\tc\\d":                   `a\nb\tc\\d`,
		"\x1b[2J\x07\x7f":              `\u001b[2J\u0007\u007f`,
		"\u0085\u009b":                 `\u0085\u009b`,
		"\u202eevil\u2066\u200f\ufeff": `\u202eevil\u2066\u200f\ufeff`,
		"no\u00a0break\u2028":          `no\u00a0break\u2028`,
		"\U000e0041":                   `\udb40\udc41`,
		"\xff\xc0a":                    `\ufffd\ufffda`,
	} {
		require.Equal(t, want, escape(in))
	}
}

// FuzzEscape: what comes out prints as it stands, and JSON reads what went in.
func FuzzEscape(f *testing.F) {
	f.Add("plain \"text\"")
	f.Add("\x1b[31m \u202e \xff \U000e0041 \\ \n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range escape(s) {
			require.True(t, strconv.IsPrint(r), "%q", r)
		}
		var back string
		require.NoError(t, json.Unmarshal(appendQuoted(nil, s), &back))
		var want strings.Builder
		for _, r := range s { // a piece of invalid UTF-8 is a U+FFFD for each byte
			want.WriteRune(r)
		}
		require.Equal(t, want.String(), back)
	})
}

// FuzzArg: whatever stands on the command line is a value or an error, and the
// value is printed as valid JSON that, as an argument, is the same value.
func FuzzArg(f *testing.F) {
	for _, s := range []string{
		"", "foot", "5", "-5.5e3", "1e999", "18446744073709551616", "true", "null", `"quoted \u202e"`, `{"a":[1,{"b":null}],"c":"d"}`,
		`{"$bytes":"AAH/"}`, `{"$time":"2026-11-23T12:30:00Z"}`, `{"$duration":"1m"}`, `{"a":1,"a":2}`, "[1", "[] []", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := parseArg(s)
		if err != nil {
			require.Nil(t, x)
			return
		}
		out := appendJSON(nil, x)
		require.True(t, json.Valid(out), "%q", out)
		require.True(t, utf8.Valid(out))
		y, err := parseArg(string(out))
		require.NoError(t, err, "%q", out)
		require.Equal(t, string(out), string(appendJSON(nil, y)))
	})
}
