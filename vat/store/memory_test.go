package store_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/store/storetest"
)

func TestMemory(t *testing.T) {
	spec.Covers(t, "STORE-1", "STORE-2")
	storetest.Run(t, func(*testing.T) storetest.Place { return &store.Memory{} })
}

// A disk that is full is one that may have room later; one that fails is not to be trusted.
func TestMemoryRefuses(t *testing.T) {
	spec.Covers(t, "STORE-3")
	var m store.Memory
	s, err := m.Open()
	require.NoError(t, err)
	var b store.Batch
	b.Put("a", []byte("k"), nil)
	m.Refuse(store.ErrFull)
	require.ErrorIs(t, s.Commit(&b), store.ErrFull)
	m.Refuse(nil)
	require.NoError(t, s.Commit(&b))

	broken := errors.New("input/output error")
	m.Refuse(broken)
	require.ErrorIs(t, s.Commit(&b), broken)
	m.Refuse(nil)
	require.ErrorIs(t, s.Commit(&b), store.ErrFailed)
	require.ErrorIs(t, s.Check(t.Context()), store.ErrFailed)
	require.ErrorIs(t, s.Compact(t.Context()), store.ErrFailed)
	require.ErrorIs(t, s.Backup(t.Context(), io.Discard), store.ErrFailed)
	require.NoError(t, s.Close())

	s, err = m.Open()
	require.NoError(t, err)
	require.NoError(t, s.Commit(&b))
	require.NoError(t, s.Close())
}

func TestMemoryRestoresNothingCutOff(t *testing.T) {
	var m store.Memory
	require.ErrorIs(t, m.Restore(strings.NewReader("\x01a\x01k\x05cut")), store.ErrDamaged)
	s, err := m.Open()
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
