package vat_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// Binder keeps objects that were not kept before.
type Binder struct {
	vat.Durable
	Items vat.List[*Notes]
}

// Notes has entries before it is kept.
type Notes struct {
	vat.Durable
	Lines vat.List[string]
	Marks vat.Map[string, int]
}

func init() {
	vat.Register[Binder]("binder")
	vat.Register[Notes]("notes")
}

// Take keeps notes, and changes them.
func (s *Binder) Take(n *vat.Ref, fail bool) error {
	notes, ok := vat.Near[*Notes](n)
	if !ok {
		return errors.New("they are not near")
	}
	s.Items.Append(notes)
	notes.Lines.Append("b")
	notes.Marks.Set("b", 2)
	if fail {
		panic("on purpose")
	}
	return nil
}

func (n *Notes) Counts() []int { return []int{n.Lines.Len(), n.Marks.Len()} }
func (n *Notes) Add(line string) {
	n.Lines.Append(line)
	n.Marks.Set(line, len(line))
}

// An object that was not kept before has after a turn that is undone the entries that it had.
func TestUndoneTurnsLeaveLooseEntries(t *testing.T) {
	spec.Covers(t, "KEEP-3")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		s, err := vat.Root(v, "binder", func() *Binder { return &Binder{} })
		require.NoError(t, err)
		n := &Notes{}
		n.Lines.Append("a")
		n.Marks.Set("a", 1)
		r, err := v.Ref(n)
		require.NoError(t, err)
		for range 2 {
			require.ErrorIs(t, failure(t, s.Send("take", r, true)), vat.ErrInternal)
			require.Equal(t, []int{1, 1}, call[[]int](t, r, "counts"))
		}
		d.Refuse(store.ErrFull)
		require.ErrorIs(t, failure(t, s.Send("take", r, false)), vat.ErrNotStored)
		require.Equal(t, []int{1, 1}, call[[]int](t, r, "counts"))
		d.Refuse(nil)
		call[any](t, r, "add", "c") // it is loose, and this stays
		call[any](t, s, "take", r, false)
		require.Equal(t, []int{3, 3}, call[[]int](t, r, "counts"))
		require.ErrorIs(t, failure(t, s.Send("take", r, true)), vat.ErrInternal)
		require.Equal(t, []int{3, 3}, call[[]int](t, r, "counts"), "it is kept, and as of the last turn")
		end()
		v, end = d.start(nil)
		defer end()
		s, err = vat.Root(v, "binder", func() *Binder { return nil })
		require.NoError(t, err)
		require.Equal(t, []int{3, 3}, call[[]int](t, call[*vat.Ref](t, s, "first"), "counts"))
	})
}

func (s *Binder) First() *Notes { return s.Items.At(0) }
