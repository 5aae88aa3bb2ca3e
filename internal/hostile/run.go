package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"capnproto.org/go/capnp/v3/std/capnp/rpc"
)

// What a case may cost; see spec/hostile/README.md.
const (
	MaxHeap     = 4 << 20                // bytes of live heap, attackers still connected
	MaxResident = 4 << 20                // bytes that are resident, likewise, when what is free was given back
	Idle        = 100 * time.Millisecond // during which …
	MaxCPU      = 5 * time.Millisecond   // … the process may need so much CPU
)

// Result is what a case came to.
type Result struct {
	Case    *Case
	Outcome string // "" if there was none
	Err     error  // nil if it is as it should be
	Took    time.Duration
	Late    time.Duration // how long after the last step the outcome came
	Cost
}

// Cost is what a vat is left with while its attackers are still connected, all that ran together.
type Cost struct {
	Heap     int64         // bytes of live heap more than before
	Resident int64         // bytes in memory more than before; 0 where that is not known
	CPU      time.Duration // in an idle moment of Idle
}

// excess says what is too much.
func (c Cost) excess() error {
	switch {
	case c.Heap > MaxHeap:
		return fmt.Errorf("the heap grew by %d bytes", c.Heap)
	case c.Resident > MaxResident:
		return fmt.Errorf("%d bytes more are resident", c.Resident)
	case c.CPU > MaxCPU:
		return fmt.Errorf("%v of CPU in %v of idleness", c.CPU, Idle)
	}
	return nil
}

// Excess is the error of cases that left too much behind, all together.
type Excess struct{ error }

// Runner runs cases against vats that it starts as it needs them. The zero value is
// useful. Not safe for concurrent use.
type Runner struct {
	// Patience is how long an outcome may take once it is due; 0 means a second.
	Patience time.Duration
	// Raced says that the race detector is on, whose own memory grows.
	Raced   bool
	targets map[string]*target
}

// Close ends the vats.
func (r *Runner) Close() {
	for _, t := range r.targets {
		t.close()
	}
	r.targets = nil
}

func (r *Runner) target(kind string) (*target, error) {
	if t := r.targets[kind]; t != nil {
		return t, nil
	}
	t, err := newTarget(kind)
	if err != nil {
		return nil, err
	}
	if r.targets == nil {
		r.targets = map[string]*target{}
	}
	r.targets[kind] = t
	return t, nil
}

// Run runs cases side by side, which must all be for the same kind of vat, and
// judges them and what they leave behind.
func (r *Runner) Run(cases ...*Case) ([]Result, error) {
	if r.Patience == 0 {
		r.Patience = time.Second
	}
	t, err := r.target(cases[0].Vat)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("an honest call before: %w", err)
	}
	goroutines := runtime.NumGoroutine()
	before := r.hold()
	results := make([]Result, len(cases))
	attacks := make([]*attack, len(cases))
	var wg sync.WaitGroup
	for i, c := range cases {
		attacks[i] = newAttack(t, c, r.Patience+deadlines[c.Vat])
		wg.Go(func() {
			begin := time.Now()
			results[i] = attacks[i].attempt()
			results[i].Took = time.Since(begin)
		})
	}
	wg.Wait()
	cost := r.aftermath(before)
	for i := range results {
		results[i].Cost = cost
	}
	err = t.check()
	for _, a := range attacks {
		a.close()
	}
	if err != nil {
		return results, fmt.Errorf("an honest call afterwards: %w", err)
	}
	if err := errors.Join(settled(goroutines), t.log.surprises()); err != nil {
		return results, err
	}
	if err := cost.excess(); err != nil {
		return results, &Excess{err}
	}
	return results, nil
}

// hold measures what the process holds.
func (r *Runner) hold() Cost {
	c := Cost{Heap: liveHeap()}
	if !r.Raced {
		c.Resident, _ = residentNow() // 0 where it is not known
	}
	return c
}

// aftermath measures what is held, and what is done, when everything should be at rest.
func (r *Runner) aftermath(before Cost) (cost Cost) {
	for range 20 { // a busy machine is given time
		cost = r.hold()
		cost.Heap -= before.Heap
		cost.Resident -= before.Resident
		start := cpuTime()
		pause(Idle)
		cost.CPU = cpuTime() - start
		if cost.excess() == nil {
			break
		}
	}
	return cost
}

