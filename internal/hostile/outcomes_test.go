package hostile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/spec"
)

// code is what an outcome looks like.
var code = regexp.MustCompile(`^(auth|proto|limit|peer)\.[a-z-]+$`)

// inSpec are the codes that spec/outcomes.md lists.
func inSpec(t *testing.T) (codes []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../../spec/outcomes.md"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		codes = append(codes, m[1])
	}
	slices.Sort(codes)
	return codes
}

// inCode are the codes that the packages have as texts.
func inCode(t *testing.T) (codes []string) {
	t.Helper()
	for _, dir := range []string{"crypto", "captp", "internal/link", "vat"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && code.MatchString(s) {
						codes = append(codes, s)
					}
				}
				return true
			})
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func TestTheListOfOutcomesIsClosed(t *testing.T) {
	require.Equal(t, inSpec(t), inCode(t))
}

// Each code is an exported constant of vat, whose comment is its meaning.
func TestOutcomesAreDocumentedConstants(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash("../../vat/outcomes.go"), nil, parser.ParseComments)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.FromSlash("../../spec/outcomes.md"))
	require.NoError(t, err)
	var codes []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		require.True(t, ast.IsExported(spec.Names[0].Name))
		c, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		meaning := strings.TrimSpace(spec.Comment.Text())
		require.NotEmpty(t, meaning, c)
		require.Contains(t, strings.ReplaceAll(string(text), "`", ""), "| "+c+" | "+meaning+" |")
		codes = append(codes, c)
		return false
	})
	slices.Sort(codes)
	require.Equal(t, inSpec(t), codes)
}

func TestTextsOfOutcomes(t *testing.T) {
	spec.Covers(t, "OUT-1")
	for _, c := range inSpec(t) {
		text := captp.Ending(c).Text()
		require.LessOrEqual(t, len(text), 128)
		require.Regexp(t, `^[ -~]+$`, text)
		require.True(t, text == c || strings.HasPrefix(text, c+": "), text)
	}
	// That the Abort says it, the corpus checks for each case: see attack.told.
	for _, c := range cases(t) {
		first, _, _ := strings.Cut(c.Expect, " ")
		if !expectations[first] {
			require.Contains(t, inSpec(t), first, c.Name())
		}
	}
}

func TestOutcomesAreLogged(t *testing.T) {
	spec.Covers(t, "OUT-2")
	r := &Runner{Patience: patience}
	defer r.Close()
	tg, err := r.target("plain")
	require.NoError(t, err)
	// Known by its vat id once that is proven …
	a := newAttack(tg, &Case{Steps: []string{"release id=5 referenceCount=1"}}, patience)
	defer a.close()
	require.NoError(t, a.run())
	require.Equal(t, "proto.id", tg.log.await(patience, "proto.id", vatID(a.static).String()))
	// … and else by its address. The rate is internal/outcome's.
	b := newAttack(tg, &Case{Raw: true, Steps: []string{"tcp", "m1 other"}}, patience)
	defer b.close()
	require.NoError(t, b.run())
	require.Equal(t, "auth.mac", tg.log.await(patience, "auth.mac", b.conn.LocalAddr().String()))
}
