package vat_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Page is a durable object.
type Page struct {
	vat.Durable
	Title string
	Lines []string
	Next  *Page
	Links map[string]*vat.Ref
	Known []sturdyref.Ref

	revived int // is not kept
}

func init() { vat.Register[Page]("page") }

func (p *Page) Write(line string) int { p.Lines = append(p.Lines, line); return len(p.Lines) }
func (p *Page) Read() []string        { return p.Lines }
func (p *Page) Named() string         { return p.Title }

func (p *Page) Revived()          { p.revived++ }
func (p *Page) TimesRevived() int { return p.revived }

// Tell writes a line, and tells others of it in every way there is.
func (p *Page) Tell(line string, to ...*vat.Ref) int {
	for _, r := range to {
		said := r.Send("note", line)
		said.SendOnly("none")
	}
	return p.Write(line)
}

func (p *Page) Know(r sturdyref.Ref)        { p.Known = append(p.Known, r) }
func (p *Page) Knows() []sturdyref.Ref      { return p.Known }
func (p *Page) Follow(name string) *vat.Ref { return p.Links[name] }
func (p *Page) Link(name string, to *vat.Ref) {
	if p.Links == nil {
		p.Links = map[string]*vat.Ref{}
	}
	p.Links[name] = to
}

// Befriend is Link to what a sturdyref leads to, by a reference that heals by itself, or not.
func (p *Page) Befriend(name string, r sturdyref.Ref, heals bool) {
	if heals {
		p.Link(name, p.Vat().Heal(r, nil))
	} else {
		p.Link(name, p.Vat().Enliven(r))
	}
}

// Shout sends to what a link leads to.
func (p *Page) Shout(name, line string) *vat.Promise[any] { return p.Links[name].Send("note", line) }

// Chain makes pages behind this one, in both ways that there are.
func (p *Page) Chain() (*vat.Ref, error) {
	p.Next = &Page{Title: "second"}
	third, err := p.Vat().Ref(&Page{Title: "third"})
	p.Link("third", third)
	p.Link("back", third)
	return third, err
}

// WriteNext changes the object behind.
func (p *Page) WriteNext(line string) { p.Next.Write(line) }
func (p *Page) ReadNext() []string    { return p.Next.Lines }

// WriteLater has a line written after a time, and comes to grief if it is to.
func (p *Page) WriteLater(d time.Duration, verb, line string, fail bool) (vat.Alarm, error) {
	self, err := p.Vat().Ref(p)
	if err != nil {
		return vat.Alarm{}, err
	}
	a, err := p.Vat().After(d, self, verb, line)
	if fail {
		panic("on purpose")
	}
	return a, err
}

func (p *Page) WriteAndPanic(line string) {
	p.Write(line)
	panic("on purpose")
}

// WriteAndFail changes everything there is, and then comes to grief.
func (p *Page) WriteAndFail(how string, to *vat.Ref) error {
	p.Write("never")
	p.Title = "never"
	if to != nil {
		to.SendOnly("note", "never")
	}
	switch how {
	case "panic":
		panic("on purpose")
	case "exit":
		runtime.Goexit()
	case "kept":
		p.Links = map[string]*vat.Ref{"never": to}
	}
	return errors.New("as anybody may")
}

// disk is a store in memory, and an identity: what survives a vat.
type disk struct {
	store.Memory
	id  *crypto.Identity
	net *vattest.Network
	t   testing.TB
}

func newDisk(t testing.TB) *disk {
	id, err := crypto.NewIdentity()
	require.NoError(t, err)
	return &disk{id: id, net: vattest.NewNetwork(), t: t}
}

// start starts an incarnation of the vat on d, and returns what is to end it.
func (d *disk) start(cfg *vat.Config) (*vat.Vat, func()) {
	d.t.Helper()
	pass(time.Second) // epochs are times
	s, err := d.Open()
	require.NoError(d.t, err)
	var c vat.Config
	if cfg != nil {
		c = *cfg
	}
	if c.Logger == nil {
		c.Logger = quiet().Logger
	}
	switch x := c.Store.(type) {
	case *slowStore:
		x.Store, s = s, x
	case *moodyStore:
		x.Store, s = s, x
	}
	c.Store, c.Identity, c.Network, c.Listen = s, d.id, d.net.Host("durable"), []string{"durable:7000"}
	v, err := vat.New(&c)
	require.NoError(d.t, err)
	return v, func() { require.NoError(d.t, v.Close()) }
}

func page(t testing.TB, v *vat.Vat) *vat.Ref {
	t.Helper()
	r, err := vat.Root(v, "page", func() *Page { return &Page{Title: "first"} })
	require.NoError(t, err)
	return r
}

func TestRootOutlivesItsVat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		p := page(t, v)
		require.Equal(t, 1, call[int](t, p, "write", "a"))
		require.Equal(t, 2, call[int](t, p, "write", "b"))
		end()
		v, end = d.start(nil)
		defer end()
		p = page(t, v)
		require.Equal(t, []string{"a", "b"}, call[[]string](t, p, "read"))
		require.Equal(t, "first", call[string](t, p, "named"))
		require.Equal(t, 3, call[int](t, p, "write", "c"))
		require.Equal(t, 1, call[int](t, p, "timesRevived"))
		require.ErrorIs(t, failure(t, p.Send("revived")), vat.ErrNoSuchVerb, "a hook is no verb")
	})
}

