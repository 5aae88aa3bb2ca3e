package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// MaxGrowth is how many times as long the 99th of a hundred honest calls may take while a vat is attacked.
const MaxGrowth = 2

// HangTime is how long an honest call may take before it counts as one that hangs.
const HangTime = 5 * time.Second

// Latency is how long the calls of an honest session took that made one after the other.
type Latency struct {
	Calls              int
	Median, P99, Worst time.Duration
	Hung               int    // calls that had no answer in HangTime
	Failed             int    // calls that failed
	Why                string // the first of those
}

// LatencyResult is what a flood did to an honest session.
type LatencyResult struct {
	Flood    *Flood
	Before   Latency // without attackers
	During   Latency
	Sessions int // hostile ones that were begun
	Bytes    int64
	CPU      time.Duration // that the vat took during the flood
	Took     time.Duration
}

// Growth is how many times as long the 99th of a hundred calls took.
func (r *LatencyResult) Growth() float64 {
	if r.Before.P99 == 0 {
		return 0
	}
	return float64(r.During.P99) / float64(r.Before.P99)
}

// The first arguments of a program that plays a part of MeasureLatency; see Part.
const (
	callArg = "-hostile-call-a-vat"
	pourArg = "-hostile-attack-a-vat"
)

// Part plays the part that the arguments of this process say it was started for, and reports whether they say one.
// A program whose Crowd or MeasureLatency is used calls it first of all.
func Part(args []string, in io.Reader, out io.Writer) (played bool, err error) {
	if len(args) < 2 {
		return false, nil
	}
	switch args[1] {
	case ServeArg:
		return true, Serve(in, out)
	case callArg:
		return true, callOn(in, out)
	case pourArg:
		return true, pourOn(args[2:], in, out)
	}
	return false, nil
}

// child is a process that plays a part.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// newChild starts this program for a part, on the processor that is given, or on any if that is negative; see startOn.
func newChild(processor int, urgent bool, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, args...)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if processor >= 0 {
		return c, startOn(c.cmd, processor, urgent)
	}
	return c, c.cmd.Start()
}

// ask sends a line and reads one.
func (c *child) ask(line string) (string, error) {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return "", err
	}
	answer, err := c.out.ReadString('\n')
	return strings.TrimSpace(answer), err
}

// close ends the process, which ends with its standard input; kill does not wait for that.
func (c *child) close(kill bool) error {
	if kill {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // it says that it was killed
		return nil
	}
	_ = c.in.Close()
	return c.cmd.Wait()
}

// MeasureLatency has a flood poured at a vat over so many sessions at once, each begun anew when it is cut off, and sees
// how long the calls of an honest session take before and meanwhile. Vat, attackers and honest session are processes of
// their own. On Linux the attackers have one processor and the vat another; the honest session has a third one or, where
// there are but two, that of the attackers, before whom it goes if this process may arrange that.
func MeasureLatency(f *Flood, sessions int, span time.Duration) (res LatencyResult, err error) {
	begin := time.Now()
	res.Flood = f
	good, bad, own := -1, -1, -1
	if cpus := processors(); len(cpus) > 1 {
		good, own, bad = cpus[0], cpus[1], cpus[len(cpus)-1]
	}
	server, err := newChild(good, false, ServeArg)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, server.close(err != nil)) }()
	uri, err := server.out.ReadString('\n')
	if err != nil {
		return res, err
	}
	uri = strings.TrimSpace(uri)
	honest, err := newChild(own, true, callArg)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, honest.close(err != nil)) }()
	if _, err := honest.ask(uri); err != nil {
		return res, err
	}
	if res.Before, err = honest.measure(span); err != nil {
		return res, err
	}
	attackers, err := newChild(bad, false, pourArg, f.Name, strconv.Itoa(sessions))
	if err != nil {
		return res, err
	}
	defer func() { _ = attackers.close(true) }()
	if _, err := attackers.ask(uri); err != nil {
		return res, err
	}
	before, _ := CPUOf(server.cmd.Process.Pid)
	if res.During, err = honest.measure(span); err != nil {
		return res, err
	}
	after, _ := CPUOf(server.cmd.Process.Pid)
	res.CPU = after - before
	count, err := attackers.ask("count")
	if err == nil {
		_, err = fmt.Sscan(count, &res.Sessions, &res.Bytes)
	}
	res.Took = time.Since(begin)
	return res, err
}

