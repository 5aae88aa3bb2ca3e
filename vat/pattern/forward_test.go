package pattern_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
)

var errRoom = vat.RegisterError("patterntest.room", errors.New("the room is full"))

// places runs a test with target and caller at all sides of what stands between.
func places(t *testing.T, body func(w *world, caller, between, target *vat.Vat)) {
	for name, hosts := range map[string][3]string{
		"one vat": {"a", "a", "a"}, "far caller": {"a", "b", "b"}, "far target": {"a", "a", "b"}, "three": {"a", "b", "c"}, "round": {"a", "b", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				made := map[string]*vat.Vat{}
				var vs [3]*vat.Vat
				for i, host := range hosts {
					if made[host] == nil {
						made[host] = w.vat(host)
					}
					vs[i] = made[host]
				}
				body(w, vs[0], vs[1], vs[2])
			})
		})
	}
}

// TestCaretaker: all passes, until nothing does.
func TestCaretaker(t *testing.T) {
	places(t, func(w *world, caller, between, target *vat.Vat) {
		held, answer := vat.NewPromise[string](target)
		room := &Room{name: "hall", next: &Room{name: "kitchen"}, held: held}
		c, gate := pattern.NewCaretaker(w.ref(between, target, room))
		ref := w.ref(caller, between, c)
		require.Equal(w, "hall", call[string](w, ref, "name"))
		require.ErrorIs(w, failure(w, ref, "fail"), errRoom)
		d, err := vat.Describe(w.ctx, ref)
		require.NoError(w, err)
		require.Equal(w, "Room", d.Type)
		kitchen := call[*vat.Ref](w, ref, "next")
		waiting := vat.Send[string](ref, "wait")
		pass(time.Second)
		require.False(w, call[bool](w, w.ref(caller, between, gate), "revoked"))

		call[any](w, w.ref(caller, between, gate), "revoke")
		require.True(w, gate.Revoked())
		require.ErrorIs(w, failure(w, ref, "name"), pattern.ErrRevoked)
		require.ErrorIs(w, failure(w, ref, "tell", "x"), pattern.ErrRevoked)
		require.Equal(w, "kitchen", call[string](w, kitchen, "name"), "it is not severed")
		require.NoError(w, answer.Resolve("late"))
		text, err := waiting.Await(w.ctx)
		require.NoError(w, err)
		require.Equal(w, "late", text)
		require.Empty(w, room.texts)
		gate.Revoke()
	})
}

// TestFacet: what is not allowed is not there.
func TestFacet(t *testing.T) {
	places(t, func(w *world, caller, between, target *vat.Vat) {
		room := &Room{name: "hall"}
		verbs := []string{"name", "told"}
		ref := w.ref(caller, between, pattern.NewFacet(w.ref(between, target, room), verbs...))
		verbs[0] = "tell"
		require.Equal(w, "hall", call[string](w, ref, "name"))
		err := failure(w, ref, "tell", "x")
		require.ErrorIs(w, err, vat.ErrNoSuchVerb)
		require.ErrorContains(w, err, `Facet has no verb "tell"`)
		require.Empty(w, call[[]string](w, ref, "told"))
		d, err := vat.Describe(w.ctx, ref)
		require.NoError(w, err)
		require.Equal(w, "name() text\ntold() []text\n", d.String())
		require.NoError(w, vat.Check[struct {
			Name func() *vat.Promise[string]
		}](w.ctx, ref))
		require.ErrorIs(w, vat.Check[struct{ Tell func(string) }](w.ctx, ref), vat.ErrBadArguments)
	})
}

