package vat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
)

// standIn stands for a promise.
type standIn struct {
	Object
	to Target
}

func (s *standIn) Own() int { return 7 }

func (s *standIn) Unsettled(m *Message) *Promise[any] { return m.Forward(s.to) }

// What stands for a promise answers settle under the grant by which it is reached, and does not
// give what it stands for.
func TestUnsettledKeepsTheGrant(t *testing.T) {
	spec.Covers(t, "OBJ-13", "OBJ-18")
	for name, settled := range map[string]bool{"known": true, "later": false} {
		t.Run(name, func(t *testing.T) {
			w := newStepped()
			counters, resolver := NewPromise[*counter](&Vat{core: w.b})
			if settled {
				require.NoError(t, resolver.Resolve(&counter{}))
			}
			revoke, err := (*bareCore)(w.b).Grant(&standIn{to: counters}, secret, time.Time{})
			require.NoError(t, err)
			far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
			w.run()
			p := &promise{core: w.a}
			w.a.lock()
			p.call = w.a.sendSettle(far.ref, (*sink)(p))
			w.a.leave()
			w.run()
			if !settled {
				require.Equal(t, pending, p.state)
				require.NoError(t, resolver.Resolve(&counter{}))
				w.run()
			}
			require.Equal(t, fulfilled, p.state)
			require.Len(t, p.caps, 1)
			self := w.a.newRef(p.caps[0])
			got := Send[int](self, "own")
			w.run()
			require.Equal(t, fulfilled, got.state)
			revoke()
			got = Send[int](self, "own")
			w.run()
			require.ErrorIs(t, got.err(), ErrRevoked)
		})
	}
}
