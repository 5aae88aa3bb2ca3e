package vat_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// ring sets an alarm for an object of another vat's, which is due in a minute.
func (x *registry) ring(t *testing.T) (a vat.Alarm, own *vat.Ref) {
	t.Helper()
	there, own := x.listener(t)
	a, err := x.v.After(time.Minute, there, "note", "x")
	require.NoError(t, err)
	there.Release()
	return a, own
}

// apart keeps the two vats apart, or lets them meet again.
func (x *registry) apart(apart bool) {
	x.disk.net.Partition("durable", "other", apart)
	if apart {
		x.disk.net.Cut("durable", "other")
	}
}

// An alarm that certainly did not arrive is sent again, also by the next incarnation, and while the store refuses things;
// it arrives once.
func TestFarAlarmsAreSentAgain(t *testing.T) {
	spec.Covers(t, "KEEP-12")
	for _, how := range []string{"apart", "restart", "full"} {
		t.Run(how, func(t *testing.T) {
			onRegistry(t, func(t *testing.T, x *registry) {
				_, own := x.ring(t)
				x.apart(true)
				pass(3 * time.Minute)
				switch how {
				case "restart":
					x.crash()
				case "full":
					x.disk.Refuse(store.ErrFull)
					x.apart(false)
					pass(time.Hour)
					require.Empty(t, call[string](t, own, "join"))
					x.disk.Refuse(nil)
				}
				require.Empty(t, call[string](t, own, "join"))
				x.apart(false)
				pass(time.Hour)
				require.Equal(t, "x", call[string](t, own, "join"))
				pass(time.Hour)
				x.crash()
				pass(time.Hour)
				require.Equal(t, "x", call[string](t, own, "join"))
			})
		})
	}
}

// An alarm of which nobody knows whether it arrived is not sent again, and the owner is told.
func TestFarAlarmsOfUnknownOutcome(t *testing.T) {
	spec.Covers(t, "KEEP-12")
	for _, how := range []string{"cut", "killed"} {
		t.Run(how, func(t *testing.T) {
			onRegistry(t, func(t *testing.T, x *registry) {
				_, own := x.ring(t)
				pass(50 * time.Second)
				x.disk.net.Stall("durable", "other", true)
				pass(11 * time.Second)
				if how == "killed" {
					x.crash()
				}
				x.disk.net.Cut("durable", "other")
				x.disk.net.Stall("durable", "other", false)
				pass(time.Hour)
				require.Empty(t, call[string](t, own, "join"))
				synctest.Wait()
				require.Contains(t, x.book.String(), "nobody knows")
			})
		})
	}
}

// An alarm that waits to be sent again can be taken back.
func TestSilencedFarAlarms(t *testing.T) {
	onRegistry(t, func(t *testing.T, x *registry) {
		a, own := x.ring(t)
		x.apart(true)
		pass(time.Minute + 10*time.Second + 500*time.Millisecond)
		var was bool
		for range 600 { // between two attempts
			var err error
			was, err = x.v.Silence(a)
			require.NoError(t, err)
			if was {
				break
			}
			pass(100 * time.Millisecond)
		}
		require.True(t, was)
		x.apart(false)
		pass(time.Hour)
		require.Empty(t, call[string](t, own, "join"))
	})
}

// A far alarm whose record is damaged is complained of, and not without end.
func TestDamagedFarAlarm(t *testing.T) {
	onRegistry(t, func(t *testing.T, x *registry) {
		x.ring(t)
		x.apart(true)
		pass(3 * time.Minute)
		shot, err := x.slow.Snapshot()
		require.NoError(t, err)
		var b store.Batch
		for calls := shot.Cursor("calls"); calls.Next(); {
			b.Put("calls", slices.Clone(calls.Key()), []byte("damaged"))
		}
		require.NoError(t, shot.Close())
		require.NotZero(t, b.Len())
		require.NoError(t, x.slow.Commit(&b))
		pass(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(x.book.String(), "level=ERROR"), x.book)
	})
}