// settled waits until there are no more goroutines than n.
func settled(n int) error {
	for range 300 {
		if runtime.NumGoroutine() <= n {
			return nil
		}
		pause(20 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	return fmt.Errorf("%d goroutines instead of %d:\n%s", runtime.NumGoroutine(), n, buf[:runtime.Stack(buf, true)])
}

// surprises tells of panics inside of the vat, but for the one that a case asks for.
func (r *recorder) surprises() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, stack := range r.panics {
		if !strings.Contains(stack, "(*Victim).Panic") {
			return fmt.Errorf("a panic inside of the vat:\n%s", stack)
		}
	}
	return nil
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what sync.Pools held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// pause waits.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// attempt runs the steps and finds out what they came to.
func (a *attack) attempt() Result {
	res := Result{Case: a.c}
	if res.Err = a.run(); res.Err == nil || isGone(res.Err) {
		begin := time.Now()
		res.Outcome, res.Err = a.outcome()
		res.Late = time.Since(begin)
	}
	if res.Err == nil && !matches(a.c.Expect, res.Outcome) {
		res.Err = fmt.Errorf("came to %q instead of %q", res.Outcome, a.c.Expect)
	}
	return res
}

// isGone reports whether the vat has ended the connection, which a step may notice
// before the outcome is asked for.
func isGone(err error) bool {
	var n *net.OpError
	return errors.As(err, &n) && !n.Timeout() || errors.Is(err, errEnd) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// matches compares an outcome with the expected one, which may leave the cause out.
func matches(want, got string) bool {
	first, _, _ := strings.Cut(got, " ")
	return want == got || want == first && !expectations[first]
}

// keys are the names under which the log may speak of the attacker: its vat id alone once that is proven.
func (a *attack) keys() []string {
	keys := []string{vatID(a.static).String()}
	if a.in != nil && !a.damaged {
		return keys
	}
	if a.c.Vat == "gated" {
		// A connection that was reset at once does not know its own port any more.
		// This vat is attacked by one case at a time.
		keys = append(keys, "127.0.0.1")
	}
	for _, w := range append(a.closed, a.wire) {
		if w.conn != nil {
			keys = append(keys, w.conn.LocalAddr().String())
		}
	}
	return keys
}

// outcome finds out what the attack came to.
func (a *attack) outcome() (string, error) {
	want, _, _ := strings.Cut(a.c.Expect, " ")
	switch {
	case a.judged:
		if a.verdict == nil {
			return "taken", nil
		}
		if c, ok := errors.AsType[interface {
			Code() string
			error
		}](a.verdict); ok {
			return c.Code(), nil
		}
		return "refused", nil
	case want == "reset":
		if err := a.conn.SetReadDeadline(time.Now().Add(a.patience)); err != nil {
			return "", err
		}
		_, err := a.conn.Read(make([]byte, 1))
		if errors.Is(err, syscall.ECONNRESET) {
			return "reset", nil
		}
		return fmt.Sprint(err), nil
	case expectations[want]:
		return a.answer(want)
	}
	o := a.t.log.await(a.patience, a.c.Expect, a.keys()...)
	if o == "" {
		return "", errors.New("no outcome in time")
	}
	if strings.HasPrefix(o, "proto.") || strings.HasPrefix(o, "limit.") {
		return o, a.told(o)
	}
	return o, nil
}

// told checks that the peer was told the outcome, if the session still could tell it.
func (a *attack) told(outcome string) error {
	if a.in == nil || outcome == "limit.handshakes" || strings.HasPrefix(outcome, "proto.session") {
		return nil
	}
	for {
		m, err := a.message(time.Now().Add(a.patience))
		if err != nil {
			return nil // the connection was gone
		}
		if m.Which() != rpc.Message_Which_abort {
			continue
		}
		e, err := m.Abort()
		if err != nil {
			return err
		}
		reason, err := e.Reason()
		if err != nil || len(reason) > 128 || !strings.HasPrefix(reason, outcome+": ") {
			return fmt.Errorf("the abort says %q", reason)
		}
		return nil
	}
}

// probe is the question with which the attacker sees whether the session lives.
const probe = 0x7ffffff0

// answer sees how a question was answered, and that the session lives.
func (a *attack) answer(want string) (string, error) {
	got := "ignored"
	if want == "alive" {
		got = want
	}
	f, err := compile(fmt.Sprintf("bootstrap q=%d", probe))
	if err != nil {
		return "", err
	}
	if err := a.data(f); err != nil {
		return a.ended(err)
	}
	alive, answered := false, want != "exception" && want != "answers" && want != "canceled" && want != "unimplemented"
	for !alive || !answered {
		var m rpc.Message
		if len(a.seen) > 0 {
			m, a.seen = a.seen[0], a.seen[1:]
			if want == "ignored" {
				continue // it was awaited
			}
		} else if m, err = a.message(time.Now().Add(a.patience)); err != nil {
			return a.ended(err)
		}
		switch m.Which() {
		case rpc.Message_Which_return:
			r, err := m.Return()
			if err != nil {
				return "", err
			}
			if r.AnswerId() == probe {
				alive = true
				continue
			}
			if uint64(r.AnswerId()) == a.last && want != "alive" {
				got, answered = returned(r), true
			}
		case rpc.Message_Which_unimplemented:
			got, answered = "unimplemented", true
		default:
			if want == "ignored" {
				got = "a " + m.Which().String()
			}
		}
	}
	if want == "exception" && a.c.Expect != got && matchesException(a.c.Expect, got) {
		got = a.c.Expect
	}
	return got, nil
}

// ended is the outcome of a session that should have lived.
func (a *attack) ended(err error) (string, error) {
	if o := a.t.log.await(a.patience/10, "", a.keys()...); o != "" {
		return o, nil
	}
	return "", fmt.Errorf("no answer: %w", err)
}

// matchesException allows for an expectation without a code.
func matchesException(want, got string) bool {
	return strings.HasPrefix(got, want+" ")
}

// returned describes a Return.
func returned(r rpc.Return) string {
	switch r.Which() {
	case rpc.Return_Which_results:
		return "answers"
	case rpc.Return_Which_canceled:
		return "canceled"
	case rpc.Return_Which_exception:
		e, err := r.Exception()
		if err != nil {
			return err.Error()
		}
		s := "exception " + e.Type().String()
		if details, err := e.Details(); err == nil && details.Len() > 0 {
			if code, err := details.At(0).Data(); err == nil {
				return s + " " + string(code)
			}
		}
		return s + " -"
	}
	return r.Which().String()
}
