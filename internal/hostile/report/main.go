// Report runs the hostile corpus and the floods, and prints what each came to and what it cost. With -compare the floods
// that are messages only are also poured over a plain connection at stock go-capnp, in the same run.
//
//	go run ./internal/hostile/report [-full] [-compare] [-case TEXT] [-flood TEXT]
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
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vatnet/vatnet/internal/hostile"
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
	compare := flag.Bool("compare", true, "pour floods at go-capnp, too")
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
		bad, err = report(*full, *compare, *only, *onlyFlood)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if bad > 0 || err != nil {
		os.Exit(1)
	}
}

func report(full, compare bool, only, onlyFlood string) (bad int, err error) {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	r := &hostile.Runner{}
	defer r.Close()
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
	fmt.Fprintln(out, "\nflood\tcount\toutcome\theap KiB\thonest call\ttook\tgo-capnp: heap KiB\thonest call\t")
	for _, f := range hostile.Floods {
		if !chosen(f.Name, onlyFlood) {
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
		other := "\t"
		if compare {
			other = against(f, n)
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%d\t%v\t%v\t%s\t%s\n",
			f.Name, n, res.Outcome, res.Heap>>10, short(res.Honest), short(res.Took), other, verdict)
	}
	return bad, out.Flush()
}

// chosen reports whether a filter lets text through; - lets nothing through.
func chosen(text, filter string) bool { return filter != "-" && strings.Contains(text, filter) }

// against pours f at stock go-capnp, in a process of its own: it may not survive.
func against(f *hostile.Flood, n int) string {
	if f.Raw || f.Sealed {
		return "\t"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return "? " + err.Error() + "\t"
	}
	text, err := exec.CommandContext(ctx, self, "-plain", f.Name, "-n", strconv.Itoa(n)).Output()
	if err != nil {
		return "died: " + err.Error() + "\t"
	}
	return string(text)
}

// plain is the other process.
func plain(name string, n int) error {
	for _, f := range hostile.Floods {
		if f.Name != name {
			continue
		}
		res, err := hostile.FloodPlain(f, n)
		if err != nil {
			return err
		}
		honest := short(res.Honest).String()
		if res.Honest < 0 {
			honest = "none in " + hostile.PlainPatience.String()
		}
		if res.CPU > hostile.MaxCPU {
			honest += fmt.Sprintf(", and %v of CPU in %v of idleness", short(res.CPU), hostile.Idle)
		}
		fmt.Printf("%d\t%s", res.Heap>>10, honest)
	}
	return nil
}

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
