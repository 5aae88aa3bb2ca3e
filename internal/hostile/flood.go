package hostile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"
)

// MaxFlood is how many bytes of live heap one hostile session may leave a vat with.
const MaxFlood = 32 << 20

// MaxLeft is how many of them may be left when it has ended: what the victim itself keeps, and
// what Go's maps do not give back.
const MaxLeft = 8 << 20

// Flood is an attack by quantity.
type Flood struct {
	Name   string
	Vat    string // which vat is attacked; "" is plain
	Small  int    // how many in every run of the tests
	Full   int    // how many in earnest
	Reads  bool   // whether the attacker reads what it is answered
	Sealed bool   // whether it is one of records
	Raw    bool   // whether it begins before the handshake
	Asked  bool   // whether it answers what only a vat asks
	pour   func(a *attack, n int) error
}

// Plain reports whether f can be poured at other implementations, too.
func (f *Flood) Plain() bool { return !f.Raw && !f.Sealed && !f.Asked }

// FloodResult is what a flood came to.
type FloodResult struct {
	Flood   *Flood
	Count   int
	Outcome string // with which the session ended; "" if it goes on
	Heap    int64  // bytes of live heap more than before, the attacker still connected
	Left    int64  // the same when the attacker has gone
	CPU     time.Duration
	Took    time.Duration
	Honest  time.Duration // what an honest call took in the midst of it
}

// Flood runs one flood of n.
func (r *Runner) Flood(f *Flood, n int) (res FloodResult, err error) {
	kind := f.Vat
	if kind == "" {
		kind = "plain"
	}
	t, err := r.target(kind)
	if err != nil {
		return res, err
	}
	if err := t.check(); err != nil {
		return res, fmt.Errorf("an honest call before: %w", err)
	}
	goroutines, heap := runtime.NumGoroutine(), liveHeap()
	a := newAttack(t, &Case{Raw: f.Raw}, time.Second)
	a.hello.calls = 1 << 20
	res = FloodResult{Flood: f, Count: n}
	begin := time.Now()
	poured := make(chan error, 1)
	go func() { poured <- a.pourAll(f, n) }()
	honest := time.Now()
	if err := t.check(); err != nil {
		return res, fmt.Errorf("an honest call meanwhile: %w", err)
	}
	res.Honest = time.Since(honest)
	err = <-poured
	res.Took = time.Since(begin)
	for range 100 { // what was sent in time is still worked off
		res.Heap = liveHeap() - heap
		start := cpuTime()
		pause(Idle)
		res.CPU = cpuTime() - start
		if res.Heap <= MaxFlood && res.CPU <= MaxCPU {
			break
		}
	}
	res.Outcome = t.log.await(50*time.Millisecond, "", a.keys()...)
	if err == nil {
		err = t.check()
	}
	a.close()
	for range 100 {
		if res.Left = liveHeap() - heap; res.Left <= MaxLeft {
			break
		}
		pause(20 * time.Millisecond)
	}
	switch {
	case err != nil:
	case res.Heap > MaxFlood:
		err = fmt.Errorf("the heap grew by %d bytes", res.Heap)
	case res.Left > MaxLeft:
		err = fmt.Errorf("%d bytes of the heap are left when the attacker has gone", res.Left)
	case res.CPU > MaxCPU:
		err = fmt.Errorf("%v of CPU in %v of idleness", res.CPU, Idle)
	default:
		err = errors.Join(settled(goroutines), t.log.surprises())
	}
	return res, err
}

// pourAll runs the flood itself. That the vat ends the session is no fault.
func (a *attack) pourAll(f *Flood, n int) error {
	if !f.Raw {
		if err := a.dial(a.t.addr); err != nil {
			return err
		}
		if err := a.hold(); err != nil {
			return err
		}
		if f.Reads {
			if err := a.conn.SetReadDeadline(time.Time{}); err != nil {
				return err
			}
			go a.discard(a.conn)
		}
	}
	err := f.pour(a, n)
	if err != nil && (isGone(err) || isTimeout(err)) {
		return nil
	}
	return err
}

// discard reads what comes, until the attack is over.
func (a *attack) discard(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// inTurn is how many messages of one template follow on one another: so many that
// the vat has run their turns before it meets the next template.
const inTurn = 256

// mark stands in a template where the number of the message goes.
const mark = 0x5ca1ab1e

// pourFrames sends n messages like each of the templates, in which mark is
// replaced by numbers from first on.
func (a *attack) pourFrames(n, first int, templates ...string) error {
	var frames [][]byte
	var at [][]int
	for _, t := range templates {
		f, err := a.frameOf(a.substitute(t))
		if err != nil {
			return err
		}
		frames, at = append(frames, f), append(at, marks(f))
	}
	var run []byte
	for i := 0; i < n; i += inTurn {
		for k, f := range frames {
			for j := i; j < min(i+inTurn, n); j++ {
				start := len(run)
				run = append(run, f...)
				for _, p := range at[k] {
					binary.LittleEndian.PutUint32(run[start+p:], uint32(first+j))
				}
				if len(run) > 50_000 {
					if err := a.data(run); err != nil {
						return err
					}
					run = run[:0]
				}
			}
		}
	}
	return a.data(run)
}

// marks finds where mark stands.
func marks(frame []byte) (at []int) {
	m := binary.LittleEndian.AppendUint32(nil, mark)
	for from := 0; ; {
		i := bytes.Index(frame[from:], m)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(m)
	}
}

// of makes a flood of messages.
func of(templates ...string) func(a *attack, n int) error {
	return func(a *attack, n int) error { return a.pourFrames(n, 100, templates...) }
}
