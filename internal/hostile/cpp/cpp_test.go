package cpp

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// built is the program, where it can be built; CI has what it takes.
func built(t *testing.T) string {
	t.Helper()
	program, err := Build()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	return program
}

func TestBuildOnce(t *testing.T) {
	program := built(t)
	first, err := os.Stat(program)
	require.NoError(t, err)
	require.Equal(t, program, built(t))
	again, err := os.Stat(program)
	require.NoError(t, err)
	require.True(t, os.SameFile(first, again))
	require.Equal(t, first.ModTime(), again.ModTime())
}

func TestWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Build()
	require.ErrorIs(t, err, ErrMissing)
}

func TestServer(t *testing.T) {
	s, err := Start(built(t))
	require.NoError(t, err)
	require.Contains(t, s.Addr, "127.0.0.1:")
	held, err := s.Held()
	require.NoError(t, err)
	require.Positive(t, held)
	_, err = s.Used()
	require.NoError(t, err)
	s.Close()
	_, err = s.Held()
	require.Error(t, err, "it has ended")
}

func TestNoServer(t *testing.T) {
	_, err := Start(filepath.Join(t.TempDir(), "none"))
	require.Error(t, err)
}
