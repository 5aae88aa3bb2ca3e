package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/spec/object"
	"github.com/vatnet/vatnet/sturdyref"
)

// A call that is answered without a turn, and whose cancelation came in the same
// read, is forgotten: a peer could fill the vat with those.
func TestACanceledCallWithoutATurnIsForgotten(t *testing.T) {
	for _, method := range []uint16{methodSettle, 7} {
		w := newStepped()
		h, err := w.b.host(&counter{})
		require.NoError(t, err)
		w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
		far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
		w.run()
		w.a.lock()
		call := w.a.machine.Send(far.ref, &captp.Outgoing{Interface: object.Object_TypeID, Method: method, Params: emptyParams})
		call.Cancel()
		call.Done()
		w.a.unlock()
		w.run()
		require.Empty(t, w.b.calls, "method %d", method)
	}
}
