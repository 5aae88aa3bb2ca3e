// Command speccheck says which ids of the protocol's prose no test has covered. Its one argument is the folder that
// VATNET_COVERS named while the tests ran:
//
//	dir=$(mktemp -d)
//	VATNET_COVERS=$dir go test ./...
//	go run ./internal/speccheck $dir
//
// It exits 0 if every id was covered, 1 if some was not, 2 if it was called wrongly or could not read the folder.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/vatnet/vatnet/spec"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: speccheck FOLDER, the one that VATNET_COVERS named while the tests ran")
		return 2
	}
	covered, err := readCovered(args[0])
	if err != nil {
		fmt.Fprintln(stderr, "speccheck:", err)
		return 2
	}
	ids := spec.IDs()
	missing := 0
	for _, id := range ids {
		if !covered[id] {
			missing++
			place, _ := spec.Where(id)
			fmt.Fprintf(stdout, "spec/%s: %s is not covered by any test that passed\n", place, id)
		}
	}
	fmt.Fprintf(stdout, "speccheck: %d of %d ids covered\n", len(ids)-missing, len(ids))
	if missing > 0 {
		return 1
	}
	return 0
}

// readCovered returns the union of what all test processes wrote. A folder without any file is a mistake of the
// caller (the variable was not set, or the results came from the test cache), not a run that covered nothing.
func readCovered(dir string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "covers-*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no test wrote into %s: was %s set to it?", dir, spec.CoversEnv)
	}
	covered := make(map[string]bool)
	for _, name := range files {
		if err := readInto(covered, name); err != nil {
			return nil, err
		}
	}
	return covered, nil
}

func readInto(covered map[string]bool, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if id := sc.Text(); id != "" {
			covered[id] = true
		}
	}
	return sc.Err()
}
