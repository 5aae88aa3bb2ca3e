package vat_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Writer is a plain object that has pointers to durable ones, in all the ways there are.
type Writer struct {
	vat.Object
	page   *Page
	more   struct{ pages []*Page }
	named  map[string]*Page
	any    any
	friend *Writer
	hidden func() *Page
	locked *lockedPages
	beside struct {
		mu    sync.Mutex
		pages map[string]*Page
	}
	vat  *vat.Vat   // leads nowhere
	kept []*vat.Ref // of the others, which stay in memory
}

type lockedPages struct{ page *Page }

// Write writes to the page that it has in one of the ways.
func (w *Writer) Write(how, line string, announced bool) {
	var p *Page
	switch how {
	case "field":
		p = w.page
	case "slice":
		p = w.more.pages[0]
	case "map":
		p = w.named["x"]
	case "any":
		p = w.any.(*Page)
	case "friend":
		p = w.friend.page
	case "dropped":
		p, w.page = w.page, nil
	case "closure":
		p = w.hidden()
	case "other":
		p = w.locked.page
	case "beside":
		w.beside.mu.Lock()
		defer w.beside.mu.Unlock()
		p = w.beside.pages["x"]
	}
	p.Write(line)
	if announced {
		vat.Changed(p)
	}
}

// Call has a callback write.
func (w *Writer) Call(line string) *vat.Promise[int] {
	p, res := vat.NewPromise[string](w.vat)
	q := vat.When(p, func(s string) (int, error) { return w.page.Write(s), nil })
	_ = res.Resolve(line) // a text can be carried
	return q
}

// writer is one with the page of a vat, which is the first of many.
func writer(t *testing.T, v *vat.Vat, how string, many int) (at *vat.Ref) {
	t.Helper()
	var p *Page
	_, err := vat.Root(v, "page", func() *Page { p = &Page{Title: "first"}; return p })
	require.NoError(t, err)
	w := &Writer{vat: v}
	for i := range many {
		r, err := vat.Root(v, fmt.Sprint("page ", i), func() *Page { return &Page{} })
		require.NoError(t, err)
		w.kept = append(w.kept, r)
	}
	switch how {
	case "field", "dropped", "call":
		w.page = p
	case "slice":
		w.more.pages = []*Page{p}
	case "map":
		w.named = map[string]*Page{"x": p}
	case "any":
		w.any = p
	case "friend":
		w.friend = &Writer{page: p, friend: w}
	case "closure":
		w.hidden = func() *Page { return p }
	case "other":
		w.locked = &lockedPages{p}
	case "beside":
		w.beside.pages = map[string]*Page{"x": p}
	}
	at, err = v.Ref(w)
	require.NoError(t, err)
	return at
}

// What a plain object changes by a pointer is kept, if the vat can see the pointer, or is told; if not, it says
// that it is not told.
func TestChangesByPlainObjects(t *testing.T) {
	const complaint = "vat.Changed"
	for _, many := range []int{0, 1000} {
		for _, x := range []struct {
			how  string
			seen bool
		}{
			{"field", true}, {"slice", true}, {"map", true}, {"any", true}, {"friend", true}, {"dropped", true},
			{"closure", false}, {"other", false}, {"beside", false},
		} {
			t.Run(fmt.Sprint(x.how, many), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDisk(t)
					book := &logbook{}
					v, end := d.start(&vat.Config{Logger: book.logger()})
					defer func() { end() }()
					w := writer(t, v, x.how, many)
					call[any](t, w, "write", x.how, "a", !x.seen)
					synctest.Wait()
					require.NotContains(t, book.String(), complaint)
					end()
					v, end = d.start(nil)
					require.Equal(t, []string{"a"}, call[[]string](t, page(t, v), "read"))
				})
			})
		}
		t.Run(fmt.Sprint("unannounced", many), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(t)
				book := &logbook{}
				v, end := d.start(&vat.Config{Logger: book.logger()})
				defer func() { end() }()
				w := writer(t, v, "closure", many)
				for range 1 + many/64 { // a large vat is looked through in as many turns
					call[any](t, w, "write", "closure", "a", false)
				}
				synctest.Wait()
				require.Contains(t, book.String(), complaint)
				end()
				v, end = d.start(nil)
				require.NotEmpty(t, call[[]string](t, page(t, v), "read"))
			})
		})
	}
}

// The callback of a plain object's turn may change what the turn could.
func TestCallbacksOfPlainObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		w := writer(t, v, "call", 1000)
		require.Equal(t, 1, call[int](t, w, "call", "a"))
		end()
		v, end = d.start(nil)
		defer end()
		require.Equal(t, []string{"a"}, call[[]string](t, page(t, v), "read"))
	})
}

// A turn that is undone leaves nothing of what it changed by a pointer.
func TestUndoneTurnsOfPlainObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		w := writer(t, v, "field", 0)
		require.ErrorIs(t, failure(t, w.Send("write", "slice", "a", false)), vat.ErrInternal) // there is none
		require.Empty(t, call[[]string](t, page(t, v), "read"))
		require.Panics(t, func() { vat.Changed(&Recorder{}) })
	})
}

// What a plain object's turn costs does not depend on how many durable objects there are.
func TestPlainTurnsAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer end()
		w := writer(t, v, "field", 5000)
		turn := func() { call[any](t, w, "write", "field", "a", false) }
		idle, err := v.Ref(&Recorder{})
		require.NoError(t, err)
		require.Less(t, testing.AllocsPerRun(20, func() { call[string](t, idle, "join") }), 100.0)
		require.Less(t, testing.AllocsPerRun(20, turn), 300.0)
	})
}
