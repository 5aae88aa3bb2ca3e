package vat_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Library answers with a lot. Its books are numbered as they are lent.
type Library struct {
	vat.Object
	pages int
	lent  uint64
}

func (l *Library) Lend(n int) []byte {
	b := make([]byte, l.pages)
	binary.BigEndian.PutUint64(b, l.lent)
	l.lent++
	return b
}

func (l *Library) Lent() uint64 { return l.lent }

// borrow asks for n books at once, and for their order.
func borrow(t testing.TB, r *vat.Ref, n, pages int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ps := make([]*vat.Promise[[]byte], n)
	for i := range ps {
		ps[i] = vat.Send[[]byte](r, "lend", i)
	}
	for i, p := range ps {
		b, err := p.Await(ctx)
		if err != nil || len(b) != pages || binary.BigEndian.Uint64(b) != uint64(i) {
			t.Errorf("book %d: %d bytes, %v", i, len(b), err)
			return
		}
		ps[i] = nil
	}
}

// tcpVat is a vat that can be reached.
func tcpVat(t testing.TB) *vat.Vat {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: quiet().Logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

func lend(t testing.TB, from, to *vat.Vat, pages int) *vat.Ref {
	sr, err := from.Export(&Library{pages: pages}, nil)
	require.NoError(t, err)
	return to.Enliven(sr)
}

// peak runs f and returns by how much the heap grew meanwhile, looked at often.
func peak(f func()) int {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	var highest uint64
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				runtime.ReadMemStats(&now)
				highest = max(highest, now.HeapAlloc)
			}
		}
	})
	f()
	close(done)
	wg.Wait()
	return int(highest) - int(before.HeapAlloc)
}

// However large the replies: who reads them meets no limit.
func TestLargeRepliesOverTCP(t *testing.T) {
	spec.Covers(t, "CREDIT-5")
	for _, c := range []struct{ calls, pages int }{{2000, 64 << 10}, {4000, 8 << 10}, {100, 1 << 20}} {
		t.Run(fmt.Sprint(c.calls, "x", c.pages), func(t *testing.T) {
			a, b := tcpVat(t), tcpVat(t)
			r := lend(t, b, a, c.pages)
			_, err := vat.Call[uint64](t.Context(), r, "lent")
			require.NoError(t, err)
			grown := peak(func() { borrow(t, r, c.calls, c.pages) })
			t.Logf("heap grew by %d MiB", grown>>20)
		})
	}
}

// While replies wait for a peer nothing more is done for it; when it reads
// again it gets them all, in order.
func TestASlowReaderGetsAll(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		spec.Covers(t, "CREDIT-5")
		lib := &Library{pages: 64 << 10}
		r := p.give(lib)
		call[uint64](t, r, "lent")
		p.net.Stall("there", "here", true)
		var wg sync.WaitGroup
		wg.Go(func() { borrow(t, r, 2000, lib.pages) })
		pass(5 * time.Second)
		near, err := p.there.Ref(lib)
		require.NoError(t, err)
		lent := call[uint64](t, near, "lent")
		require.Less(t, lent, uint64(200), "replies beyond the mark")
		p.net.Stall("there", "here", false)
		wg.Wait()
	})
}

// A peer that never reads is cut off, by the write that does not end.
func TestAPeerThatNeverReadsIsCutOff(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Library{pages: 64 << 10})
		call[uint64](t, r, "lent")
		p.net.Stall("there", "here", true)
		var last *vat.Promise[[]byte]
		for i := range 1000 {
			last = vat.Send[[]byte](r, "lend", i)
		}
		pass(2 * time.Minute)
		require.ErrorIs(t, failure(t, last), vat.ErrDisconnected)
		p.net.Stall("there", "here", false)
	})
}

