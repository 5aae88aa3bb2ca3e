package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// TestWhoPicksNothingUp: a recipient that cannot go to a host leaves others theirs, however many references it is passed.
func TestWhoPicksNothingUp(t *testing.T) {
	spec.Covers(t, "HAND-13", "HAND-20")
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		x := newTrio(t)
		dave := x.net.Vat(t, "dave", quiet())
		k, toDave := taker(t, dave, x.alice)
		x.taker.got = make(chan *vat.Ref, n)
		x.net.Partition("bob", "carol", true)
		for range n {
			x.toTaker.SendOnly("take", x.toThing)
		}
		pass(time.Second)
		require.Len(t, x.taker.got, n)
		call[any](t, toDave, "take", x.toThing)
		daves := <-k.got
		pass(time.Second)
		requireVia(t, daves, x.carol)
		call[any](t, daves, "note", "dave's")
		pass(time.Minute)
		for range n {
			requireVia(t, <-x.taker.got, x.alice)
		}
	})
}
