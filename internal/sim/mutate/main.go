// Command mutate shows what the simulator sees: it plants each bug of internal/sim/mutants in a copy of the tree and
// runs worlds until one breaks a rule: of whole vats and, if these do not show it, of the machine alone (captp's
// RandomWorlds), which have less credit; of links for one in internal/link, and of vats that hand references over for one
// whose name begins with handoff-. It exits with 1 if a bug is not found. Run it at the root of the module; its
// arguments name mutants, all if there are none.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	seeds   = flag.Int("seeds", 10000, "in how many worlds a bug must show")
	links   = flag.Int("linkworlds", 1000, "in how many worlds of links, if it is in internal/link")
	compile = flag.Bool("compile", false, "only see that each patch applies and compiles")
)

func main() {
	flag.Parse()
	missed, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if missed > 0 {
		fmt.Printf("%d not found\n", missed)
		os.Exit(1)
	}
}

// run plants every bug, and counts those that were not found.
func run() (missed int, err error) {
	patches, err := filepath.Glob("internal/sim/mutants/*.patch")
	if err != nil || len(patches) == 0 {
		return 0, errors.Join(err, errors.New("no mutants here: run it at the root of the module"))
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tree := filepath.Join(dir, "tree")
	if err := copyTree(tree); err != nil {
		return 0, err
	}
	fmt.Printf("%-28s %8s  %s\n", "mutant", "seed", "how")
	for _, p := range patches {
		name := strings.TrimSuffix(filepath.Base(p), ".patch")
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), name) {
			continue
		}
		seed, how, err := plant(dir, tree, p)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", name, err)
		}
		if seed == "" && !*compile {
			missed++
		}
		fmt.Printf("%-28s %8s  %.120s\n", name, seed, how)
	}
	return missed, nil
}

// copyTree copies what git knows of the module.
func copyTree(to string) error {
	files, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return err
	}
	for f := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, f)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, f), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// plant runs worlds with the bug of one patch. No seed: it was not found.
func plant(dir, tree, patch string) (seed, how string, err error) {
	text, err := os.ReadFile(patch)
	if err != nil {
		return "", "", err
	}
	if err := command(tree, text, "patch", "-p1", "--no-backup-if-mismatch", "-F0"); err != nil {
		return "", "", err
	}
	defer func() {
		err = errors.Join(err, command(tree, text, "patch", "-p1", "-R", "--no-backup-if-mismatch", "-F0"))
	}()
	if *compile {
		return "", "applies and compiles", command(tree, nil, "go", "build", "./captp", "./internal/sim")
	}
	type world struct {
		pkg, test, seeds string
		n                int
		found            *regexp.Regexp
		flags            []string
	}
	kinds := []world{
		{"./internal/sim", "^TestWorlds$", "-seeds=", *seeds, found, []string{"-noshrink"}},
		{"./captp", "^TestRandomWorlds$", "-worlds=", *seeds, foundInMachine, nil}, // with less credit, and no vats
	}
	switch {
	case bytes.Contains(text, []byte("+++ b/internal/link/")):
		kinds = []world{{"./internal/sim", "^TestLinkWorlds$", "-linkworlds=", *links, found, nil}}
	case strings.HasPrefix(filepath.Base(patch), "handoff-"):
		kinds = []world{{"./internal/sim", "^TestHandoffWorlds$", "-seeds=", *seeds, found, []string{"-noshrink"}}}
	}
	for _, w := range kinds {
		bin := filepath.Join(dir, "worlds.test")
		if err := command(tree, nil, "go", "test", "-c", "-o", bin, w.pkg); err != nil {
			return "", "", err
		}
		if seed, how, err := worlds(bin, w.found, append(w.flags, "-test.run="+w.test, w.seeds+strconv.Itoa(w.n))...); how != "" || err != nil {
			return seed, how, err
		}
	}
	return "", "NOT FOUND", nil
}

// worlds runs them until one breaks a rule; how is "" if none does.
func worlds(bin string, found *regexp.Regexp, args ...string) (seed, how string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, args...).CombinedOutput()
	if ctx.Err() != nil {
		return "", "a world does not end: no seed is known", nil
	}
	if m := found.FindSubmatch(out); m != nil {
		return string(m[1]), string(m[2]), nil
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %.2000s", err, out)
	}
	return "", "", nil
}

var (
	found          = regexp.MustCompile(`(?m)seed (\d+), (.*)$`)
	foundInMachine = regexp.MustCompile(`(?m)(world \d+) \(go test [^)]*\): (.*)$`)
)

func command(dir string, in []byte, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Stdin = dir, bytes.NewReader(in)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
