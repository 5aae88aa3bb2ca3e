package vat_test

import (
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

var makeGolden = flag.String("makegolden", "", "make the directory of this name in testdata, for TestGolden")

// golden are the vats in testdata that earlier programs have written, one for each time that what is
// in them has changed. Their secrets are nobody's.
const golden = "testdata/vat1"

// TestGolden opens a vat that an earlier program has written: who had a sturdyref can still use it,
// who had not still cannot.
func TestGolden(t *testing.T) {
	if *makeGolden != "" {
		writeGolden(t, filepath.Join("testdata", *makeGolden))
	}
	dir := filepath.Join(t.TempDir(), "vat")
	require.NoError(t, os.Mkdir(dir, 0o700))
	key, err := os.ReadFile(filepath.Join(golden, "key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), key, 0o600))
	packed, err := os.Open(filepath.Join(golden, "store.gz"))
	require.NoError(t, err)
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "store"), data, 0o600))

	net := vattest.NewNetwork()
	v := opened(t, net, dir)
	defer func() { require.NoError(t, v.Close()) }()
	works(t, net, goldenCap(t, "good"))
	for _, name := range []string{"revoked", "expired", "used"} {
		_, err := v.GrantOf(goldenCap(t, name))
		require.ErrorIs(t, err, vat.ErrNoSuchObject, name)
	}
	list := v.Grants()
	require.Len(t, list, 2)
	require.Equal(t, []string{"good", "once"}, []string{list[0].Label(), list[1].Label()})
	require.True(t, list[1].Once())
	require.True(t, list[1].Expires().Equal(time.Unix(4e9, 0)))
	uses, _ := list[0].Uses()
	require.EqualValues(t, 2, uses, "one of them by this test")
}

// goldenCap reads a sturdyref of the golden vat.
func goldenCap(t *testing.T, name string) sturdyref.Ref {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(golden, name+".uri"))
	require.NoError(t, err)
	sr, err := sturdyref.Parse(string(text))
	require.NoError(t, err)
	return sr
}

// writeGolden makes such a vat.
func writeGolden(t *testing.T, to string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o755))
	net, dir := vattest.NewNetwork(), filepath.Join(t.TempDir(), "vat")
	v := opened(t, net, dir)
	for _, cfg := range []*vat.ExportConfig{
		{Label: "good"}, {Label: "revoked"}, {Label: "expired", Lifetime: time.Millisecond},
		{Label: "used", Once: true}, {Label: "once", Once: true, Expires: time.Unix(4e9, 0)},
	} {
		g, err := v.Mint("log", cfg)
		require.NoError(t, err)
		switch cfg.Label {
		case "good", "used":
			works(t, net, g.Sturdyref())
		case "revoked":
			require.NoError(t, g.Revoke())
		}
		require.NoError(t, os.WriteFile(filepath.Join(to, cfg.Label+".uri"), []byte(g.Sturdyref().URI()), 0o644))
	}
	require.NoError(t, v.Close())
	key, err := os.ReadFile(filepath.Join(dir, "key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, "key"), key, 0o644))
	data, err := os.ReadFile(filepath.Join(dir, "store"))
	require.NoError(t, err)
	f, err := os.Create(filepath.Join(to, "store.gz"))
	require.NoError(t, err)
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
}
