package captp

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
)

var shrinkFlag = flag.Bool("shrink", false, "with -world: leave out what the violation does not need")

// tape is a source of random numbers that remembers what it gave in each step of
// a world, so that the world can be run again without some of its steps.
type tape struct {
	src  rand.Source
	step int
	rec  map[int][]uint64
	play bool
	pos  int

	aside bool // messages are put aside
}

func newTape(seed uint64) *tape {
	return &tape{src: rand.NewPCG(seed, 0x7a7), rec: map[int][]uint64{}}
}

// next begins step i.
func (t *tape) next(i int) {
	t.step, t.pos = i, 0
	if t.play {
		t.src = rand.NewPCG(uint64(i), 0x7a7)
	}
}

// Uint64 implements rand.Source. What a step of a replay draws beyond what it
// drew the first time is drawn anew.
func (t *tape) Uint64() uint64 {
	if t.play {
		rec := t.rec[t.step]
		if t.pos >= len(rec) {
			return t.src.Uint64()
		}
		t.pos++
		return rec[t.pos-1]
	}
	v := t.src.Uint64()
	t.rec[t.step] = append(t.rec[t.step], v)
	return v
}

const drainStep = -2

// runTape runs the world of t: all its steps, or those in only.
func runTape(seed uint64, t *tape, only []int, verbose bool) (w *rworld, steps []int, bad string) {
	t.next(-1)
	w = newRandomWorld(seed, t, verbose)
	if t.aside {
		w.aside = rand.New(rand.NewPCG(seed, 0xa51de))
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case rviolation:
			bad = string(p)
		default:
			bad = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	n := 30 + w.rng.IntN(250)
	if !t.play {
		for i := range n {
			only = append(only, i)
		}
	}
	steps = only
	for _, i := range only {
		t.next(i)
		w.step()
	}
	t.next(drainStep)
	w.drain()
	return w, only, ""
}

// shrink leaves out steps of a world as long as it goes wrong in the same way, and
// returns the last one that does.
func shrink(seed uint64) (*rworld, string) {
	t := newTape(seed)
	t.aside = *asideFlag
	w, steps, bad := runTape(seed, t, nil, true)
	if bad == "" {
		return w, bad
	}
	t.play = true
	kind, _, _ := strings.Cut(bad, " (")
	kind = strings.TrimRight(kindOf(kind), " ")
	for size := len(steps) / 2; size > 0; {
		less := false
		for at := 0; at < len(steps); {
			try := append(append([]int(nil), steps[:at]...), steps[min(at+size, len(steps)):]...)
			x, _, b := runTape(seed, t, try, true)
			if b != "" && kindOf(b) == kind {
				w, steps, bad, less = x, try, b, true
				continue
			}
			at += size
		}
		if size > 1 || !less {
			size /= 2
		}
	}
	return w, bad
}

// kindOf is the kind of a violation.
func kindOf(bad string) string {
	for _, k := range []string{"order:", "left in the tables", "never settles", "panic"} {
		if strings.Contains(bad, k) {
			return k
		}
	}
	f := strings.FieldsFunc(bad, func(r rune) bool { return r >= '0' && r <= '9' })
	return strings.Join(f, "#")
}
