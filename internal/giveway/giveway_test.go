package giveway

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever waits for the network gets on while others are busy, as soon as they yield, though there is but one processor.
func TestThoseWhoWaitComeFirst(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	a, b := pair(t)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for begin := time.Now(); time.Since(begin) < 50*time.Microsecond; {
				}

				Yield()
			}
		})
	}
	busy.Go(func() { // the other end of the conversation
		buf := make([]byte, 1)
		for {
			if _, err := b.Read(buf); err != nil {
				return
			}
			if _, err := b.Write(buf); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 1)
	var worst time.Duration
	begin := time.Now()
	const rounds = 200
	for range rounds {
		start := time.Now()
		_, err := a.Write(buf)
		require.NoError(t, err)
		_, err = a.Read(buf)
		require.NoError(t, err)
		worst = max(worst, time.Since(start))
	}
	took := time.Since(begin)
	close(stop)
	require.NoError(t, a.Close())
	busy.Wait()
	// Each round waits for two of the busy at most, were it not for the rest of the machine. Without Yield it takes 20 ms.
	require.Less(t, took/rounds, 5*time.Millisecond, "the worst took %v", worst)
}

func pair(t *testing.T) (a, b net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	a, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	b, err = ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return a, b
}

func TestYieldReturns(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				Yield()
			}
		})
	}
	all.Wait()
}

func BenchmarkYield(b *testing.B) {
	for b.Loop() {
		Yield()
	}
}
