package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

func TestRun(t *testing.T) {
	ids := spec.IDs()
	require.NotEmpty(t, ids)
	all := strings.Join(ids, "\n") + "\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		code  int
		out   string
	}{
		{"nothing ran", nil, 2, "no test wrote into"},
		{"other files only", map[string]string{"x.txt": all}, 2, "no test wrote into"},
		{"all", map[string]string{"covers-1.txt": all}, 0, "ids covered"},
		{"all, by two processes", map[string]string{"covers-1.txt": ids[0] + "\n", "covers-2.txt": all}, 0, "ids covered"},
		{"one missing", map[string]string{"covers-1.txt": strings.Join(ids[1:], "\n")}, 1, ids[0] + " is not covered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			var out bytes.Buffer
			require.Equal(t, tt.code, run([]string{dir}, &out, &out))
			require.Contains(t, out.String(), tt.out)
		})
	}
}

func TestUsage(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, 2, run(nil, &out, &out))
	require.Contains(t, out.String(), "usage")
}
