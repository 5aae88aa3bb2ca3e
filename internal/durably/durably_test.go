package durably_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/durably"
)

// That names last is seen where the power goes: internal/kill9.
func TestNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.ErrorIs(t, durably.Sync(dir), os.ErrNotExist)
	for range 2 { // it may be there
		require.NoError(t, durably.Mkdir(dir, 0o700))
	}
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, durably.Mkdir(filepath.Join(file, "c"), 0o700), "not a directory")
	require.NoError(t, durably.Rename(file, file+"2"))
	require.FileExists(t, file+"2")
	require.ErrorIs(t, durably.Rename(file, file+"3"), os.ErrNotExist)
}
