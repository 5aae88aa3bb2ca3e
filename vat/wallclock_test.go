package vat_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// A grant ends by the clock on the wall, also if that was set, or the machine has slept, since: what came of it within a minute.
func TestLifetimeByTheClockOnTheWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := vattest.NewNetwork().Vat(t, "there", quiet())
		var slept atomic.Int64
		vat.SetClock(v, func() time.Time { return time.Now().Round(0).Add(time.Duration(slept.Load())) })
		g, err := v.Grant(&Recorder{}, &vat.ExportConfig{Lifetime: 2 * time.Hour})
		require.NoError(t, err)
		require.Equal(t, g.Expires(), g.Expires().Round(0), "it has no reading of another clock")
		live := v.Enliven(g.Sturdyref())
		ended := make(chan error, 1)
		live.WhenBroken(func(err error) { ended <- err })
		pass(time.Hour - time.Second)
		require.Empty(t, ended)
		slept.Store(int64(time.Hour))
		pass(time.Minute)
		synctest.Wait()
		require.Len(t, ended, 1, "nothing else has happened in the vat that would have it look at the clock")
		require.ErrorIs(t, <-ended, vat.ErrRevoked)
		require.ErrorIs(t, v.Enliven(g.Sturdyref()).Err(), vat.ErrNoSuchObject)
	})
}

// What was given with a time of the program's is of that clock, too.
func TestExpiresByTheClockOnTheWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := vattest.NewNetwork().Vat(t, "there", quiet())
		at := time.Now().Add(time.Hour)
		g, err := v.Grant(&Recorder{}, &vat.ExportConfig{Expires: at})
		require.NoError(t, err)
		require.Equal(t, at.Round(0), g.Expires())
	})
}
