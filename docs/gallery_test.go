package docs_test

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var galleryRow = regexp.MustCompile(`(?m)^\| \[(\w+)\]\(\.\./examples/(\w+)\) \| (\d+) \|`)

// TestGallery: gallery.md has every example, with the lines that it has.
func TestGallery(t *testing.T) {
	page, err := os.ReadFile("gallery.md")
	require.NoError(t, err)
	rows := map[string]int{}
	for _, m := range galleryRow.FindAllStringSubmatch(string(page), -1) {
		require.Equal(t, m[1], m[2])
		rows[m[1]], err = strconv.Atoi(m[3])
		require.NoError(t, err)
	}
	counted := map[string]int{}
	dirs, err := os.ReadDir("../examples")
	require.NoError(t, err)
	for _, dir := range dirs {
		counted[dir.Name()] = lines(t, filepath.Join("../examples", dir.Name()))
		_, err := os.Stat(filepath.Join("../examples", dir.Name(), "README.md"))
		require.NoError(t, err)
	}
	require.Equal(t, counted, rows)
}

// lines counts the lines of a program that hold code, tests apart.
func lines(t *testing.T, dir string) (n int) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			n += len(codeLines(src))
		}
	}
	return n
}

// codeLines returns the numbers of the lines on which a token stands.
func codeLines(src []byte) map[int]bool {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, 0) // without comments
	found := map[int]bool{}
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return found
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue // nobody wrote it
		}
		line := fset.Position(pos).Line
		for i := range strings.Count(text, "\n") + 1 { // a raw string may have several
			found[line+i] = true
		}
	}
}

func TestCodeLines(t *testing.T) {
	src := "package x // 1\n\n// 3\n/* 4\n5 */\nvar s = `6\n7`\n\nfunc f() { // 9\n}\n"
	require.Equal(t, map[int]bool{1: true, 6: true, 7: true, 9: true, 10: true}, codeLines([]byte(src)))
}
