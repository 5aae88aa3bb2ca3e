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

// Two vats that ask each other for a lot do not wait for each other.
func TestLargeRepliesBothWays(t *testing.T) {
	spec.Covers(t, "CREDIT-5")
	a, b := tcpVat(t), tcpVat(t)
	var wg sync.WaitGroup
	for _, r := range []*vat.Ref{lend(t, b, a, 64<<10), lend(t, a, b, 64<<10)} {
		wg.Go(func() { borrow(t, r, 100, 64<<10) })
	}
	wg.Wait()
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
