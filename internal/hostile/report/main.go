// Report runs the hostile corpus and the floods, and prints what each came to and what it cost. With -compare the floods
// that are no vat's alone are also poured over plain connections at other implementations, in the same run: at stock
// go-capnp and, where it can be built, at Cap'n Proto's own in C++ (Debian: g++ and libcapnp-dev). Of the one the live
// heap is told, of the other, which has no collector, what is resident.
//
//	go run ./internal/hostile/report [-full] [-compare=false] [-case TEXT] [-flood TEXT]
//	go run ./internal/hostile/report -p99 [-flood TEXT] [-sessions N] [-span TIME]
//
// With -p99 it prints instead how long the calls of an honest session take before and while several sessions pour each
// flood at the same vat, over and over. The attackers have a processor of their own, on Linux. Where there are no more than
// two the honest session shares it with them, and goes first: that takes the right to use the real-time scheduler.
//
// It exits with 1 if anything was not as it should be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vatnet/vatnet/internal/hostile"
	"github.com/vatnet/vatnet/internal/hostile/cpp"
	corpus "github.com/vatnet/vatnet/spec/hostile"
)

func main() {
	if played, err := hostile.Part(os.Args, os.Stdin, os.Stdout); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
		return
	}
	slow := flag.Bool("p99", false, "see how long honest calls take under attack")
	sessions := flag.Int("sessions", 8, "how many hostile sessions pour a flood at once, with -p99")
	span := flag.Duration("span", 3*time.Second, "how long to look, before and during a flood, with -p99")
	full := flag.Bool("full", false, "floods with their full counts")
	compare := flag.Bool("compare", true, "pour floods at other implementations, too")
	only := flag.String("case", "", "only the cases whose file or name contains this; - for none")
	onlyFlood := flag.String("flood", "", "only the floods whose name contains this; - for none")
	name := flag.String("plain", "", "pour this flood at go-capnp, and print what it did; used by report itself")
	count := flag.Int("n", 0, "how many, with -plain")
	flag.Parse()
	if *name != "" {
		if err := plain(*name, *count); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			os.Exit(1)
		}
		return
	}
	var bad int
	var err error
	if *slow {
		bad, err = p99(*onlyFlood, *sessions, *span)
	} else {
		bad, err = report(os.Stdout, *full, *compare, *only, *onlyFlood)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if bad > 0 || err != nil {
		os.Exit(1)
	}
}

// report writes to w and gives how much was not as it should be.
func report(w io.Writer, full, compare bool, only, onlyFlood string) (bad int, err error) {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	r := &hostile.Runner{}
	defer r.Close()
	bad, err = reportCases(out, r, only)
	if err != nil {
		return bad, err
	}
	more, err := reportFloods(out, r, full, compare, onlyFlood)
	return bad + more, errors.Join(err, out.Flush())
}

func reportCases(out io.Writer, r *hostile.Runner, only string) (bad int, err error) {
	cases, err := hostile.Parse(corpus.Files)
	if err != nil {
		return 0, err
	}
	fmt.Fprintln(out, "case\toutcome\tlate\theap KiB\tresident KiB\tCPU\ttook\t")
	for _, c := range cases {
		if !chosen(c.File+" "+c.Name(), only) {
			continue
		}
		results, err := r.Run(c)
		if len(results) == 0 {
			return bad, err
		}
		res := results[0]
		verdict := ""
		if res.Err != nil || err != nil {
			bad++
			verdict = fmt.Sprint("WRONG: ", res.Err, " ", err)
		}
		fmt.Fprintf(out, "%s\t%s\t%v\t%d\t%d\t%v\t%v\t%s\n",
			c.Name(), res.Outcome, short(res.Late), res.Heap>>10, res.Resident>>10, short(res.CPU), short(res.Took), verdict)
	}
	return bad, nil
}

func reportFloods(out io.Writer, r *hostile.Runner, full, compare bool, only string) (bad int, err error) {
	var server string
	var missing error
	if compare {
		if server, missing = cpp.Build(); missing != nil && !errors.Is(missing, cpp.ErrMissing) {
			return 0, missing
		}
	}
	fmt.Fprintln(out, "\nflood\tcount\toutcome\theap KiB\thonest call\ttook"+
		"\tgo-capnp: heap KiB\tCPU\thonest call\tC++: resident KiB\tCPU\thonest call\t")
	for _, f := range hostile.Floods {
		if !chosen(f.Name, only) {
			continue
		}
		n := f.Small
		if full {
			n = f.Full
		}
		res, err := r.Flood(f, n)
		verdict := ""
		if err != nil {
			bad++
			verdict = "WRONG: " + err.Error()
		}
		goCapnp, inCPP := "\t\t", "\t\t"
		if compare && f.Plain() {
			goCapnp = atGoCapnp(f, n)
			if missing == nil {
				inCPP = atCPP(server, f, n)
			}
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%d\t%v\t%v\t%s\t%s\t%s\n",
			f.Name, n, res.Outcome, res.Heap>>10, short(res.Honest), short(res.Took), goCapnp, inCPP, verdict)
	}
	if missing != nil {
		fmt.Fprintln(out, "\nCap'n Proto in C++ was", missing)
	}
	return bad, nil
}

// chosen reports whether a filter lets text through; - lets nothing through.
func chosen(text, filter string) bool { return filter != "-" && strings.Contains(text, filter) }

// atGoCapnp pours f at stock go-capnp, in a process of its own: it may not survive.
func atGoCapnp(f *hostile.Flood, n int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return "? " + err.Error() + "\t\t"
	}
	text, err := exec.CommandContext(ctx, self, "-plain", f.Name, "-n", strconv.Itoa(n)).Output()
	if err != nil {
		return "died: " + err.Error() + "\t\t"
	}
	return string(text)
}

// plain is the other process.
func plain(name string, n int) error {
	for _, f := range hostile.Floods {
		if f.Name != name {
			continue
		}
		s, err := hostile.GoCapnp()
		if err != nil {
			return err
		}
		res, err := s.Flood(f, n)
		if err != nil {
			return err
		}
		fmt.Print(told(res))
	}
	return nil
}

// atCPP pours f at the server in C++.
func atCPP(server string, f *hostile.Flood, n int) string {
	s, err := cpp.Start(server)
	if err != nil {
		return "? " + err.Error() + "\t\t"
	}
	defer s.Close()
	res, err := s.Flood(f, n)
	switch {
	case errors.Is(err, hostile.ErrDied):
		return "died\t\t"
	case err != nil:
		return "? " + err.Error() + "\t\t"
	}
	return told(res)
}

// told is the three columns of another implementation.
func told(res hostile.PlainResult) string {
	honest := short(res.Honest).String()
	if res.Honest < 0 {
		honest = "none in " + hostile.PlainPatience.String()
	}
	if res.CPU > hostile.MaxCPU {
		honest += fmt.Sprintf(", and %v of CPU in %v of idleness", short(res.CPU), hostile.Idle)
	}
	return fmt.Sprintf("%d\t%v\t%s", res.Held>>10, short(res.Used), honest)
}

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