// TestMembrane: what is reached through it is severed with it, in both directions.
func TestMembrane(t *testing.T) {
	places(t, func(w *world, caller, between, target *vat.Vat) {
		room := &Room{name: "hall", next: &Room{name: "kitchen", next: &Room{name: "cellar"}}}
		m, gate := pattern.NewMembrane()
		hall := w.ref(caller, between, m.Wrap(w.ref(between, target, room)))
		require.Equal(w, "hall", call[string](w, hall, "name"))
		require.ErrorIs(w, failure(w, hall, "fail"), errRoom)
		kitchen := call[*vat.Ref](w, hall, "next")
		require.Equal(w, "cellar", call[string](w, hall.Send("next").Send("next"), "name"))

		guest := &Room{name: "guest", next: &Room{name: "guest's friend"}}
		mine := w.ref(caller, caller, guest)
		call[any](w, hall, "give", mine)
		require.Equal(w, "guest", call[string](w, hall, "ask", "name"), "called from inside")
		friend := call[*vat.Ref](w, hall, "ask", "next")
		require.Equal(w, "guest's friend", call[string](w, friend, "name"), "out, in, out")
		back := call[[]*vat.Ref](w, hall, "given")[0]
		call[any](w, back, "tell", "home")
		require.Equal(w, []string{"home"}, guest.texts)
		inside := w.ref(target, target, room)
		fromInside := call[[]*vat.Ref](w, inside, "given")[0]
		require.Equal(w, "guest", call[string](w, fromInside, "name"))

		gate.Revoke()
		for _, r := range []*vat.Ref{hall, kitchen, fromInside} {
			require.ErrorIs(w, failure(w, r, "name"), pattern.ErrRevoked)
		}
		require.Error(w, failure(w, inside, "ask", "name"), "from inside")
		require.Equal(w, "guest", call[string](w, back, "name"), "which came home: it is no wrapper")
		require.Equal(w, "hall", call[string](w, inside, "name"))
	})
}

// TestMembraneCancels: nothing is kept of a call for which nobody waits, at either side.
func TestMembraneCancels(t *testing.T) {
	places(t, func(w *world, caller, between, target *vat.Vat) {
		m, gate := pattern.NewMembrane()
		inside := &mute{}
		ref := w.ref(caller, between, m.Wrap(w.ref(between, target, inside)))
		for range 3 {
			waits := ref.Send("present", "")
			pass(time.Second)
			waits.Cancel()
			_, err := waits.Await(w.ctx)
			require.ErrorIs(w, err, vat.ErrCanceled)
		}
		pass(time.Second)
		require.Equal(w, 3, call[int](w, ref, "canceled"))
		require.Zero(w, pattern.Pending(gate))
	})
}

// TestMembraneUnwraps: what comes home is what went out, from both sides.
func TestMembraneUnwraps(t *testing.T) {
	bubble(t, func(w *world) {
		v := w.vat("a")
		room := &Room{name: "hall", next: &Room{name: "kitchen"}}
		m, gate := pattern.NewMembrane()
		hall := w.ref(v, v, m.Wrap(w.ref(v, v, room)))
		guest := &Room{name: "guest"}
		call[any](w, hall, "give", w.ref(v, v, guest), call[*vat.Ref](w, hall, "next"))
		isWrapper := func(r *vat.Ref) bool { _, ok := vat.Near[*pattern.Wrapper](r); return ok }
		require.True(w, isWrapper(room.given[0]), "a stranger")
		same, ok := vat.Near[*Room](room.given[1])
		require.True(w, ok, "one of their own")
		require.Same(w, room.next, same)
		out := call[[]*vat.Ref](w, hall, "given")
		same, ok = vat.Near[*Room](out[0])
		require.True(w, ok)
		require.Same(w, guest, same)
		require.True(w, isWrapper(out[1]))
		gate.Revoke()
		require.ErrorIs(w, failure(w, out[1], "name"), pattern.ErrRevoked)
	})
}

// TestMembranePromises: promises for data pass as promises for data, and those that the gate finds
// waiting break at once.
func TestMembranePromises(t *testing.T) {
	places(t, func(w *world, caller, between, target *vat.Vat) {
		held, _ := vat.NewPromise[string](target)
		room := &Room{name: "hall", held: held}
		m, gate := pattern.NewMembrane()
		hall := w.ref(caller, between, m.Wrap(w.ref(between, target, room)))
		text, res := vat.NewPromise[string](caller)
		told := hall.Send("tell", text)
		echoed := vat.Send[[]any](hall, "echo", []any{text, "plain"})
		require.NoError(w, res.Resolve("promised"))
		_, err := told.Await(w.ctx)
		require.NoError(w, err)
		require.Equal(w, []string{"promised"}, call[[]string](w, hall, "told"))
		got, err := echoed.Await(w.ctx)
		require.NoError(w, err)
		require.Equal(w, "plain", got[1])
		promised, err := got[0].(*vat.Promise[any]).Await(w.ctx)
		require.NoError(w, err)
		require.Equal(w, "promised", promised)

		waiting := hall.Send("wait")
		pass(time.Second)
		gate.Revoke()
		_, err = waiting.Await(w.ctx)
		require.ErrorIs(w, err, pattern.ErrRevoked)
	})
}
