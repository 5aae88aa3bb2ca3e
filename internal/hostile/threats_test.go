package hostile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rows gives the cells of a table's rows, by a heading of its first column.
func rows(text []byte, heading string) (cells [][]string) {
	in := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "| "+heading+" |"):
			in = true
		case !strings.HasPrefix(line, "|"):
			in = false
		case in && !strings.HasPrefix(line, "|--"):
			row := strings.Split(strings.Trim(line, "|"), "|")
			for i := range row {
				row[i] = strings.TrimSpace(row[i])
			}
			cells = append(cells, row)
		}
	}
	return cells
}

func TestEveryThreatIsMet(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../spec/hostile/threats.md"))
	require.NoError(t, err)
	table := rows(text, "attack")
	require.NotEmpty(t, table)
	for _, row := range table {
		require.Len(t, row, 2, row[0])
		kinds := map[string]int{}
		for _, item := range strings.Split(row[1], ";") {
			kind, name, _ := strings.Cut(strings.TrimSpace(item), " ")
			kinds[kind]++
			require.True(t, isThere(t, kind, name), "%s: there is no %s %q", row[0], kind, name)
		}
		require.NotZero(t, kinds["case"], "%s: no case", row[0])
	}
}

// isThere reports whether something that the table names exists.
func isThere(t *testing.T, kind, name string) bool {
	t.Helper()
	switch kind {
	case "case":
		return slices.ContainsFunc(cases(t), func(c *Case) bool {
			have := strings.ReplaceAll(c.Name(), " | ", " / ") + " "
			return strings.HasPrefix(have, name)
		})
	case "flood":
		return slices.ContainsFunc(Floods, func(f *Flood) bool { return strings.HasPrefix(f.Name, name) })
	case "test":
		dot := strings.LastIndexByte(name, '.')
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(name[:dot]), "*_test.go"))
		require.NoError(t, err)
		head := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name[dot+1:]) + `\(t \*testing\.T\)`)
		return slices.ContainsFunc(files, func(file string) bool {
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			return head.Match(bytes.ReplaceAll(src, []byte("\r"), nil))
		})
	}
	t.Errorf("no such kind: %q", kind)
	return false
}

// The threat model lies beside the checkout, with the vectors.
func TestNoThreatIsForgotten(t *testing.T) {
	dir := os.Getenv("VATNET_VECTORS")
	if dir == "" {
		dir = filepath.FromSlash("../../../shared/vectors")
	}
	model, err := os.ReadFile(filepath.Join(dir, "..", "threats.md"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("the threat model is not beside the checkout")
	}
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.FromSlash("../../spec/hostile/threats.md"))
	require.NoError(t, err)
	first := func(rows [][]string) (out []string) {
		for _, r := range rows {
			out = append(out, r[0])
		}
		return out
	}
	want := first(rows(model, "attack"))
	require.NotEmpty(t, want)
	require.Equal(t, want, first(rows(text, "attack")))
}