// What was put aside when the vat closes, or the session ends, is in nobody's way.
func TestEndsWhileStashed(t *testing.T) {
	ends := map[string]func(t *testing.T, p *place){
		"here closes":  func(t *testing.T, p *place) { require.NoError(t, p.here.Close()) },
		"there closes": func(t *testing.T, p *place) { require.NoError(t, p.there.Close()) },
		"there shuts down": func(t *testing.T, p *place) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, p.there.Shutdown(ctx), context.DeadlineExceeded)
		},
		"cut": func(t *testing.T, p *place) { p.net.Cut("here", "there") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			far(t, nil, func(t *testing.T, p *place) {
				r := p.give(&Library{pages: 64 << 10})
				call[uint64](t, r, "lent")
				p.net.Stall("there", "here", true)
				var ps []*vat.Promise[[]byte]
				for i := range 1000 {
					ps = append(ps, vat.Send[[]byte](r, "lend", i))
				}
				pass(time.Second)
				end(t, p)
				p.net.Stall("there", "here", false)
				synctest.Wait()
				for _, q := range ps[500:] {
					require.NotErrorIs(t, failure(t, q), vat.ErrOverloaded)
				}
			})
		})
	}
}

// Desk notes what comes, and can be held up.
type Desk struct {
	vat.Object
	gate  chan struct{}
	notes []string
}

func (d *Desk) Block()                   { <-d.gate }
func (d *Desk) Wait(ctx context.Context) { <-ctx.Done() }
func (d *Desk) Note(s string)            { d.notes = append(d.notes, s) }
func (d *Desk) Notes() []string          { return d.notes }

// Chatter talks to a desk before it answers, and after.
type Chatter struct{ vat.Object }

func (c *Chatter) Chat(desk *vat.Ref, n int) string {
	desk.SendOnly("block")
	for i := range n {
		desk.SendOnly("note", fmt.Sprint(i))
	}
	return "answer"
}

// An answer does not wait behind calls that wait for a long turn; what runs in a turn
// because of it keeps the place that it has behind them, and before later ones.
func TestAnswersPassCallsThatWait(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		spec.Covers(t, "CREDIT-6")
		desk := &Desk{gate: make(chan struct{})}
		here, err := p.here.Ref(desk)
		require.NoError(t, err)
		chatter := p.give(&Chatter{})
		var want []string
		var last *vat.Promise[string]
		for i := range 3 {
			last = vat.Send[string](chatter, "chat", here, 5)
			vat.When(last, func(s string) (any, error) {
				desk.notes = append(desk.notes, fmt.Sprint(s, " ", i))
				return nil, nil
			})
			want = append(want, "0", "1", "2", "3", "4", fmt.Sprint("answer ", i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := last.Await(ctx)
		require.NoError(t, err, "while the first turn lasts")
		require.Equal(t, "answer", got)
		for range 3 {
			desk.gate <- struct{}{}
		}
		synctest.Wait()
		require.Equal(t, want, call[[]string](t, here, "notes"))
	})
}

// To cancel a call that takes long is possible though others wait behind it.
func TestCancelPassesCallsThatWait(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		spec.Covers(t, "CREDIT-6")
		r := p.give(&Desk{})
		long := vat.Send[any](r, "wait")
		for i := range 20 {
			r.SendOnly("note", fmt.Sprint(i))
		}
		pass(time.Second)
		long.Cancel()
		require.Len(t, call[[]string](t, r, "notes"), 20)
	})
}

// When a session ends, the turns that had their place behind what was put aside run.
func TestTurnsBehindWhatIsNotFed(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		desk := &Desk{gate: make(chan struct{})}
		here, err := p.here.Ref(desk)
		require.NoError(t, err)
		answer := vat.Send[string](p.give(&Chatter{}), "chat", here, 5)
		told := vat.When(answer, func(s string) (string, error) { return s, nil })
		_, err = answer.Await(t.Context())
		require.NoError(t, err)
		p.net.Cut("here", "there")
		close(desk.gate)
		got, err := told.Await(t.Context())
		require.NoError(t, err)
		require.Equal(t, "answer", got)
	})
}
