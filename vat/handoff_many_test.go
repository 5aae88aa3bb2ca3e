package vat_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// TestManyAreHandedOver: who is passed a thousand references at once goes to their vat for each of them.
func TestManyAreHandedOver(t *testing.T) {
	spec.Covers(t, "HAND-12")
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		x := newTrio(t)
		x.taker.got = make(chan *vat.Ref, n)
		for range n {
			x.toTaker.SendOnly("take", x.toThing)
		}
		pass(time.Minute)
		require.NoError(t, x.alice.Close())
		for i := range n {
			r := <-x.taker.got
			requireVia(t, r, x.carol)
			call[any](t, r, "note", fmt.Sprint(i))
		}
	})
}
