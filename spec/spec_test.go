package spec

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryIDIsDefinedOnce(t *testing.T) {
	for id, places := range definitions() {
		if len(places) > 1 {
			t.Errorf("%s is defined more than once: %v", id, places)
		}
	}
}

func TestEveryMustHasAnID(t *testing.T) {
	names, err := fs.Glob(prose, "*.md")
	require.NoError(t, err)
	for _, name := range names {
		text, err := prose.ReadFile(name)
		require.NoError(t, err)
		for _, p := range mustsWithoutID(name, string(text)) {
			t.Errorf("%s: a MUST without an id", p)
		}
	}
}

func TestTheIndexNamesEveryFile(t *testing.T) {
	names, err := fs.Glob(prose, "*.md")
	require.NoError(t, err)
	index, err := prose.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range names {
		if name != "README.md" && !strings.Contains(string(index), "| `"+name+"` |") {
			t.Errorf("spec/%s is not in the table of spec/README.md", name)
		}
	}
}

// blockStart matches a line that begins a list item or a table row; blank lines end a paragraph.
var blockStart = regexp.MustCompile(`^\s*([-*+|]|[0-9]+\.)\s?`)

func mustsWithoutID(name, text string) (bad []Place) {
	if name == "README.md" {
		return nil
	}
	block, start := "", 0
	end := func() {
		if strings.Contains(block, "MUST") && len(idsIn(block)) == 0 {
			bad = append(bad, Place{name, start})
		}
		block = ""
	}
	for n, line := range proseLines(text) {
		blank := strings.TrimSpace(line) == ""
		if blank || blockStart.MatchString(line) {
			end()
		}
		if blank {
			continue
		}
		if block == "" {
			start = n + 1
		}
		block += line + "\n"
	}
	end()
	return bad
}

func TestMustsWithoutID(t *testing.T) {
	text := strings.Join([]string{
		"A peer MUST one. [A-1]", "",
		"A peer MUST", "two.", "",
		"- it MUST three [A-2]",
		"- it MUST four", "",
		"```", "MUST five", "```", "",
		"| x | MUST six |",
		"see [MUST-7](x)",
	}, "\n")
	require.Equal(t, []Place{{"a.md", 3}, {"a.md", 7}, {"a.md", 13}}, mustsWithoutID("a.md", text))
	require.Empty(t, mustsWithoutID("README.md", text))
}

func TestDefinedIn(t *testing.T) {
	text := "One [A-1]. Two\n[B-10] three [A-1]\n```\n[C-1]\n```\nA link [SHA-256](https://x), A-7, [A-01], [a-1]\n"
	require.Equal(t, map[string][]Place{
		"A-1":  {{"a.md", 1}, {"a.md", 2}},
		"B-10": {{"a.md", 2}},
	}, definedIn("a.md", text))
	require.Empty(t, definedIn("README.md", text))
}

func TestIDsAreSorted(t *testing.T) {
	require.Negative(t, compareIDs("REC-2", "REC-10"))
	require.Negative(t, compareIDs("HS-9", "REC-1"))
	require.Zero(t, compareIDs("REC-2", "REC-2"))
	ids := IDs()
	for i := 1; i < len(ids); i++ {
		require.Negative(t, compareIDs(ids[i-1], ids[i]))
	}
}

// TestEveryIDIsNamedByATest reads the source of every test in the repository, nested modules included. It is the
// static half of the promise; that the tests also ran and passed is speccheck's to say.
func TestEveryIDIsNamedByATest(t *testing.T) {
	named := make(map[string][]token.Position)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 2 && d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return namedIn(path, named)
	})
	require.NoError(t, err)
	for _, id := range IDs() {
		if len(named[id]) == 0 {
			place, _ := Where(id)
			t.Errorf("spec/%s: no spec.Covers call of any test names %s", place, id)
		}
	}
	for id, at := range named {
		if _, ok := Where(id); !ok {
			t.Errorf("%s: spec.Covers names %s, which no spec/*.md defines", at[0], id)
		}
	}
}

const module = "github.com/vatnet/vatnet/spec"

var idWord = regexp.MustCompile(`^[A-Z]+-[1-9][0-9]*$`)

// namedIn collects the ids in the spec.Covers calls of one file. A call whose arguments are not all literals (ids kept
// in a table of cases) counts every string of the file that has the form of an id and is defined.
func namedIn(path string, named map[string][]token.Position) error {
	src, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(src), module) {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, 0)
	if err != nil {
		return err
	}
	name := importName(file)
	literal := func(n ast.Node) string {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return ""
		}
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	computed := false
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !isSelector(call.Fun, name, "Covers") || len(call.Args) == 0 {
			return true
		}
		for _, arg := range call.Args[1:] {
			if s := literal(arg); s != "" {
				named[s] = append(named[s], fset.Position(arg.Pos()))
			} else {
				computed = true
			}
		}
		return true
	})
	if !computed {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s := literal(n); idWord.MatchString(s) {
			if _, ok := Where(s); ok {
				named[s] = append(named[s], fset.Position(n.Pos()))
			}
		}
		return true
	})
	return nil
}

// importName returns the name under which a file imports this package, or "".
func importName(file *ast.File) string {
	for _, imp := range file.Imports {
		if imp.Path.Value == strconv.Quote(module) {
			if imp.Name != nil {
				return imp.Name.Name
			}
			return "spec"
		}
	}
	return ""
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// fakeTB records what Covers does to its test. The embedded interface is nil: any other method would panic.
type fakeTB struct {
	testing.TB
	errors          []string
	cleanups        []func()
	failed, skipped bool
}

func (f *fakeTB) Helper()           {}
func (f *fakeTB) Failed() bool      { return f.failed }
func (f *fakeTB) Skipped() bool     { return f.skipped }
func (f *fakeTB) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.failed = true
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

func (f *fakeTB) end() {
	for _, fn := range f.cleanups {
		fn()
	}
}

func TestCoversRefusesAnUnknownID(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(CoversEnv, dir)
	var f fakeTB
	Covers(&f, "NOSUCH-1")
	f.end()
	require.Equal(t, []string{"spec.Covers: no spec/*.md defines [NOSUCH-1]"}, f.errors)
	require.Empty(t, read(t, dir))
}

func TestCoversRecordsOnlyWhatPassed(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(CoversEnv, dir)
	first := IDs()[0]
	for _, f := range []*fakeTB{{failed: true}, {skipped: true}} {
		Covers(f, first)
		f.end()
		require.Empty(t, f.errors)
		require.Empty(t, read(t, dir))
	}
	for range 2 {
		var f fakeTB
		Covers(&f, first)
		require.Len(t, f.cleanups, 1)
		f.end()
		require.Empty(t, f.errors)
	}
	require.Equal(t, first+"\n"+first+"\n", read(t, dir))
}

func TestCoversWantsAnAbsoluteFolder(t *testing.T) {
	t.Setenv(CoversEnv, "relative")
	var f fakeTB
	Covers(&f)
	require.Len(t, f.errors, 1)
	require.Contains(t, f.errors[0], "absolute")
}

func read(t *testing.T, dir string) (all string) {
	files, err := filepath.Glob(filepath.Join(dir, "covers-*.txt"))
	require.NoError(t, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		all += string(b)
	}
	return all
}
