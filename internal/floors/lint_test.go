package floors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCaptpIsPure: what the machine needs of the world is passed in.
func TestCaptpIsPure(t *testing.T) {
	found := 0
	for _, src := range sources(t, filepath.Join(root, "captp")) {
		if !src.test {
			found++
			for _, fault := range impurities(src) {
				t.Error(fault)
			}
		}
	}
	require.NotZero(t, found)
}

// TestNoTestSleeps: time.Sleep is for tests in a synctest bubble, where it costs no time and races with nothing.
func TestNoTestSleeps(t *testing.T) {
	for _, src := range sources(t, root) {
		if src.test {
			for _, fault := range sleeps(src) {
				t.Error(fault)
			}
		}
	}
}

// maxLines is where "about 500 lines" ends.
const maxLines = 600

func TestNoFileOutgrowsItsReader(t *testing.T) {
	for _, src := range sources(t, root) {
		if n := src.fset.File(src.file.Pos()).LineCount(); !src.test && !ast.IsGenerated(src.file) && n > maxLines {
			t.Errorf("%s has %d lines: one concept per file, about 500 lines at most", src.path, n)
		}
	}
}

// source is one parsed file.
type source struct {
	path string
	test bool
	fset *token.FileSet
	file *ast.File
}

// at returns where a node stands.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// imports returns the name under which the file imports a path, or "".
func (s source) imports(path string) string {
	for _, imp := range s.file.Imports {
		if imp.Path.Value == strconv.Quote(path) {
			if imp.Name != nil {
				return imp.Name.Name
			}
			return path[strings.LastIndexByte(path, '/')+1:]
		}
	}
	return ""
}

// sources parses every Go file below dir, nested modules included.
func sources(t *testing.T, dir string) (all []source) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || strings.HasPrefix(name, ".") && strings.Trim(name, ".") != "" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		src, err := parse(strings.TrimPrefix(filepath.ToSlash(path), root+"/"), string(text))
		all = append(all, src)
		return err
	}))
	return all
}

func parse(path, text string) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	return source{path, strings.HasSuffix(path, "_test.go"), fset, file}, err
}

// impure lists what captp may not import, neither itself nor what lies below it.
var impure = []string{"net", "os", "context", "sync", "math/rand", "crypto/rand", "syscall", "runtime"}

// clocks lists what captp may not use of package time; durations and instants as values are welcome.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func impurities(src source) (faults []string) {
	for _, imp := range src.file.Imports {
		path, _ := strconv.Unquote(imp.Path.Value)
		for _, banned := range impure {
			if path == banned || strings.HasPrefix(path, banned+"/") {
				faults = append(faults, fmt.Sprintf("%s: captp must not import %s", src.at(imp), path))
			}
		}
	}
	clock := src.imports("time")
	ast.Inspect(src.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, src.at(n)+": captp must not start a goroutine")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && clock != "" && x.Name == clock && slices.Contains(clocks, n.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: captp must not read a clock: time.%s", src.at(n), n.Sel.Name))
			}
		}
		return true
	})
	return faults
}

func sleeps(src source) (faults []string) {
	clock := src.imports("time")
	if clock == "" || src.imports("testing/synctest") != "" {
		return nil
	}
	ast.Inspect(src.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == clock {
				faults = append(faults, src.at(n)+": a test must not sleep: use testing/synctest")
			}
		}
		return true
	})
	return faults
}

func TestImpurities(t *testing.T) {
	for text, want := range map[string]int{
		`package captp; import "time"; const d = time.Second`:                    0,
		`package captp; import "time"; var t = time.Now()`:                       1,
		`package captp; import "time"; var now = time.Now`:                       1,
		`package captp; import clock "time"; var t = clock.NewTimer(clock.Hour)`: 1,
		`package captp; import ("net"; "os")`:                                    2,
		`package captp; import "sync/atomic"`:                                    1,
		`package captp; import "math/rand/v2"`:                                   1,
		`package captp; import "crypto/sha256"`:                                  0,
		`package captp; import "math/bits"`:                                      0,
		`package captp; func f() { go f() }`:                                     1,
	} {
		src, err := parse("captp/x.go", text)
		require.NoError(t, err)
		require.Len(t, impurities(src), want, text)
	}
}

func TestSleeps(t *testing.T) {
	for text, want := range map[string]int{
		`package x; import "time"; func f() { time.Sleep(1) }`:                                        1,
		`package x; import clock "time"; func f() { clock.Sleep(1) }`:                                 1,
		`package x; import ("time"; "testing/synctest"); func f() { time.Sleep(1); synctest.Wait() }`: 0,
		`package x; import "time"; const d = time.Second`:                                             0,
	} {
		src, err := parse("x_test.go", text)
		require.NoError(t, err)
		require.Len(t, sleeps(src), want, text)
	}
}
