// Bench measures what a call costs over loopback TCP, between two vats and
// between the two ends of others' RPC systems, all in one process and in one run,
// so that the figures can be compared with each other and with a raw ping-pong.
//
//	go run .            a table, with ratios
//	go run . -quick     the same within 40 s
//	go run . -json      an object per line: name, ns_per_op, allocs_per_op, bytes_per_op
//	go run . -only vat  the cases whose name contains that
//
// Every peer runs with its defaults: vats with padding, limits and accounting
// on. Both ends are in this process: allocations and bytes are those of both.
// Samples of all cases take turns, and the median of each case is shown: this is
// what repeats best on a busy machine.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// bench is one case. run makes n calls and returns when the last has ended; prepare, if there is one, readies what they
// need, which is not measured.
type bench struct {
	name    string
	run     func(n int) error
	prepare func(n int) error
}

// setups make the cases.
var setups = []func() ([]bench, func(), error){
	setupRaw, setupSealed, setupVat, setupHandoff, setupDurable, setupCapnp, setupNetRPC, setupGRPC,
}

// result is what is printed of one case.
type result struct {
	Name   string  `json:"name"`
	Ns     float64 `json:"ns_per_op"`
	Allocs float64 `json:"allocs_per_op"`
	Bytes  float64 `json:"bytes_per_op"`
	rounds int
}

// text is the 16 bytes that every call carries.
const text = "sixteen bytes ok"

func main() {
	quick := flag.Bool("quick", false, "finish within 40 s")
	asJSON := flag.Bool("json", false, "print one JSON object per line")
	only := flag.String("only", "", "run only cases whose name contains this")
	rounds := flag.Int("rounds", 7, "samples per case, at least 5")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer f.Close()
		defer pprof.StopCPUProfile()
	}
	if err := run(os.Stdout, *quick, *asJSON, *only, max(*rounds, 5)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, quick, asJSON bool, only string, rounds int) error {
	sample := 700 * time.Millisecond
	if quick {
		sample, rounds = 200*time.Millisecond, 5
	}
	var cases []bench
	for _, setup := range setups {
		bs, stop, err := setup()
		if err != nil {
			return err
		}
		defer stop()
		for _, b := range bs {
			if strings.Contains(b.name, only) {
				cases = append(cases, b)
			}
		}
	}
	results, err := measure(cases, rounds, sample)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(w)
		for _, r := range results {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	return table(w, results)
}

// measure takes the samples of all cases in turns and returns their medians.
func measure(cases []bench, rounds int, sample time.Duration) ([]result, error) {
	ns := make([]int, len(cases))
	for i, b := range cases { // how many calls fit into a sample; this also warms up
		n, took := 16, time.Duration(0)
		for took < sample/4 {
			n *= 2
			r, err := once(b, n)
			if err != nil {
				return nil, err
			}
			took = time.Duration(r.Ns * float64(n))
		}
		ns[i] = max(1, int(float64(n)*float64(sample)/float64(took)))
	}
	samples := make([][]result, len(cases))
	for range rounds {
		for i, b := range cases {
			r, err := once(b, ns[i])
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], r)
		}
	}
	out := make([]result, len(cases))
	for i, b := range cases {
		out[i] = result{
			Name: b.name, rounds: rounds,
			Ns:     median(samples[i], func(r result) float64 { return r.Ns }),
			Allocs: median(samples[i], func(r result) float64 { return r.Allocs }),
			Bytes:  median(samples[i], func(r result) float64 { return r.Bytes }),
		}
	}
	return out, nil
}

func once(b bench, n int) (result, error) {
	if b.prepare != nil {
		if err := b.prepare(n); err != nil {
			return result{}, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	if err := b.run(n); err != nil {
		return result{}, fmt.Errorf("%s: %w", b.name, err)
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return result{
		Ns:     float64(took.Nanoseconds()) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

func median(rs []result, of func(result) float64) float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = of(r)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// bar is a relation that this project means to keep.
type bar struct {
	what  string
	value func(ns map[string]float64) float64
	limit float64
	unit  string
	need  []string
}

var bars = []bar{
	{"vat/seq against sealed/pingpong", func(ns map[string]float64) float64 { return ns["vat/seq"] / ns["sealed/pingpong"] }, 2.0, "×", []string{"vat/seq", "sealed/pingpong"}},
	{"vat/out100, a call", func(ns map[string]float64) float64 { return ns["vat/out100"] / 1000 }, 3.0, " µs", []string{"vat/out100"}},
	{"handoff/out100, a handoff", func(ns map[string]float64) float64 { return ns["handoff/out100"] / 1000 }, 100, " µs", []string{"handoff/out100"}},
	{"durable/out100, a call", func(ns map[string]float64) float64 { return ns["durable/out100"] / 1000 }, 50.0, " µs", []string{"durable/out100"}},
	{"vat/chain10 against vat/seq", func(ns map[string]float64) float64 { return ns["vat/chain10"] / ns["vat/seq"] }, 2.5, "×", []string{"vat/chain10", "vat/seq"}},
}

func table(w io.Writer, results []result) error {
	ns := make(map[string]float64)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "case\tper second\tµs/op\tallocs/op\tbytes/op\t× raw\t")
	for _, r := range results {
		ns[r.Name] = r.Ns
		raw := "–"
		if base := ns["raw/pingpong"]; base > 0 {
			raw = fmt.Sprintf("%.2f", r.Ns/base)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t%.2f\t%.1f\t%.0f\t%s\t\n", r.Name, 1e9/r.Ns, r.Ns/1000, r.Allocs, r.Bytes, raw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(results) > 0 {
		fmt.Fprintf(w, "\nmedians of %d; %s, GOMAXPROCS %d\n", results[0].rounds, runtime.Version(), runtime.GOMAXPROCS(0))
	}
	for _, b := range bars {
		if slices.ContainsFunc(b.need, func(n string) bool { return ns[n] == 0 }) {
			continue
		}
		v, verdict := b.value(ns), "kept"
		if v > b.limit {
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "bar: %s: %.2f%s, at most %.1f%s: %s\n", b.what, v, b.unit, b.limit, b.unit, verdict)
	}
	return nil
}