// References in fields survive: near ones to durable objects, and far ones that came of
// sturdyrefs. Nobody learns these from the store.
func TestReferencesInFields(t *testing.T) {
	spec.Covers(t, "KEEP-5", "KEEP-6")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		p := page(t, v)
		other := d.net.Vat(t, "other", quiet())
		friend, err := other.Export(&Recorder{}, nil)
		require.NoError(t, err)
		donor, err := crypto.NewIdentity()
		require.NoError(t, err)
		told, err := sturdyref.ParseTold(strangeURI(t), donor.VatID())
		require.NoError(t, err)
		call[any](t, p, "befriend", "friend", friend, false)
		call[any](t, p, "know", friend)
		call[any](t, p, "know", told)
		third := call[*vat.Ref](t, p, "chain")
		call[any](t, p, "writeNext", "a")
		call[any](t, third, "write", "b")
		end()

		var copied bytes.Buffer
		s, err := d.Open()
		require.NoError(t, err)
		require.NoError(t, s.Backup(t.Context(), &copied))
		require.NoError(t, s.Close())
		require.Contains(t, copied.String(), "second")
		for _, r := range []sturdyref.Ref{friend, told} {
			uri := r.URI()
			require.NotContains(t, copied.String(), uri[len(uri)-56:])
		}

		v, end = d.start(nil)
		defer end()
		p = page(t, v)
		require.Equal(t, []string{"a"}, call[[]string](t, p, "readNext"))
		third = call[*vat.Ref](t, p, "follow", "third")
		require.Equal(t, []string{"b"}, call[[]string](t, third, "read"))
		back := call[*vat.Ref](t, p, "follow", "back")
		call[any](t, back, "write", "c")
		require.Equal(t, []string{"b", "c"}, call[[]string](t, third, "read"), "it is one object")
		far := call[*vat.Ref](t, p, "follow", "friend")
		call[any](t, far, "note", "x")
		require.Equal(t, "x", call[string](t, other.Enliven(friend), "join"))
		known := call[[]sturdyref.Ref](t, p, "knows")
		require.Equal(t, []sturdyref.Ref{friend, told}, known)
		from, isTold := known[1].Donor()
		require.True(t, isTold, "a restart makes no sturdyref the program's own")
		require.Equal(t, donor.VatID(), from)
	})
}

// A far reference in a field outlives the session, too, whether it was put there in this incarnation or
// came from the store.
func TestReferencesInFieldsHeal(t *testing.T) {
	for _, heals := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { referencesHeal(t, heals) })
	}
}

func referencesHeal(t *testing.T, heals bool) {
	d := newDisk(t)
	v, end := d.start(nil)
	defer func() { end() }()
	other := d.net.Vat(t, "other", quiet())
	friend, err := other.Export(&Recorder{}, nil)
	require.NoError(t, err)
	p := page(t, v)
	call[any](t, p, "befriend", "friend", friend, heals)
	heard := ""
	for range 2 {
		for range 3 {
			call[any](t, p, "shout", "friend", "x")
			heard = strings.TrimSpace(heard + " x")
			require.Equal(t, heard, call[string](t, other.Enliven(friend), "join"))
			d.net.Cut("durable", "other")
			pass(time.Minute)
		}
		end()
		v, end = d.start(nil)
		p = page(t, v)
	}
	require.NoError(t, other.Close())
	pass(time.Minute)
	_, err = vat.Call[any](t.Context(), p, "shout", "friend", "y")
	require.Error(t, err)
}

// strangeURI is a sturdyref that the program has never had as its own.
func strangeURI(t *testing.T) string {
	t.Helper()
	id, err := crypto.NewIdentity()
	require.NoError(t, err)
	s, err := sturdyref.NewSwissnum(id.VatID())
	require.NoError(t, err)
	r, err := sturdyref.New(id.VatID(), []string{"strange:7000"}, s)
	require.NoError(t, err)
	// The text of it that the program has not is as good as any.
	return strings.Replace(r.URI(), "strange:", "stranger:", 1)
}

// What cannot be kept is found out in the turn that would have kept it.
func TestWhatCannotBeKept(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		there, _ := x.listener(t)
		call[any](t, x.near, "link", "enlivened", there)
		require.ErrorIs(t, failure(t, x.far.Send("link", "passed", &Recorder{})), vat.ErrInternal)
		require.Contains(t, x.book.String(), "came of no sturdyref")
		plain, err := x.v.Ref(&Recorder{})
		require.NoError(t, err)
		require.ErrorIs(t, failure(t, x.near.Send("link", "plain", plain)), vat.ErrInternal)
		require.Contains(t, x.book.String(), "does not embed vat.Durable")
		require.Nil(t, call[*vat.Ref](t, x.near, "follow", "plain"))
		_, err = vat.Root(x.v, "other", func() *Unregistered { return &Unregistered{} })
		require.ErrorIs(t, err, vat.ErrNotKept)
		_, err = vat.Root(x.v, "page", func() *Unregistered { return nil })
		require.ErrorIs(t, err, vat.ErrNotKept)
		_, err = vat.Root(x.other, "page", func() *Page { return nil })
		require.ErrorIs(t, err, vat.ErrNoStore)
	})
}

// Unregistered has no name in stores.
type Unregistered struct{ vat.Durable }
