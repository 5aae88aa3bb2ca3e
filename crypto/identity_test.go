package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
)

func TestIdentityIsItsSeed(t *testing.T) {
	a, b := fixed(1), fixed(1)
	require.Equal(t, a.VatID(), b.VatID())
	require.Equal(t, a.StoreKey(), b.StoreKey())
	require.NotEqual(t, a.VatID(), fixed(2).VatID())
	require.NotEqual(t, a.StoreKey(), fixed(2).StoreKey())
	require.NotEqual(t, [32]byte(a.VatID()), a.StoreKey())
	require.NotEqual(t, identity(t).VatID(), identity(t).VatID())
	back, err := crypto.ParseVatID(a.VatID().String())
	require.NoError(t, err)
	require.Equal(t, a.VatID(), back)
}

func TestIdentityNeverPrintsItsSeed(t *testing.T) {
	seed := []byte("\xa7\x5dhis seed is thirty-two bytes..")
	require.Len(t, seed, 32)
	id := crypto.IdentityFromSeed([32]byte(seed))
	var out bytes.Buffer
	type holder struct {
		unexported crypto.Identity
		Pointer    *crypto.Identity
		Any        any
	}
	h := holder{*id, id, *id}
	for _, v := range []any{id, *id, h, &h, []any{id}, map[string]any{"k": *id}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%U", "%c", "%T", "%t", "%e"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "id", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "id", v)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(text)
	}
	store := id.StoreKey()
	for name, secret := range map[string][]byte{"seed": seed, "store key": store[:]} {
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), fmt.Sprintf("%X", secret), base64.StdEncoding.EncodeToString(secret),
			fmt.Sprint(secret)[1:20], fmt.Sprintf("%#v", secret)[8:40], fmt.Sprintf("%b", secret)[1:20], string(secret[:8]),
		} {
			require.False(t, strings.Contains(out.String(), form), "%s as %q", name, form)
		}
	}
	require.Equal(t, "crypto.Identity("+id.VatID().Short()+")", fmt.Sprintf("%#v", id))
}
