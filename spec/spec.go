// Package spec is the room in which the protocol is written down.
//
// The prose is Markdown: one file per subject (identity, handshake, records, the URI, …), meant to be enough for
// somebody who builds an independent implementation. The Cap'n Proto schemas stand beside it, and the Go code
// generated from each of them in a folder of the schema's name. Known answers are in vectors.
//
// Every normative sentence carries an id in brackets, and an id is worth something only while a test exercises the
// sentence. So a test says what it covers:
//
//	func TestTruncatedRecord(t *testing.T) {
//		spec.Covers(t, "REC-9")
//		…
//	}
//
// Three things keep this honest. [Covers] refuses an id that the prose does not define. The tests of this package
// refuse an id that no test of the repository names, and a sentence with a MUST that has no id. And when the
// environment variable VATNET_COVERS names a folder, every test that passed writes its ids there, so that
// internal/speccheck can say which ids were named but never reached by a run.
//
// No program imports this package: only tests do.
package spec

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// CoversEnv is the environment variable that names the folder, by absolute path, into which tests write the ids that
// they covered. Unset or empty: nothing is written.
const CoversEnv = "VATNET_COVERS"

//go:embed *.md
var prose embed.FS

// idPattern is the form of an id: upper-case letters, a dash, a number without leading zeros.
var idPattern = regexp.MustCompile(`\[([A-Z]+-[1-9][0-9]*)\](\(?)`)

// Place is where an id is defined.
type Place struct {
	File string // base name of the Markdown file
	Line int    // from 1
}

// String returns the place as file:line.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// definitions maps each id to every place that defines it; more than one is a fault that this package's tests report.
var definitions = sync.OnceValue(func() map[string][]Place {
	names, err := fs.Glob(prose, "*.md")
	if err != nil {
		panic(err) // the pattern is constant
	}
	defs := make(map[string][]Place)
	for _, name := range names {
		text, err := prose.ReadFile(name)
		if err != nil {
			panic(err) // embedded files can always be read
		}
		for id, places := range definedIn(name, string(text)) {
			defs[id] = append(defs[id], places...)
		}
	}
	return defs
})

// definedIn finds the ids that one Markdown file defines. README.md is the index and defines none; fenced blocks are
// examples; a bracket that a parenthesis follows is a link.
func definedIn(name, text string) map[string][]Place {
	defs := make(map[string][]Place)
	if name == "README.md" {
		return defs
	}
	for n, line := range proseLines(text) {
		for _, id := range idsIn(line) {
			defs[id] = append(defs[id], Place{name, n + 1})
		}
	}
	return defs
}

// idsIn returns the ids in brackets in a piece of prose.
func idsIn(text string) (ids []string) {
	for _, m := range idPattern.FindAllStringSubmatch(text, -1) {
		if m[2] == "" {
			ids = append(ids, m[1])
		}
	}
	return ids
}

// proseLines returns the lines of a Markdown text with those inside of fences blanked.
func proseLines(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			lines[i] = ""
		} else if fenced {
			lines[i] = ""
		}
	}
	return lines
}

// IDs returns every id that the prose defines, sorted by prefix, then by number.
func IDs() []string {
	var ids []string
	for id := range definitions() {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// Where returns where an id is defined, or false if the prose does not define it.
func Where(id string) (Place, bool) {
	places := definitions()[id]
	if len(places) == 0 {
		return Place{}, false
	}
	return places[0], true
}

// compareIDs orders REC-2 before REC-10.
func compareIDs(a, b string) int {
	ap, an, _ := strings.Cut(a, "-")
	bp, bn, _ := strings.Cut(b, "-")
	if c := strings.Compare(ap, bp); c != 0 {
		return c
	}
	if c := len(an) - len(bn); c != 0 {
		return c
	}
	return strings.Compare(an, bn)
}

// Covers declares that the calling test exercises the sentences with these ids. Call it first in the test: it fails t
// at once for an id that the prose does not define, and when t has ended, passed and was not skipped, it records the
// ids for internal/speccheck (see [CoversEnv]). It may be called from parallel tests and inside of a synctest bubble.
func Covers(t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, ok := Where(id); !ok {
			t.Fatalf("spec.Covers: no spec/*.md defines [%s]", id)
			return
		}
	}
	dir := os.Getenv(CoversEnv)
	if dir == "" {
		return
	}
	if !filepath.IsAbs(dir) {
		t.Errorf("spec.Covers: %s must be an absolute path: every test process runs in its own folder", CoversEnv)
		return
	}
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		if err := record(dir, ids); err != nil {
			t.Errorf("spec.Covers: %v", err)
		}
	})
}

// record appends ids to this process's file in dir. The mutex serves the process; O_APPEND a later process that
// happens to get the same number.
func record(dir string, ids []string) (err error) {
	recording.Lock()
	defer recording.Unlock()
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("covers-%d.txt", os.Getpid())),
		os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(ids, "\n") + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

var recording sync.Mutex
