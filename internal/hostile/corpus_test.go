package hostile

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	corpus "github.com/vatnet/vatnet/spec/hostile"
)

var only = flag.String("case", "", "run the cases whose name or file contains this, one at a time")

// together is how many cases attack a vat at once.
const together = 16

func cases(t testing.TB) []*Case {
	t.Helper()
	all, err := Parse(corpus.Files)
	require.NoError(t, err)
	return all
}

func TestNoTwoCasesAreAlike(t *testing.T) {
	all := cases(t)
	require.GreaterOrEqual(t, len(all), 300)
	names, scripts := map[string]*Case{}, map[string]*Case{}
	for _, c := range all {
		if o := names[c.Name()]; o != nil {
			t.Errorf("%s:%d: the same kind, field and state as %s:%d", c.File, c.Line, o.File, o.Line)
		}
		script := c.Vat + "\n" + strings.Join(c.Steps, "\n")
		if o := scripts[script]; o != nil {
			t.Errorf("%s:%d: the same steps as %s:%d", c.File, c.Line, o.File, o.Line)
		}
		names[c.Name()], scripts[script] = c, c
		require.Contains(t, vats, c.Vat, "%s:%d", c.File, c.Line)
	}
}

func TestCorpus(t *testing.T) {
	r := &Runner{Patience: patience, Raced: raced}
	defer r.Close()
	var chosen []*Case
	for _, c := range cases(t) {
		if strings.Contains(c.File+" "+c.Name(), *only) {
			chosen = append(chosen, c)
		}
	}
	size := together
	if *only != "" {
		size = 1
	}
	for _, kind := range slices.Sorted(func(yield func(string) bool) {
		for k := range vats {
			if !yield(k) {
				return
			}
		}
	}) {
		var of []*Case
		for _, c := range chosen {
			if c.Vat == kind {
				of = append(of, c)
			}
		}
		for batch := range slices.Chunk(of, batchSize(kind, size)) {
			run(t, r, batch)
		}
	}
}

// batchSize says how many cases a vat is given at once: one that counts connections
// by their address gets one.
func batchSize(kind string, n int) int {
	if kind == "gated" {
		return 1
	}
	return n
}

// run runs cases together and, if what they left behind is too much, one by one: what
// each may leave is less than what many may.
func run(t *testing.T, r *Runner, batch []*Case) {
	t.Helper()
	begin := time.Now()
	results, err := r.Run(batch...)
	where := fmt.Sprintf("%s:%d and %d more", batch[0].File, batch[0].Line, len(batch)-1)
	if testing.Verbose() && len(results) > 0 {
		late := slices.MaxFunc(results, func(a, b Result) int { return cmp.Compare(a.Late, b.Late) })
		t.Logf("%s: %v, %+v, the latest %v: %s", where, time.Since(begin), results[0].Cost, late.Late, late.Case.Name())
	}
	for _, res := range results {
		if res.Err != nil {
			t.Errorf("%s:%d: %s: %v", res.Case.File, res.Case.Line, res.Case.Name(), res.Err)
		}
	}
	if _, ok := errors.AsType[*Excess](err); !ok || len(batch) == 1 {
		require.NoError(t, err, where)
		return
	}
	t.Logf("%s: %v", where, err)
	for _, c := range batch {
		run(t, r, []*Case{c})
	}
}
