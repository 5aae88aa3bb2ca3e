package sturdyref

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWithoutHardLinks goes the way that is left on a file system without hard links.
func TestWithoutHardLinks(t *testing.T) {
	noLinks := func(from, to string) error {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x.cap")
	require.NoError(t, writeFile(path, "text\n", noLinks))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text\n", string(text))

	err = writeFile(path, "other\n", noLinks)
	require.ErrorIs(t, err, fs.ErrExist)
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text\n", string(text))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
