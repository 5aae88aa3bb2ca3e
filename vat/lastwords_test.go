package vat_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// slowpoke takes its time.
type slowpoke struct {
	vat.Object
	each time.Duration
	gate chan struct{}
	ran  atomic.Int32
}

func (s *slowpoke) Hold()      { <-s.gate }
func (s *slowpoke) Slow()      { time.Sleep(s.each); s.ran.Add(1) }
func (s *slowpoke) Quick() int { return 7 }

// What a peer has sent before its link ended is handled, but others need not wait for
// all of it; and if it takes longer than anybody should wait, the rest is dropped.
func TestLastWords(t *testing.T) {
	const calls = 4000 // less than the credit
	for _, tc := range []struct {
		name string
		each time.Duration
		all  bool
	}{{"handled", time.Millisecond, true}, {"too many", 2 * time.Millisecond, false}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := vattest.NewNetwork()
				cfg := &vat.Config{Logger: slog.New(slog.DiscardHandler)}
				server := net.Vat(t, "server", cfg)
				s := &slowpoke{each: tc.each, gate: make(chan struct{})}
				sr, err := server.Export(s, nil)
				require.NoError(t, err)
				other := net.Vat(t, "other", cfg).Enliven(sr)
				require.NoError(t, other.Await(t.Context()))

				leaver := net.Vat(t, "leaver", cfg)
				r := leaver.Enliven(sr)
				require.NoError(t, r.Await(t.Context()))
				r.SendOnly("hold")
				for range calls {
					r.SendOnly("slow")
				}
				time.Sleep(time.Second) // it is all there, behind the long turn
				require.NoError(t, leaver.Close())
				synctest.Wait()
				close(s.gate)
				begin := time.Now()
				for range 20 {
					got, err := vat.Call[int](t.Context(), other, "quick")
					require.NoError(t, err)
					require.Equal(t, 7, got)
				}
				require.Less(t, time.Since(begin), 500*time.Millisecond)
				require.Less(t, int(s.ran.Load()), calls/2)
				time.Sleep(time.Minute)
				synctest.Wait()
				if tc.all {
					require.EqualValues(t, calls, s.ran.Load())
				} else {
					require.Greater(t, int(s.ran.Load()), calls/2)
					require.Less(t, int(s.ran.Load()), calls)
				}
			})
		})
	}
}
