package hostile

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/outcome"
	"github.com/vatnet/vatnet/internal/twoparty"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
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
	// … and else by its address.
	b := newAttack(tg, &Case{Raw: true, Steps: []string{"tcp", "m1 other"}}, patience)
	defer b.close()
	require.NoError(t, b.run())
	require.Equal(t, "auth.mac", tg.log.await(patience, "auth.mac", b.conn.LocalAddr().String()))
}

// One rate holds for handshakes and sessions together.
func TestWarningsOfAllKindsHaveOneRate(t *testing.T) {
	spec.Covers(t, "OUT-2")
	r := &Runner{Patience: patience}
	defer r.Close()
	tg, err := r.target("plain")
	require.NoError(t, err)
	begin := time.Now()
	for range 3 * outcome.Burst {
		for want, c := range map[string]*Case{
			"auth.mac": {Raw: true, Steps: []string{"tcp", "m1 other"}}, "proto.id": {Steps: []string{"release id=5 referenceCount=1"}},
		} {
			a := newAttack(tg, c, patience)
			require.NoError(t, a.run())
			require.Equal(t, want, tg.log.await(patience, want, a.keys()...))
			a.close()
		}
	}
	tg.log.mu.Lock()
	defer tg.log.mu.Unlock()
	most := float64(outcome.Burst) + outcome.PerSecond*time.Since(begin).Seconds()
	require.LessOrEqual(t, float64(tg.log.warnings), most+1)
	require.GreaterOrEqual(t, tg.log.warnings, outcome.Burst)
}

// Each outcome comes of a case of the corpus, or of what is done here.
func TestEachOutcomeIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, c := range cases(t) {
		first, _, _ := strings.Cut(c.Expect, " ")
		shown[first] = true
	}
	own, err := crypto.NewIdentity()
	require.NoError(t, err)
	for want, do := range map[string]func() error{
		vat.OutcomeAuthSelf: func() error {
			_, err := crypto.NewInitiator(own, own.VatID(), crypto.Hello{})
			return err
		},
		vat.OutcomeProtoVatID: func() error {
			_, err := crypto.ParseVatID("vat")
			return err
		},
		vat.OutcomeAuthPassphrase: func() error {
			path := filepath.Join(t.TempDir(), "sealed.key")
			require.NoError(t, crypto.WriteKeyFile(path, own, []byte("right")))
			_, err := crypto.ReadKeyFile(path, nil)
			return err
		},
		vat.OutcomeAuthKeyFileOpen: func() error {
			if runtime.GOOS == "windows" {
				return crypto.ErrKeyFileOpen // no mode says so there
			}
			path := filepath.Join(t.TempDir(), "open.key")
			require.NoError(t, crypto.WriteKeyFile(path, own, nil))
			require.NoError(t, os.Chmod(path, 0o644))
			_, err := crypto.ReadKeyFile(path, nil)
			return err
		},
		vat.OutcomePeerGone: func() error { // a stream that cannot say why it ended
			ours, theirs := net.Pipe()
			c := twoparty.New(ours, nil)
			defer c.Close()
			require.NoError(t, theirs.Close())
			<-c.Done()
			return outcomeOf{c.Err()}
		},
	} {
		c, ok := errors.AsType[interface {
			Code() string
			error
		}](do())
		require.True(t, ok, want)
		require.Equal(t, want, c.Code())
		require.False(t, shown[want], "the corpus shows it")
		shown[want] = true
	}
	for _, c := range inSpec(t) {
		if !shown[c] {
			t.Errorf("nothing shows %s", c)
		}
	}
}

// outcomeOf gives a machine's error as one with its code.
type outcomeOf struct{ of *captp.Error }

func (o outcomeOf) Error() string { return o.of.Error() }
func (o outcomeOf) Code() string  { return string(o.of.Outcome) }
