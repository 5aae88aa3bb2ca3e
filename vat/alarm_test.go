package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// Alarms ring when they are due, in this incarnation or the next, once, and in their order.
func TestAlarms(t *testing.T) {
	spec.Covers(t, "KEEP-8")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		book := &logbook{}
		v, end := d.start(&vat.Config{Logger: book.logger()})
		p := page(t, v)
		call[any](t, p, "writeLater", 3*time.Second, "write", "c", false)
		call[any](t, p, "writeLater", time.Second, "write", "a", false)
		_, err := v.After(2*time.Second, p, "write", "b")
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, p.Send("writeLater", time.Second, "write", "undone", true)), vat.ErrInternal)
		_, err = v.After(time.Second, p, "writeAndPanic", "undone")
		require.NoError(t, err)
		_, err = v.After(time.Second, p, "no such verb")
		require.NoError(t, err)
		silent := call[vat.Alarm](t, p, "writeLater", time.Second, "write", "silent", false)
		was, err := v.Silence(silent)
		require.NoError(t, err)
		require.True(t, was)
		was, err = v.Silence(silent)
		require.NoError(t, err)
		require.False(t, was)

		pass(time.Second - 1)
		require.Empty(t, call[[]string](t, p, "read"))
		pass(1)
		synctest.Wait()
		require.Equal(t, []string{"a"}, call[[]string](t, p, "read"))
		require.Contains(t, book.String(), "no such verb")
		require.Contains(t, book.String(), "on purpose")
		end()

		pass(time.Minute) // while it is down, b and c are due
		v, end = d.start(nil)
		p = page(t, v)
		synctest.Wait()
		require.Equal(t, []string{"a", "b", "c"}, call[[]string](t, p, "read"))
		end()
		v, end = d.start(nil)
		defer end()
		pass(time.Hour)
		require.Equal(t, []string{"a", "b", "c"}, call[[]string](t, page(t, v), "read"))
	})
}

// An alarm may be for an object of another vat.
func TestAlarmsOfOthers(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		there, own := x.listener(t)
		_, err := x.v.After(time.Hour, there, "note", "x")
		require.NoError(t, err)
		pass(time.Hour + time.Second)
		require.Equal(t, "x", call[string](t, own, "join"))
		_, err = x.v.After(time.Hour, x.near, "write", make(chan int))
		require.ErrorIs(t, err, vat.ErrNotKept)
		_, err = x.other.After(time.Hour, x.far, "write", "x")
		require.ErrorIs(t, err, vat.ErrNoStore)
	})
}

// An alarm that came while the disk was full rings when there is room.
func TestAlarmsOutliveAFullDisk(t *testing.T) {
	spec.Covers(t, "KEEP-8")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		p := page(t, v)
		_, err := v.After(time.Minute, p, "write", "a")
		require.NoError(t, err)
		d.Refuse(store.ErrFull)
		pass(2*time.Minute + 500*time.Millisecond) // between two attempts: who reads in one has seen what is not so
		require.Empty(t, call[[]string](t, p, "read"))
		d.Refuse(nil)
		pass(time.Minute)
		require.Equal(t, []string{"a"}, call[[]string](t, p, "read"))
	})
}

// Setter sets an alarm of another vat's.
type Setter struct {
	vat.Object
	v *vat.Vat
	p *vat.Ref
}

func (s *Setter) Set() error {
	_, err := s.v.After(time.Minute, s.p, "write", "never")
	return err
}

// Within a turn of another vat, where it cannot wait, After fails, and does nothing.
func TestAlarmsInATurnOfAnotherVat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		p := page(t, v)
		setter, err := d.net.Vat(t, "other", quiet()).Ref(&Setter{v: v, p: p})
		require.NoError(t, err)
		require.Error(t, failure(t, setter.Send("set")))
		pass(time.Hour)
		require.Empty(t, call[[]string](t, p, "read"))
	})
}

// An alarm that the store refuses is not set, and whoever waits for it is told so.
func TestAlarmThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		p := page(t, v)
		d.Refuse(store.ErrFull)
		_, err := v.After(time.Hour, p, "write", "a")
		require.ErrorIs(t, err, vat.ErrNotStored)
		_, err = vat.Root(v, "another", func() *Page { return &Page{} })
		require.ErrorIs(t, err, vat.ErrNotStored)
		d.Refuse(nil)
		_, err = v.After(time.Hour, p, "write", "b")
		require.NoError(t, err)
		pass(2 * time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"b"}, call[[]string](t, p, "read"))
	})
}

// What comes of a callback whose turn the store refuses is broken, and nobody waits for it for ever.
func TestCallbackThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		p := page(t, v)
		settled, res := vat.NewPromise[int](v)
		came := vat.When(settled, func(n int) (int, error) {
			o, _ := vat.Near[*Page](p)
			o.Title = "other"
			return n, nil
		})
		d.Refuse(store.ErrFull)
		require.NoError(t, res.Resolve(1))
		_, err := came.Await(t.Context())
		require.ErrorIs(t, err, vat.ErrNotStored)
		d.Refuse(nil)
		require.Equal(t, "first", call[string](t, p, "named"))
	})
}
