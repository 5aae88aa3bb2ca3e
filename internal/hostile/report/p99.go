package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/vatnet/vatnet/internal/hostile"
)

// p99 prints what each flood does to the calls of an honest session, and counts those under which calls hang or fail.
func p99(only string, sessions int, span time.Duration) (bad int, err error) {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(out, "flood, by %d sessions\tmedian\tunder attack\tp99\tunder attack\tgrowth\tworst\tcalls\thung\tfailed\tsessions begun\tMiB poured\tCPU of the vat\t\n", sessions)
	for _, f := range hostile.Floods {
		if !chosen(f.Name, only) || f.Vat != "" {
			continue
		}
		res, err := hostile.MeasureLatency(f, sessions, span)
		if err != nil {
			return bad, fmt.Errorf("%s: %w", f.Name, err)
		}
		verdict := ""
		if res.Growth() > hostile.MaxGrowth {
			verdict = "more than doubled"
		}
		if d := res.During; d.Hung+d.Failed > 0 {
			bad++
			verdict = "WRONG: " + d.Why
		}
		b, d := res.Before, res.During
		fmt.Fprintf(out, "%s\t%v\t%v\t%v\t%v\t%.1f\t%v\t%d\t%d\t%d\t%d\t%d\t%d%%\t%s\n", f.Name, micros(b.Median), micros(d.Median), micros(b.P99), micros(d.P99),
			res.Growth(), micros(d.Worst), d.Calls, d.Hung, d.Failed, res.Sessions, res.Bytes>>20, 100*res.CPU/span, verdict)
		if err := out.Flush(); err != nil {
			return bad, err
		}
	}
	return bad, out.Flush()
}

func micros(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
