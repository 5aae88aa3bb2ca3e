package sturdyref_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

func TestOpen(t *testing.T) {
	r := sample(t)
	file := filepath.Join(t.TempDir(), "log.cap")
	require.NoError(t, sturdyref.WriteFile(file, r))
	public := filepath.Join(t.TempDir(), "public.cap")
	require.NoError(t, os.WriteFile(public, []byte(r.URI()), 0o600))
	require.NoError(t, os.Chmod(public, 0o644)) // whatever the umask
	t.Setenv("VATNET_TEST_REF", r.URI())

	for arg, want := range map[string]error{
		file:                  nil,
		"-":                   nil,
		"env:VATNET_TEST_REF": nil,
		r.URI():               sturdyref.ErrExposed,
		public:                sturdyref.ErrPermissive,
	} {
		got, err := sturdyref.Open(arg, strings.NewReader(r.URI()+"\n"))
		require.True(t, got == r)
		if runtime.GOOS == "windows" && want == sturdyref.ErrPermissive {
			want = nil
		}
		require.ErrorIs(t, err, want)
		if err != nil {
			require.NotContains(t, err.Error(), r.URI())
		}
	}
}

func TestOpenFails(t *testing.T) {
	cut := sample(t).URI()
	cut = cut[strings.IndexByte(cut, '@')+1:] // what it begins with was lost
	t.Setenv("VATNET_TEST_REF", "captp://secretsecret")
	for arg, want := range map[string]string{
		"none.cap":             `file "none.cap": `,
		cut:                    "file: ",
		"-":                    "standard input: ",
		"env:VATNET_TEST_REF":  `environment variable "VATNET_TEST_REF": `,
		"env:VATNET_TEST_NONE": `there is no environment variable "VATNET_TEST_NONE"`,
		"captp:secretsecret":   "the URI: ",
		"http://secretsecret":  "the URI: ",
	} {
		r, err := sturdyref.Open(arg, strings.NewReader("captp://secretsecret"))
		require.True(t, r.IsZero())
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secretsecret")
		require.NotContains(t, err.Error(), cut[len(cut)-56:])
	}
	_, err := sturdyref.Open("none.cap", nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
