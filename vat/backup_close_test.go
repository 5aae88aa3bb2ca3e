package vat_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Close ends a backup that is under way, and then lets others have the directory.
func TestCloseEndsBackup(t *testing.T) {
	dir := t.TempDir()
	v, err := vat.Open(filepath.Join(dir, "vat"), quiet())
	require.NoError(t, err)
	p := page(t, v)
	for range 6 {
		call[any](t, p, "write", strings.Repeat("x", 2<<20))
	}
	ended := make(chan error, 1)
	go func() { ended <- v.Backup(context.Background(), filepath.Join(dir, "copy")) }()
	for begun := false; !begun; {
		info, err := os.Stat(filepath.Join(dir, "copy", "store"))
		begun = err == nil && info.Size() > 0
	}
	require.NoError(t, v.Close())
	<-ended
	v, err = vat.Open(filepath.Join(dir, "vat"), quiet())
	require.NoError(t, err)
	require.NoError(t, v.Close())
}

// The store of a vat that runs can be checked: of one that was damaged under its hands it is said.
func TestCheckWhileItRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vat")
	v, err := vat.Open(dir, quiet())
	require.NoError(t, err)
	p := page(t, v)
	call[any](t, p, "write", "a line that is worn")
	require.NoError(t, v.Check(t.Context()))
	store, err := os.OpenFile(filepath.Join(dir, "store"), os.O_RDWR, 0)
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(dir, "store"))
	require.NoError(t, err)
	_, err = store.WriteAt([]byte("A"), int64(strings.LastIndex(string(data), "a line that is worn")))
	require.NoError(t, err)
	require.NoError(t, store.Close())
	require.ErrorContains(t, v.Check(t.Context()), "damaged")
	require.NoError(t, v.Close())
	require.ErrorIs(t, v.Check(t.Context()), vat.ErrClosed)
	v, err = vat.New(nil)
	require.NoError(t, err)
	require.ErrorIs(t, v.Check(t.Context()), vat.ErrNoStore)
	require.NoError(t, v.Close())
}
