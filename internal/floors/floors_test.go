package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestImportsGoDown reads the direct imports of every package, as built for each system; those of tests are free.
func TestImportsGoDown(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for path, imports := range packages(t, goos) {
			from := strings.TrimPrefix(path, Module+"/")
			if _, ok := Floor(from); !ok {
				t.Errorf("%s has no floor: give it one in internal/floors/floors.go", path)
				continue
			}
			for _, imp := range imports {
				to, ours := strings.CutPrefix(imp, Module+"/")
				if !ours {
					continue
				}
				if _, ok := Floor(to); ok && !Allowed(from, to) {
					f, _ := Floor(from)
					g, _ := Floor(to)
					t.Errorf("%s (floor %d) imports %s (floor %d): an import may only go down", from, f, to, g)
				}
			}
		}
	}
}

// packages returns the direct imports of every package of the main module.
func packages(t *testing.T, goos string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.Output()
	require.NoError(t, err, "go list")
	found := make(map[string][]string)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, found)
			return found
		}
		require.NoError(t, err)
		found[p.ImportPath] = p.Imports
	}
}

func TestFloor(t *testing.T) {
	for path, want := range map[string]int{
		"spec": 0, "spec/object": 0, "crypto": 0, "captp": 1, "vat": 2, "vat/store": 0, "vat/vattest": 3,
		"vat/stream/inner": 3, "cmd/vat": 4, "examples/log": 4,
	} {
		got, ok := Floor(path)
		require.True(t, ok, path)
		require.Equal(t, want, got, path)
	}
	for _, path := range []string{"captp/inner", "newroom", "internal/new", ""} {
		_, ok := Floor(path)
		require.False(t, ok, path)
	}
}

func TestAllowed(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		want     bool
	}{
		{"vat", "captp", true},
		{"captp", "vat", false},
		{"crypto", "internal/noise", true},
		{"internal/noise", "crypto", false},
		{"captp", "sturdyref", false},
		{"captp", "internal/link", false},
		{"vat", "internal/link", true},
		{"internal/link", "vat", false},
		{"vat/stream", "vat", true},
		{"vat/stream", "vat/pattern", false},
		{"spec/locator", "spec/object", true},
		{"spec/object", "crypto", false},
		{"crypto", "spec/object", false},
		{"cmd/vat", "vat/vattest", true},
	} {
		require.Equal(t, tt.want, Allowed(tt.from, tt.to), "%s imports %s", tt.from, tt.to)
	}
}
