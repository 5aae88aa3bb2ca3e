package capn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefill(t *testing.T) {
	var b Builder
	b.Init(nil)
	b.Text(b.Root(0, 1).Slot(0), "something to read")
	var m Message
	require.NoError(t, m.ParseFlat(b.Bytes(), nil))
	root, err := m.Root()
	require.NoError(t, err)
	read := func() error {
		_, err := root.Field(0)
		return err
	}
	for range 10000 {
		root.Refill()
		require.NoError(t, read())
	}
	for err = nil; err == nil; err = read() {
	}
	require.ErrorIs(t, err, ErrTraversal, "without it there is an end")
	root.Refill()
	require.NoError(t, read())
	Ptr{}.Refill()
}