// measure has the honest session call for a while.
func (c *child) measure(span time.Duration) (l Latency, err error) {
	text, err := c.ask(span.String())
	if err == nil {
		err = json.Unmarshal([]byte(text), &l)
	}
	return l, err
}

// callOn is the process of the honest session. Its input is a sturdyref and then, line by line, for how long to call.
func callOn(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return lines.Err()
	}
	ref, err := sturdyref.Parse(lines.Text())
	if err != nil {
		return err
	}
	v, err := vat.New(&vat.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = v.Close() }()
	c := &caller{v: v, sr: ref, r: v.Enliven(ref)}
	c.call(2 * time.Second) // the way is found, and warm
	for _, err = fmt.Fprintln(out, "ready"); err == nil && lines.Scan(); {
		span, bad := time.ParseDuration(lines.Text())
		if bad != nil {
			return bad
		}
		text, bad := json.Marshal(c.call(span))
		if bad != nil {
			return bad
		}
		_, err = fmt.Fprintln(out, string(text))
	}
	return errors.Join(err, lines.Err())
}

// caller is an honest session.
type caller struct {
	v  *vat.Vat
	sr sturdyref.Ref
	r  *vat.Ref
}

// thinkTime is between the calls of an honest session: it shall not keep the vat busy itself.
const thinkTime = 250 * time.Microsecond

// call makes one call after the other for a while.
func (c *caller) call(span time.Duration) (l Latency) {
	var took []time.Duration
	for begin := time.Now(); time.Since(begin) < span; {
		rest(thinkTime)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), HangTime)
		_, err := vat.Call[string](ctx, c.r, "join")
		hung := ctx.Err() != nil
		cancel()
		took = append(took, time.Since(start))
		switch {
		case err == nil:
			continue
		case hung:
			l.Hung++
		default:
			l.Failed++
		}
		if l.Why == "" {
			l.Why = err.Error()
		}
		c.r = c.v.Enliven(c.sr)
	}
	slices.Sort(took)
	l.Calls = len(took)
	l.Median, l.P99, l.Worst = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	return l
}

// pourOn is the process of the attackers. Its input is a sturdyref, then a line for each time that it is to say how
// many sessions it began and how many bytes it poured.
func pourOn(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("want a flood and how many sessions")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	i := slices.IndexFunc(Floods, func(f *Flood) bool { return f.Name == args[0] })
	if i < 0 {
		return fmt.Errorf("no flood %q", args[0])
	}
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return lines.Err()
	}
	ref, err := sturdyref.Parse(lines.Text())
	if err != nil {
		return err
	}
	t := &target{addr: ref.Locations()[0], peer: ref.Vat(), victim: ref, log: newRecorder()}
	p := &pourer{t: t, f: Floods[i]}
	p.begun.Add(n)
	for range n {
		go p.pour() // until the process ends
	}
	p.begun.Wait()
	for _, err = fmt.Fprintln(out, "ready"); err == nil && lines.Scan(); {
		_, err = fmt.Fprintln(out, p.sessions.Load(), poured.Load())
	}
	return errors.Join(err, lines.Err())
}

// pourer pours one flood over and over.
type pourer struct {
	t        *target
	f        *Flood
	begun    sync.WaitGroup
	sessions atomic.Int64
}

// pour pours until the process ends.
func (p *pourer) pour() {
	for first := true; ; first = false {
		a := newAttack(p.t, &Case{Raw: p.f.Raw}, time.Second)
		a.hello.calls = 1 << 20
		p.sessions.Add(1)
		if first {
			p.begun.Done()
		}
		if err := a.pourAll(p.f, p.f.Full); err != nil {
			fmt.Fprintln(os.Stderr, "pour:", err)
		}
		if !p.f.Raw && !a.accepted {
			pause(10 * time.Millisecond) // it is not let in at the moment
		}
		a.close()
	}
}
