package crypto_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
)

func identity(t testing.TB) *crypto.Identity {
	t.Helper()
	id, err := crypto.NewIdentity()
	require.NoError(t, err)
	return id
}

// fixed gives the identity of a seed of one repeated byte.
func fixed(b byte) *crypto.Identity {
	return crypto.IdentityFromSeed([32]byte(bytes.Repeat([]byte{b}, 32)))
}

func TestVatIDText(t *testing.T) {
	spec.Covers(t, "ID-2")
	rapid.Check(t, func(r *rapid.T) {
		var id crypto.VatID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "id"))
		id[31] &= 0x3f
		id[0] |= 2
		text := id.String()
		require.Len(r, text, crypto.VatIDLen)
		back, err := crypto.ParseVatID(text)
		require.NoError(r, err)
		require.Equal(r, id, back)

		// Any one character changed is noticed.
		i := rapid.IntRange(0, len(text)-1).Draw(r, "i")
		c := rapid.SampledFrom([]byte("abcdefghijklmnopqrstuvwxyz234567")).Draw(r, "c")
		if other := text[:i] + string(c) + text[i+1:]; other != text {
			if got, err := crypto.ParseVatID(other); err == nil {
				require.Equal(r, other, got.String(), "the checksum has 16 bits, but the form is canonical")
			}
		}
	})
}

func TestParseVatIDSaysWhatIsWrong(t *testing.T) {
	spec.Covers(t, "ID-2")
	good := fixed(1).VatID().String()
	flipped := []byte(good)
	flipped[20] ^= 1
	if flipped[20] == '1' || flipped[20] > 'z' || flipped[20] < '2' || flipped[20] == '`' {
		flipped[20] = 'a'
	}
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "it has 0 characters, not 56"},
		{"short", good[1:], "it has 55 characters, not 56"},
		{"long", good + "a", "it has 57 characters, not 56"},
		{"upper case", strings.ToUpper(good), "character 1 is not one of a-z, 2-7"},
		{"a one", good[:9] + "1" + good[10:], "character 10 is not one of a-z, 2-7"},
		{"padding", good[:55] + "=", "character 56 is not one of a-z, 2-7"},
		{"line end", good[:55] + "\n", "character 56 is not one of a-z, 2-7"},
		{"not ASCII", good[:54] + "é", "character 55 is not one of a-z, 2-7"},
		{"version", "ai" + good[2:], "its version is 2, not 1"},
		{"typo", string(flipped), "its checksum does not match: a character is mistyped"},
		{"zero", crypto.VatID{}.String(), "it is no usable key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := crypto.ParseVatID(c.text)
			require.ErrorIs(t, err, crypto.ErrVatID)
			require.EqualError(t, err, "crypto: malformed vat id: "+c.says)
			require.Zero(t, id)
		})
	}
}

// notKeys are 32 bytes each that X25519 takes, and that are no vat id.
func notKeys() map[string]crypto.VatID {
	p := crypto.VatID(bytes.Repeat([]byte{0xff}, 32))
	p[0], p[31] = 0xed, 0x7f
	next := func(id crypto.VatID, d byte) crypto.VatID { id[0] += d; return id }
	high := fixed(1).VatID()
	high[31] |= 0x80
	keys := map[string]crypto.VatID{
		"p, which is 0": p, "p+1, which is 1": next(p, 1), "p+2, which is 2": next(p, 2), "2^255-1": next(p, 0x12),
		"high bit set": high,
	}
	for i, id := range crypto.LowOrder {
		keys["low order "+string(rune('0'+i))] = id
	}
	return keys
}

func TestVatIDsThatAreNoKeys(t *testing.T) {
	spec.Covers(t, "ID-3")
	for name, id := range notKeys() {
		_, err := crypto.ParseVatID(id.String())
		require.ErrorIs(t, err, crypto.ErrVatID, name)
		_, err = crypto.NewInitiator(fixed(1), id, crypto.Hello{})
		require.ErrorIs(t, err, crypto.ErrVatID, name)
	}
	private, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	for i, id := range crypto.LowOrder {
		public, err := ecdh.X25519().NewPublicKey(id[:])
		require.NoError(t, err)
		_, err = private.ECDH(public)
		require.Error(t, err, "point %d of the list is of low order", i)
	}
	// The largest number below p is of low order, the one before it is not.
	id := crypto.LowOrder[4]
	id[0]--
	_, err = crypto.ParseVatID(id.String())
	require.NoError(t, err)
}

func TestVatIDIsAValue(t *testing.T) {
	a, b := crypto.VatID{0: 1, 31: 2}, crypto.VatID{0: 2}
	require.True(t, a.Less(b))
	require.False(t, b.Less(a))
	require.False(t, a.Less(a))
	require.True(t, crypto.VatID{}.IsZero())
	require.False(t, a.IsZero())
	require.Equal(t, a.String()[:10]+"…", a.Short())

	type doc struct{ A, Zero crypto.VatID }
	in := doc{A: fixed(3).VatID()}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	require.Contains(t, string(text), in.A.String())
	var out doc
	require.NoError(t, json.Unmarshal(text, &out))
	require.Equal(t, in, out)
	require.ErrorIs(t, out.A.UnmarshalText([]byte("x")), crypto.ErrVatID)
	require.Equal(t, in, out, "a failed UnmarshalText changes nothing")
}

func FuzzParseVatID(f *testing.F) {
	f.Add(fixed(1).VatID().String())
	f.Add(strings.Repeat("a", 56))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := crypto.ParseVatID(s)
		if err != nil {
			require.ErrorIs(t, err, crypto.ErrVatID)
			require.Zero(t, id)
			return
		}
		require.Equal(t, s, id.String())
	})
}
