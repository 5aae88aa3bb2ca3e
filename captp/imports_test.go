package captp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// A promise that was let go of stays in the table until its Release is written. What a
// peer says of it in the same read must not make a reference that leads nowhere.
func TestAnImportIsUsedWhileItLeaves(t *testing.T) {
	spec.Covers(t, "TABLE-3")
	for name, in := range map[string][][]byte{
		// resolve(99) releases what it names at once.
		"resolved, then named as an object":  {resolve(99, promised(3)), resolve(3, hosted(4)), call(2, export(0), hosted(3))},
		"resolved, then named as a promise":  {resolve(99, promised(3)), resolve(3, hosted(4)), call(2, export(0), promised(3))},
		"resolved to itself, then named":     {resolve(99, promised(3)), resolve(3, promised(3)), call(2, export(0), hosted(3))},
		"resolved, then part of a result":    {resolve(99, promised(3)), resolve(3, hosted(4)), returns(0, hosted(3))},
		"named as an object":                 {resolve(99, promised(3)), call(2, export(0), hosted(3))},
		"resolved and let go of, then named": {call(2, result(1, 0), promised(3)), resolve(3, hosted(4)), finish(2), call(3, export(0), hosted(3))},
		"broken and let go of, then named":   {call(2, result(1, 0), promised(3)), resolve(3, yourAnswer(result(1, 1, 1))), finish(2), call(3, export(0), hosted(3))},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, Limits{})
			v.feed(in...)
			require.Nil(t, v.s.Err())
			counted := map[uint32]uint32{}
			for _, imp := range v.s.imports.all() {
				require.NotNil(t, imp.ref)
				if imp.needed() {
					require.Positive(t, imp.ref.holders)
				}
				counted[imp.id] = imp.wire
			}
			v.m.TakeDirty(nil)
			for _, c := range v.obj.calls {
				if c.state != callDelivered {
					continue
				}
				for _, r := range c.body.caps {
					if r.State() == Far {
						v.m.Send(r, &Outgoing{Params: rbody(3, 0)}).Done()
					}
				}
			}
			v.out()
			v.clean()
		})
	}
}
