// Package docs_test keeps the prose of the project honest: the Go code in the
// README and in this folder is code that these tests compile and run, and its
// links lead somewhere.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages returns the pages that people read, by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	top, err := filepath.Glob("../*.md")
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range append(names, top...) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all[name] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	require.Contains(t, all, "../README.md")
	return all
}

// flat takes away what differs by where code stands: indentation, empty lines.
func flat(code string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(code) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestCode: a block of Go in a page stands, line by line, in a test of this folder
// or in examples/log.
func TestCode(t *testing.T) {
	var compiled []string
	for _, pattern := range []string{"*_test.go", "../examples/log/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			compiled = append(compiled, flat(string(text)))
		}
	}
	blocks := 0
	for name, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			blocks++
			found := false
			for _, code := range compiled {
				found = found || strings.Contains(code, flat(m[1]))
			}
			require.True(t, found, "%s: this block is compiled nowhere:\n%s", name, m[1])
		}
	}
	require.Greater(t, blocks, 5)
}

var (
	anyFence = regexp.MustCompile("(?ms)^```.*?^```$")
	linked   = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
)

// TestLinks: what a page links to in this repository is there.
func TestLinks(t *testing.T) {
	for name, text := range pages(t) {
		for _, m := range linked.FindAllStringSubmatch(anyFence.ReplaceAllString(text, ""), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(name), m[1]))
			require.NoError(t, err, "%s links to %s", name, m[1])
		}
	}
}
