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
