package sturdyref_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

func TestFileRoundTrip(t *testing.T) {
	spec.Covers(t, "URI-10")
	r := sample(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "log.cap")
	require.NoError(t, sturdyref.WriteFile(path, r))

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, r.URI()+"\n", string(text))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays")

	again, err := sturdyref.ReadFile(path)
	require.NoError(t, err)
	require.True(t, r == again)
}

func TestWriteFileNeverOverwrites(t *testing.T) {
	spec.Covers(t, "URI-10")
	dir := t.TempDir()
	file, sub, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "sub"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	require.NoError(t, os.Mkdir(sub, 0o700))
	paths := []string{file, sub}
	if os.Symlink(filepath.Join(dir, "elsewhere"), dangling) == nil {
		paths = append(paths, dangling)
	}
	for _, path := range paths {
		err := sturdyref.WriteFile(path, sample(t))
		require.True(t, errors.Is(err, fs.ErrExist), "%s: %v", path, err)
		require.ErrorContains(t, err, filepath.Base(path))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
	require.NoFileExists(t, filepath.Join(dir, "elsewhere"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(paths), "no temporary file stays")
}

func TestWriteFileRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.cap")
	require.ErrorContains(t, sturdyref.WriteFile(path, sturdyref.Ref{}), "zero Ref")
	require.NoFileExists(t, path)
	err := sturdyref.WriteFile(filepath.Join(path, "no", "such"), sample(t))
	require.True(t, errors.Is(err, fs.ErrNotExist), "%v", err)
}

func TestReadFileWarns(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes say nothing on Windows")
	}
	spec.Covers(t, "URI-11")
	r := sample(t)
	path := filepath.Join(t.TempDir(), "log.cap")
	require.NoError(t, sturdyref.WriteFile(path, r))
	for mode, warns := range map[fs.FileMode]bool{
		0o600: false, 0o400: false, 0o700: false, 0o640: true, 0o604: true, 0o644: true, 0o620: true, 0o601: true,
	} {
		require.NoError(t, os.Chmod(path, mode))
		got, err := sturdyref.ReadFile(path)
		require.True(t, r == got, "%#o", mode)
		if warns {
			require.ErrorIs(t, err, sturdyref.ErrPermissive, "%#o", mode)
			require.ErrorContains(t, err, "chmod 600")
		} else {
			require.NoError(t, err, "%#o", mode)
		}
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := sturdyref.ReadFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	r := sample(t)
	path := filepath.Join(dir, "bad.cap")
	require.NoError(t, os.WriteFile(path, []byte(r.URI()[:130]), 0o644))
	got, err := sturdyref.ReadFile(path)
	require.True(t, got.IsZero())
	require.NotErrorIs(t, err, sturdyref.ErrPermissive)
	require.ErrorContains(t, err, "bad.cap")
	require.ErrorContains(t, err, "in the swissnum")
	requireHidden(t, r, err.Error(), "error")
}

func TestRead(t *testing.T) {
	r := sample(t)
	for end, ok := range map[string]bool{
		"": true, "\n": true, "\r\n": true,
		"\r": false, "\n\n": false, " \n": false, "\nx": false, "\n\r\n": false, "\x00": false,
		strings.Repeat("\n", 5000): false,
	} {
		got, err := sturdyref.Read(iotest.OneByteReader(strings.NewReader(r.URI() + end)))
		require.Equal(t, ok, err == nil, "%q: %v", end, err)
		require.Equal(t, ok, r == got, "%q", end)
		if err != nil {
			var pe *sturdyref.ParseError
			require.ErrorAs(t, err, &pe)
		}
	}
	_, err := sturdyref.Read(iotest.ErrReader(errors.New("broken pipe")))
	require.ErrorContains(t, err, "broken pipe")
}
