package captp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// waitsForArgument is an object whose calls wait for their argument, as those of a
// vat do.
type waitsForArgument struct {
	m    *Machine
	call *Call
}

func (o *waitsForArgument) Deliver(c *Call) bool { o.call = c; return true }
func (o *waitsForArgument) Canceled(c *Call)     { c.Fail(errCanceled) }
func (o *waitsForArgument) Dropped(*Grant)       {}

// A call that waits for an argument which is its own result goes with its session:
// a peer can make such calls, and what waits for them counts among what this vat has
// pending.
func TestACallThatWaitsForItselfGoesWithItsSession(t *testing.T) {
	o := &waitsForArgument{m: New(nil)}
	s := o.m.Connect(SessionConfig{Peer: "enemy", Bootstrap: o.m.Near(o, nil)})
	for _, frame := range [][]byte{boot(0), call(1, export(0), promised(7)), resolve(7, yourAnswer(result(1, 0)))} {
		_, err := s.Receive(frame, 0)
		require.Nil(t, err)
	}
	_, caps := o.call.Params()
	o.m.Send(caps[0], &Outgoing{NoPipelining: true, Params: rbody(0, 0)}).Done()
	require.Equal(t, 1, o.m.Pending())
	s.Disconnect(PeerGone.ends(), false)
	require.Zero(t, o.m.Pending())
	require.Zero(t, o.m.Charged())
	require.Empty(t, o.m.gates)
}
