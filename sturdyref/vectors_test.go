package sturdyref_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

// vector is one case of spec/vectors/uri.json. Expect is "ok" or the part of the URI that is wrong; the fields behind
// URI are set for "ok" only.
type vector struct {
	Name, Expect, URI, Vat, Secret, Hash string
	Locations                            []string
}

func vectors(t testing.TB) []vector {
	text, err := os.ReadFile("../spec/vectors/uri.json")
	require.NoError(t, err)
	var vs []vector
	require.NoError(t, json.Unmarshal(text, &vs))
	require.NotEmpty(t, vs)
	return vs
}

func TestVectors(t *testing.T) {
	spec.Covers(t, "URI-1", "URI-2", "URI-3", "URI-4", "URI-5", "URI-6", "URI-8")
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			r, err := sturdyref.Parse(v.URI)
			if v.Expect != "ok" {
				var pe *sturdyref.ParseError
				require.True(t, errors.As(err, &pe), "%v", err)
				require.Equal(t, v.Expect, pe.Part, "%v", err)
				require.True(t, r.IsZero())
				require.GreaterOrEqual(t, pe.Offset, 0)
				require.LessOrEqual(t, pe.Offset, len(v.URI))
				return
			}
			require.NoError(t, err)
			require.Equal(t, v.URI, r.URI())
			vat := r.Vat()
			require.Equal(t, v.Vat, hex.EncodeToString(vat[:]))
			require.Equal(t, v.Locations, r.Locations())
			secret := r.Swissnum().Reveal()
			require.Equal(t, v.Secret, hex.EncodeToString(secret[:]))
			require.Equal(t, v.Hash, r.Swissnum().Hash(vat).String())
			require.Equal(t, r.Swissnum().Hash(vat), sturdyref.HashSwissnum(vat, &secret))

			made, err := sturdyref.New(vat, v.Locations, sturdyref.SwissnumOf(secret))
			require.NoError(t, err)
			require.True(t, made == r, "New gives the Ref that Parse gives")
		})
	}
}

// TestEveryTypingErrorIsFound changes each character of a URI's two ids to each other one.
func TestEveryTypingErrorIsFound(t *testing.T) {
	spec.Covers(t, "URI-8")
	uri := vectors(t)[0].URI
	for i := range len(uri) {
		inVat := i >= len("captp://") && i < len("captp://")+56
		if !inVat && i < len(uri)-56 {
			continue
		}
		for _, c := range []byte("abcdefghijklmnopqrstuvwxyz234567") {
			if c == uri[i] {
				continue
			}
			b := []byte(uri)
			b[i] = c
			_, err := sturdyref.Parse(string(b))
			// A check of 2 or 3 bytes misses one error in 65536 or more; none of these 3472 is missed.
			require.Error(t, err, "character %d", i)
		}
	}
}
