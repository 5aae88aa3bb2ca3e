package vat_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/vattest"
)

// opened opens the vat in a directory on a network in memory, with a recorder published.
func opened(t *testing.T, net *vattest.Network, dir string) *vat.Vat {
	t.Helper()
	cfg := quiet()
	cfg.Network, cfg.Listen = net.Host("there"), []string{"there:0"}
	v, err := vat.Open(dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.Close() }) // the test has, unless it failed
	require.NoError(t, v.Publish("log", &Recorder{}))
	return v
}

// works reports that a sturdyref leads to the object.
func works(t *testing.T, net *vattest.Network, sr sturdyref.Ref) {
	t.Helper()
	here := net.Vat(t, "here", quiet())
	require.Equal(t, "", call[string](t, here.Enliven(sr), "join"))
	require.NoError(t, here.Close())
}

func TestOpen(t *testing.T) {
	spec.Covers(t, "DUR-1", "DUR-7")
	net, dir := vattest.NewNetwork(), filepath.Join(t.TempDir(), "new", "vat")
	v := opened(t, net, dir)
	g, err := v.Mint("log", nil)
	require.NoError(t, err)
	works(t, net, g.Sturdyref())
	_, err = vat.Open(dir, quiet())
	require.ErrorIs(t, err, store.ErrLocked)
	var locked *store.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)
	id, at := v.ID(), v.Locations()
	require.NoError(t, v.Close())

	for range 2 {
		v = opened(t, net, dir)
		require.Equal(t, id, v.ID())
		require.Equal(t, at, v.Locations(), "the port stays")
		works(t, net, g.Sturdyref())
		require.NoError(t, v.Close())
	}
	secret := g.Sturdyref().Swissnum().Reveal()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			require.Zero(t, info.Mode().Perm()&0o077, path)
		}
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.False(t, bytes.Contains(data, secret[:]), path)
			require.False(t, bytes.Contains(data, []byte(g.Sturdyref().URI()[70:])), path)
		}
		return nil
	}))
}

// Who does not listen advertises what the vat did that listened last.
func TestOpenWithoutListening(t *testing.T) {
	net, dir := vattest.NewNetwork(), t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	v, err := vat.Open(dir, quiet())
	require.NoError(t, err)
	_, err = v.Mint("log", nil)
	require.ErrorIs(t, err, vat.ErrNoLocation)
	require.NoError(t, v.Close())
	require.NoError(t, opened(t, net, dir).Close())
	v, err = vat.Open(dir, quiet())
	require.NoError(t, err)
	g, err := v.Mint("log", nil)
	require.NoError(t, err)
	require.NoError(t, v.Close())
	v = opened(t, net, dir)
	works(t, net, g.Sturdyref())
	require.NoError(t, v.Close())
}

func TestOpenRefuses(t *testing.T) {
	spec.Covers(t, "DUR-6", "DUR-7", "DUR-8")
	net := vattest.NewNetwork()
	dir := filepath.Join(t.TempDir(), "vat")
	require.NoError(t, opened(t, net, dir).Close())
	other := filepath.Join(t.TempDir(), "vat")
	require.NoError(t, opened(t, net, other).Close())

	key, away := filepath.Join(dir, "key"), filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.Rename(key, away))
	_, err := vat.Open(dir, quiet())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, key)
	data, err := os.ReadFile(filepath.Join(other, "key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, data, 0o600))
	_, err = vat.Open(dir, quiet())
	require.ErrorIs(t, err, vat.ErrOtherIdentity)
	require.NoError(t, os.Remove(key))
	require.NoError(t, os.Rename(away, key))
	require.NoError(t, opened(t, net, dir).Close())

	cfg := quiet()
	cfg.Identity, err = crypto.NewIdentity()
	require.NoError(t, err)
	_, err = vat.Open(dir, cfg)
	require.ErrorContains(t, err, "leave them nil")
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(dir, 0o750))
		_, err = vat.Open(dir, quiet())
		require.ErrorIs(t, err, vat.ErrOpenDir)
	}
}

func TestPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vat")
	open := func(passphrase string) (*vat.Vat, error) {
		cfg := quiet()
		if passphrase != "" {
			cfg.Passphrase = func() ([]byte, error) { return []byte(passphrase), nil }
		}
		return vat.Open(dir, cfg)
	}
	v, err := open("correct horse")
	require.NoError(t, err)
	id := v.ID()
	require.NoError(t, v.Close())
	for _, wrong := range []string{"", "battery staple"} {
		_, err = open(wrong)
		require.ErrorIs(t, err, crypto.ErrPassphrase)
	}
	v, err = open("correct horse")
	require.NoError(t, err)
	require.Equal(t, id, v.ID())
	require.NoError(t, v.Close())
	cfg, asked := quiet(), errors.New("nobody is there")
	cfg.Passphrase = func() ([]byte, error) { return nil, asked }
	_, err = vat.Open(dir, cfg)
	require.ErrorIs(t, err, asked)
}

// A backup that was made while the vat ran answers elsewhere, by the same sturdyrefs.
func TestBackup(t *testing.T) {
	net, dir, to := vattest.NewNetwork(), filepath.Join(t.TempDir(), "vat"), filepath.Join(t.TempDir(), "copy")
	v := opened(t, net, dir)
	g, err := v.Mint("log", &vat.ExportConfig{Lifetime: time.Hour})
	require.NoError(t, err)
	require.NoError(t, v.Backup(t.Context(), to))
	require.ErrorIs(t, v.Backup(t.Context(), to), fs.ErrExist)
	late, err := v.Mint("log", nil)
	require.NoError(t, err)
	works(t, net, late.Sturdyref())
	require.NoError(t, v.Close())

	v = opened(t, net, to)
	works(t, net, g.Sturdyref())
	require.Len(t, v.Grants(), 1)
	require.NoError(t, v.Close())

	v, err = vat.New(quiet())
	require.NoError(t, err)
	require.ErrorIs(t, v.Backup(t.Context(), filepath.Join(t.TempDir(), "none")), vat.ErrNoStore)
	require.NoError(t, v.Close())
}
