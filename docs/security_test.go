package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	command = regexp.MustCompile("`((?:go (?:test|run)|make|\\.ci/fuzz) [^`]+)`")
	tested  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// TestGuarantees: each guarantee in SECURITY.md has a command that shows it, and each command there runs something.
// That it passes is for those commands, and for CI, to tell.
func TestGuarantees(t *testing.T) {
	page := pages(t)["../SECURITY.md"]
	_, table, ok := strings.Cut(page, "\n|---|---|---|\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	rows := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
		require.Len(t, cells, 5, row)
		if !command.MatchString(cells[3]) && !strings.Contains(cells[3], "`make ") {
			t.Errorf("no command shows %q", cells[1])
		}
		rows++
	}
	require.Greater(t, rows, 10)
	for _, m := range command.FindAllStringSubmatch(strings.ReplaceAll(page, `\|`, "|"), -1) {
		for _, fault := range vain(t, m[1]) {
			t.Errorf("%s: %s", m[1], fault)
		}
	}
}

// vain says what of a command finds nothing.
func vain(t *testing.T, command string) (faults []string) {
	words := strings.Fields(strings.ReplaceAll(command, "'", ""))
	switch words[0] {
	case "make":
		makefile, err := os.ReadFile("../Makefile")
		require.NoError(t, err)
		if !strings.Contains(string(makefile), "\n"+words[1]+":") {
			faults = append(faults, "no such target")
		}
		return faults
	case ".ci/fuzz":
		if found, _ := filepath.Glob("../*/testdata/fuzz/" + words[2]); found == nil {
			if found, _ = filepath.Glob("../*/*/testdata/fuzz/" + words[2]); found == nil {
				faults = append(faults, "no such fuzz target")
			}
		}
		return faults
	}
	var run string
	var all []string // the tests of its packages
	for i, w := range words {
		switch {
		case strings.HasPrefix(w, "./"):
			names := testsIn(t, w)
			if words[1] == "test" && len(names) == 0 {
				faults = append(faults, w+" has no tests")
			}
			all = append(all, names...)
		case w == "-run":
			run = words[i+1]
		case w == "-case":
			if _, err := os.Stat("../spec/hostile/" + words[i+1]); err != nil {
				faults = append(faults, err.Error())
			}
		}
	}
	for part := range strings.SplitSeq(run, "|") {
		if run != "" && !regexp.MustCompile(part).MatchString(strings.Join(all, " ")) {
			faults = append(faults, "no test is called "+part)
		}
	}
	return faults
}

// testsIn gives the tests of a package.
func testsIn(t *testing.T, pkg string) (names []string) {
	sources, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, sources, pkg)
	for _, name := range sources {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range tested.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

func TestVainCommands(t *testing.T) {
	require.Empty(t, vain(t, "go test ./docs -run 'Guarantees|Vain'"))
	for _, c := range []string{
		"go test ./docs -run 'Guarantees|Nothing'", "go test ./spec/object", "make nothing", ".ci/fuzz 1m FuzzNothing",
		"go test ./internal/hostile -run Corpus -case nothing.txt",
	} {
		require.Len(t, vain(t, c), 1, c)
	}
}
