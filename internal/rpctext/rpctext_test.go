package rpctext

import (
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"
)

func TestFrame(t *testing.T) {
	frame := func(f func(m rpc.Message)) []byte {
		msg, seg := capnp.NewSingleSegmentMessage(nil)
		f(must(rpc.NewRootMessage(seg)))
		return must(msg.Marshal())
	}
	for want, f := range map[string]func(m rpc.Message){
		"bootstrap q7":              func(m rpc.Message) { must(m.NewBootstrap()).SetQuestionId(7) },
		"unimplemented { nothing }": func(rpc.Message) {},
		"release e3 ×2": func(m rpc.Message) {
			r := must(m.NewRelease())
			r.SetId(3)
			r.SetReferenceCount(2)
		},
		`call q1 e0.5("\x01")`: func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(1)
			c.SetMethodId(5)
			must(c.NewTarget()).SetImportedCap(0)
			p := must(c.NewParams())
			st := must(capnp.NewStruct(p.Segment(), capnp.ObjectSize{PointerCount: 1}))
			require.NoError(t, st.SetText(0, "\x01"))
			require.NoError(t, p.SetContent(st.ToPtr()))
		},
	} {
		require.Equal(t, want, Frame(frame(f), nil))
	}
	require.Contains(t, Frame([]byte{1, 2, 3}, nil), "malformed")
}
