package vat_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Many may wait for one promise; who gives up leaves the others waiting.
func TestManyWaitAndSomeGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := vat.New(nil)
		require.NoError(t, err)
		defer v.Close()
		p, r := vat.NewPromise[int](v)
		const waiting = 6
		var gave [waiting]context.CancelFunc
		got := make(chan error, waiting)
		for i := range waiting {
			ctx, cancel := context.WithCancel(context.Background())
			gave[i] = cancel
			go func() {
				n, err := p.Await(ctx)
				if err == nil && n != 7 {
					err = errors.New("another value")
				}
				got <- err
			}()
			synctest.Wait() // they wait in this order
		}
		for _, i := range []int{0, 3, 5} { // the first, one in the middle, the last
			gave[i]()
			require.ErrorIs(t, <-got, vat.ErrCanceled)
		}
		require.NoError(t, r.Resolve(7))
		for range waiting - 3 {
			require.NoError(t, <-got)
		}
		for _, cancel := range gave {
			cancel()
		}
	})
}
