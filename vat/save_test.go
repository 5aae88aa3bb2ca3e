package vat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// own is a sturdyref that the program has from elsewhere than from a message.
func own(t *testing.T, sr sturdyref.Ref) sturdyref.Ref {
	t.Helper()
	r, err := sturdyref.Parse(sr.URI())
	require.NoError(t, err)
	return r
}

// Whoever may save a reference has a sturdyref of his own, which ends with the one that it came of.
func TestSave(t *testing.T) {
	spec.Covers(t, "SAVE-1", "SAVE-2")
	far(t, nil, func(t *testing.T, p *place) {
		o := &Recorder{}
		parent, err := p.there.Grant(o, &vat.ExportConfig{Saves: 2})
		require.NoError(t, err)
		live := p.here.Enliven(parent.Sturdyref())
		saved, err := vat.Save(t.Context(), live)
		require.NoError(t, err)
		require.NotEqual(t, parent.Sturdyref().URI(), saved.URI())
		ref := p.here.Enliven(own(t, saved))
		require.Equal(t, "", call[string](t, ref, "join"))

		_, err = vat.Save(t.Context(), ref)
		require.ErrorIs(t, err, vat.ErrUnsaved, "what was saved is not saved again")
		for _, cfg := range []*vat.ExportConfig{nil, {Once: true}} {
			sr, err := p.there.Export(o, cfg)
			require.NoError(t, err)
			_, err = vat.Save(t.Context(), p.here.Enliven(sr))
			require.ErrorIs(t, err, vat.ErrUnsaved)
		}
		near, err := p.there.Ref(o)
		require.NoError(t, err)
		_, err = vat.Save(t.Context(), near)
		require.ErrorIs(t, err, vat.ErrUnsaved, "it is under no grant")

		// There is room for two at a time; a rotated one takes the place of the old one.
		second, err := vat.Save(t.Context(), live)
		require.NoError(t, err)
		_, err = vat.Save(t.Context(), live)
		require.ErrorIs(t, err, vat.ErrUnsaved)
		require.NoError(t, p.there.Revoke(second))
		second, err = vat.Save(t.Context(), live)
		require.NoError(t, err)
		g, err := p.there.GrantOf(second)
		require.NoError(t, err)
		rotated, err := g.Rotate(0)
		require.NoError(t, err)

		require.NoError(t, parent.Revoke())
		for _, r := range []*vat.Ref{live, ref} {
			require.ErrorIs(t, failure(t, r.Send("join")), vat.ErrRevoked)
		}
		for _, sr := range []sturdyref.Ref{saved, second, rotated.Sturdyref()} {
			_, err := p.there.GrantOf(sr)
			require.ErrorIs(t, err, vat.ErrNoSuchObject)
		}
		for _, bad := range []vat.ExportConfig{{Saves: -1}, {Saves: 1, Once: true}} {
			_, err := p.there.Export(o, &bad)
			require.ErrorIs(t, err, vat.ErrNotKept)
		}
	})
}

// What was saved of a sturdyref that outlives the vat outlives it, too, and never its parent.
func TestSavedOutlivesTheVat(t *testing.T) {
	spec.Covers(t, "DUR-9", "SAVE-2")
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		parent, err := k.v.Mint("log", &vat.ExportConfig{Saves: 3, Lifetime: time.Hour})
		require.NoError(t, err)
		stays, err := k.v.Mint("log", &vat.ExportConfig{Saves: 1})
		require.NoError(t, err)
		saved := make([]sturdyref.Ref, 2)
		for i, g := range []*vat.Grant{parent, stays} {
			sr, err := vat.Save(t.Context(), k.here.Enliven(g.Sturdyref()))
			require.NoError(t, err)
			saved[i] = own(t, sr)
		}
		k.restart(&Recorder{})
		require.NoError(t, k.use(saved[0]))
		require.NoError(t, k.use(saved[1]))
		_, err = vat.Save(t.Context(), k.here.Enliven(stays.Sturdyref()))
		require.ErrorIs(t, err, vat.ErrUnsaved, "it was saved once, in another incarnation")

		again, err := vat.Save(t.Context(), k.here.Enliven(parent.Sturdyref()))
		require.NoError(t, err)
		require.NoError(t, k.v.Revoke(parent.Sturdyref()))
		require.ErrorIs(t, k.use(saved[0]), vat.ErrNoSuchObject)
		k.restart(&Recorder{}) // before the store was told of what it had saved, perhaps
		for _, sr := range []sturdyref.Ref{parent.Sturdyref(), saved[0], own(t, again)} {
			_, err := k.v.GrantOf(sr)
			require.ErrorIs(t, err, vat.ErrNoSuchObject)
		}
		require.NoError(t, k.use(saved[1]))
		require.Len(t, k.v.Grants(), 2)
	})
}

// Standin stands for another object.
type Standin struct {
	vat.Object
	to *vat.Ref
}

func (s *Standin) Unmatched(m *vat.Message) *vat.Promise[any] { return m.Forward(s.to) }

// An object that stands for another one is not gone around by saving it.
func TestSaveIsNotPassedOn(t *testing.T) {
	spec.Covers(t, "SAVE-3")
	far(t, nil, func(t *testing.T, p *place) {
		inner, err := p.there.Export(&Recorder{}, &vat.ExportConfig{Saves: 5})
		require.NoError(t, err)
		o := &Standin{to: p.there.Enliven(inner)}
		outer, err := p.there.Export(o, nil)
		require.NoError(t, err)
		live := p.here.Enliven(outer)
		require.Equal(t, "", call[string](t, live, "join"))
		_, err = vat.Save(t.Context(), live)
		require.ErrorIs(t, err, vat.ErrUnsaved)

		gate, err := p.there.Grant(o, &vat.ExportConfig{Saves: 1})
		require.NoError(t, err)
		saved, err := vat.Save(t.Context(), p.here.Enliven(gate.Sturdyref()))
		require.NoError(t, err)
		through := p.here.Enliven(own(t, saved))
		require.Equal(t, "", call[string](t, through, "join"))
		require.NoError(t, p.there.Revoke(inner))
		require.Error(t, failure(t, through.Send("join")), "it leads to the inner one through the outer one")
	})
}

// A save whose turn is undone, because the store has refused what others have changed before it, does not count.
func TestUndoneSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDisk(t), &slowStore{}
		v, end := d.start(&vat.Config{Store: s})
		defer end()
		p := page(t, v)
		require.NoError(t, v.Publish("page", p))
		minted, err := v.Mint("page", &vat.ExportConfig{Saves: 1})
		require.NoError(t, err)
		temporary, err := v.Grant(p, &vat.ExportConfig{Saves: 1})
		require.NoError(t, err)
		here := d.net.Vat(t, "here", quiet())
		for _, g := range []*vat.Grant{minted, temporary} {
			live := here.Enliven(g.Sturdyref())
			require.NoError(t, live.Await(t.Context()))
			commits := s.stall()
			live.SendOnly("write", "a")
			answer := <-commits
			errs := make(chan error, 1)
			go func() {
				_, err := vat.Save(t.Context(), live)
				errs <- err
			}()
			synctest.Wait()
			s.unstall()
			answer <- store.ErrFull
			require.ErrorIs(t, <-errs, vat.ErrNotStored)
			require.Len(t, v.Grants(), 2)
			saved, err := vat.Save(t.Context(), live)
			require.NoError(t, err)
			require.NoError(t, v.Revoke(saved))
		}
	})
}
