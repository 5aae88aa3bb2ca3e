package vat

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
)

// counter is an object of the stepped cores.
type counter struct {
	Object
	n    int
	seen []string
}

func (c *counter) Add(who string, n int) int {
	c.n += n
	c.seen = append(c.seen, fmt.Sprint(who, c.n))
	return c.n
}

func (c *counter) Self() *counter { return c }

// stepped is two cores without a goroutine between which a test carries bytes.
type stepped struct {
	a, b   *core
	ab, ba *session // a's end, b's end
	trace  bytes.Buffer
}

func newStepped() *stepped {
	w := &stepped{}
	quiet := slog.New(slog.DiscardHandler)
	w.a = newCore(&Config{}, crypto.VatID{1}, quiet)
	w.b = newCore(&Config{}, crypto.VatID{2}, quiet)
	w.ab = &session{core: w.a, peer: w.b.id}
	w.ba = &session{core: w.b, peer: w.a.id}
	for _, s := range []*session{w.ab, w.ba} {
		s.core.lock()
		s.core.begin(s)
		s.captp.Grant(4096, 16<<20)
		s.core.unlock()
	}
	return w
}

// carry moves what one end has to say to the other, and reports whether there was
// anything.
func (w *stepped) carry(from, to *session) bool {
	from.core.lock()
	from.core.machine.TakeDirty(nil)
	out := from.captp.TakeOut(nil)
	from.core.unlock()
	if len(out) == 0 {
		return false
	}
	fmt.Fprintf(&w.trace, "%s→ %x\n", from.peer.Short(), out)
	to.core.lock()
	to.core.feed(&feed{s: to, rest: out}, 0)
	to.core.unlock()
	return true
}

// run steps both until nothing is left to do.
func (w *stepped) run() {
	for busy := true; busy; {
		busy = w.carry(w.ab, w.ba)
		for w.b.step() {
			busy = true
		}
		busy = w.carry(w.ba, w.ab) || busy
		for w.a.step() {
			busy = true
		}
	}
}

// A core is a value: the same steps give the same bytes, each in its turn.
func TestTheCoreIsStepped(t *testing.T) {
	play := func() (trace string, seen []string) {
		w := newStepped()
		obj := &counter{}
		h, err := w.b.host(obj)
		require.NoError(t, err)
		w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
		far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
		f := Send[int](far.Send("self"), "add", "far", 100)
		w.b.lock()
		ref := h.ref(nil)
		w.b.unlock()
		near := w.b.newRef(ref)
		p := Send[int](near, "add", "near", 1)
		q := Send[int](near.Send("self"), "add", "pipelined", 10)
		require.Equal(t, pending, p.state)
		require.True(t, w.b.step(), "add")
		require.True(t, w.b.step(), "self")
		require.Equal(t, []string{"near1"}, obj.seen, "one turn at a time")
		w.run()
		require.Equal(t, fulfilled, f.state)
		require.Equal(t, fulfilled, p.state)
		require.Equal(t, fulfilled, q.state)
		require.False(t, w.b.step())
		return w.trace.String(), obj.seen
	}
	trace1, seen1 := play()
	trace2, seen2 := play()
	require.Equal(t, []string{"near1", "pipelined11", "far111"}, seen1)
	require.Equal(t, seen1, seen2)
	require.Equal(t, trace1, trace2)
	require.NotEmpty(t, trace1)
}

var secret = [32]byte{1, 2, 3}

func TestTurnQueue(t *testing.T) {
	var q turnQueue
	n := 0
	for round := range 50 {
		for range round * 7 {
			q.push(turn{args: &waiting{left: n}})
			n++
		}
		for range round * 5 {
			got, ok := q.pop()
			require.True(t, ok)
			require.Equal(t, n-q.len()-1, got.args.left, "first in, first out")
		}
	}
	for q.len() > 0 {
		got, _ := q.pop()
		require.Equal(t, n-q.len()-1, got.args.left)
	}
	_, ok := q.pop()
	require.False(t, ok)
}

func TestTimersFireInOrder(t *testing.T) {
	c := newCore(&Config{}, crypto.VatID{1}, slog.New(slog.DiscardHandler))
	var fired []int
	now := time.Now()
	for i, d := range []int{3, 1, 2, 1} {
		c.at(now.Add(-time.Duration(10-d)*time.Second), func() { fired = append(fired, 10*d+i) })
	}
	stopped := c.at(now.Add(-20*time.Second), func() { t.Error("stopped") })
	c.stopTimer(stopped)
	c.stopTimer(stopped)
	c.stopTimer(nil)
	later := c.at(now.Add(time.Minute), func() { t.Error("too early") })
	c.fireTimers()
	require.Equal(t, []int{11, 13, 22, 30}, fired)
	wait, ok := c.nextTimer()
	require.True(t, ok)
	require.Greater(t, wait, 50*time.Second)
	c.stopTimer(later)
	_, ok = c.nextTimer()
	require.False(t, ok)
}
