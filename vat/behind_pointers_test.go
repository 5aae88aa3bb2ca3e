package vat_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Safe has a pointer to another object.
type Safe struct {
	vat.Durable
	Coin *Coin
}

// Coin is that object.
type Coin struct {
	vat.Durable
	Taken int
}

func init() {
	vat.Register[Safe]("safe")
	vat.Register[Coin]("coin")
}

// Take changes the coin, and then lets go of it.
func (s *Safe) Take() {
	s.Coin.Taken++
	s.Coin = nil
}

func (s *Safe) Look() (*vat.Ref, error) { return s.Vat().Ref(s.Coin) }
func (c *Coin) Times() int              { return c.Taken }

// What a turn changes behind a pointer is kept, although the turn takes the pointer away.
func TestChangesBehindPointersThatGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		safe, err := vat.Root(v, "safe", func() *Safe { return &Safe{Coin: &Coin{}} })
		require.NoError(t, err)
		call[any](t, page(t, v), "link", "coin", call[*vat.Ref](t, safe, "look"))
		call[any](t, safe, "take")
		end()
		v, end = d.start(nil)
		defer end()
		require.Equal(t, 1, call[int](t, call[*vat.Ref](t, page(t, v), "follow", "coin"), "times"))
	})
}
