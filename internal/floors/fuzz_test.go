package floors

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFuzzTargetsHaveCorpora: what FUZZING.md says of targets and their corpora is so.
func TestFuzzTargetsHaveCorpora(t *testing.T) {
	said, err := os.ReadFile(filepath.Join(root, "FUZZING.md"))
	require.NoError(t, err)
	targets := map[string]bool{} // by the folder of their corpus
	for _, src := range sources(t, root) {
		for _, name := range fuzzTargets(src) {
			dir := path.Join(path.Dir(src.path), "testdata", "fuzz", name)
			targets[dir] = true
			corpus, _ := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir))) // no folder: no entries
			for _, fault := range corpusFaults(dir, corpus) {
				t.Error(fault)
			}
			if !strings.Contains(string(said), "`"+path.Dir(src.path)+"."+name+"`") {
				t.Errorf("FUZZING.md does not list `%s.%s`", path.Dir(src.path), name)
			}
		}
	}
	require.NotEmpty(t, targets)
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		dir := strings.TrimPrefix(filepath.ToSlash(name), root+"/")
		if err == nil && d.IsDir() && strings.HasSuffix(path.Dir(dir), "testdata/fuzz") && !targets[dir] {
			t.Errorf("%s is the corpus of no target", dir)
		}
		return err
	}))
}

// What a corpus holds is small, several, and has names that people gave.
const (
	minCorpus = 3
	maxEntry  = 6 << 10 // bytes; a handshake message with every byte escaped
)

var hashName = regexp.MustCompile(`^[0-9a-f]{16}$`)

func corpusFaults(dir string, corpus []fs.DirEntry) (faults []string) {
	if len(corpus) < minCorpus {
		faults = append(faults, fmt.Sprintf("%s has %d inputs, want %d at least", dir, len(corpus), minCorpus))
	}
	for _, e := range corpus {
		if hashName.MatchString(e.Name()) {
			faults = append(faults, fmt.Sprintf("%s/%s: give it a name that says what it is", dir, e.Name()))
		}
		if info, err := e.Info(); err != nil || info.Size() > maxEntry {
			faults = append(faults, fmt.Sprintf("%s/%s is larger than %d bytes", dir, e.Name(), maxEntry))
		}
	}
	return faults
}

// fuzzTargets finds the names of the targets in a file.
func fuzzTargets(src source) (names []string) {
	if !src.test {
		return nil
	}
	for _, d := range src.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && regexp.MustCompile(`^Fuzz[A-Z]`).MatchString(f.Name.Name) {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

func TestCorpusFaults(t *testing.T) {
	src, err := parse("a/a_test.go", "package a\n\nfunc FuzzOne(f *testing.F) {}\n\nfunc Fuzzy() {}\n\nfunc (x) FuzzTwo() {}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"FuzzOne"}, fuzzTargets(src))
	dir := t.TempDir()
	require.Len(t, corpusFaults("none", nil), 1)
	for name, size := range map[string]int{"good": 10, "0123456789abcdef": 10, "large": maxEntry + 1} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600))
	}
	corpus, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Equal(t, []string{
		"d/0123456789abcdef: give it a name that says what it is", fmt.Sprintf("d/large is larger than %d bytes", maxEntry),
	}, corpusFaults("d", corpus))
}
