package vat_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Fatten writes a line that no store takes.
func (p *Page) Fatten() { p.Write(strings.Repeat("x", 17<<20)) }

// A turn that has made an object too large is undone by itself, and not those that would have been
// committed with it.
func TestTooLargeIsTheFaultOfOneTurn(t *testing.T) {
	spec.Covers(t, "KEEP-3")
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		commits := x.slow.stall()
		first := vat.Send[int](x.near, "write", "first")
		answer := <-commits
		second := vat.Send[int](x.far, "write", "second")
		synctest.Wait()
		fat := x.near.Send("fatten")
		third := vat.Send[int](x.near, "write", "third")
		synctest.Wait()
		x.slow.unstall()
		answer <- nil
		for _, p := range []*vat.Promise[int]{first, second, third} {
			_, err := p.Await(t.Context())
			require.NoError(t, err)
		}
		require.ErrorIs(t, failure(t, fat), vat.ErrInternal)
		require.Equal(t, []string{"first", "second", "third"}, call[[]string](t, x.near, "read"))
	})
}
