package pattern_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
)

// TestSealer: a box goes through many hands, and is opened by its unsealer only.
func TestSealer(t *testing.T) {
	bubble(t, func(w *world) {
		home, courier, reader := w.vat("home"), w.vat("courier"), w.vat("reader")
		s, u := pattern.NewSealer()
		_, other := pattern.NewSealer()
		room := &Room{name: "treasure"}
		sealer := w.ref(courier, home, s)
		box := sealer.Send("seal", []any{"the map", w.ref(courier, courier, room)})
		pouch := &Room{}
		call[any](w, w.ref(courier, reader, pouch), "give", box)
		call[any](w, w.ref(reader, reader, pouch), "name")
		letter := pouch.given[0]
		require.ErrorIs(t, failure(w, letter, "value"), vat.ErrNoSuchVerb)

		unsealer := w.ref(courier, home, u)
		value := call[[]any](w, unsealer, "unseal", box)
		require.Equal(t, "the map", value[0])
		value = call[[]any](w, w.ref(reader, home, u), "unseal", letter)
		require.Equal(t, "the map", value[0])
		require.Equal(t, "treasure", call[string](w, value[1].(*vat.Ref), "name"))
		value = call[[]any](w, unsealer, "unseal", sealer.Send("seal", []any{"pipelined"}))
		require.Equal(t, []any{"pipelined"}, value)

		for name, wrong := range map[string]any{"far": w.ref(courier, courier, room), "near": sealer, "null": nil} {
			require.ErrorIs(t, failure(w, unsealer, "unseal", wrong), pattern.ErrNotSealed, name)
		}
		require.ErrorIs(t, failure(w, w.ref(courier, home, other), "unseal", box), pattern.ErrNotSealed)
		call[any](w, box, "present", "nothing that anybody asked for")
	})
}
