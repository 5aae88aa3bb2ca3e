package captp

import (
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// TestRecipientsShareGifts: who picks nothing up takes no more of a donor's gifts at a host than it leaves to others; that is
// as many as one alone may ever have. What was let go of is there again.
func TestRecipientsShareGifts(t *testing.T) {
	spec.Covers(t, "HAND-20")
	o := &giver{}
	h := newHostingOf(t, Limits{}, o)
	h.peers["another"] = h.m.Connect(SessionConfig{Peer: "another", Vat: vatIDOf("another"), Bootstrap: h.m.Near(o, nil)})
	h.peers["another"].Offer(nil)
	h.peers["another"].Grant(100, 1<<20)
	h.feed("stranger", boot(0), call(1, export(0), hosted(3)))
	asks := func(who string, from, n uint32) (gifts int) {
		for i := range n {
			h.feed(who, call(from+i, export(0)), keeps(from+i))
		}
		require.Nil(t, h.peers[who].Err())
		h.out("stranger")
		return strings.Count(h.out(who), "vine")
	}
	h.feed("donor", call(1, export(0)))
	require.Equal(t, 1, strings.Count(h.out("donor"), "vine"))
	h.feed("recipient", boot(0))
	h.feed("another", boot(0))
	require.Equal(t, maxGifts/2, asks("recipient", 1, maxGifts+100))
	require.Equal(t, maxGifts/4, asks("another", 1, maxGifts/4), "half of the rest")
	require.Equal(t, 50, asks("donor", 2, 50), "who wants few has them")
	require.Zero(t, asks("recipient", 5000, 10))
	for id := range uint32(200) {
		h.feed("recipient", release(1+id, 1))
	}
	require.Equal(t, 10, asks("another", 5000, 10), "there is more room")
	h.peers["recipient"].Disconnect(PeerGone.ends(), false)
	require.Equal(t, 10, asks("another", 6000, 10), "he is gone, and all that he had")
	h.peers["another"].Disconnect(PeerGone.ends(), false)
	require.Equal(t, 51, h.peers["stranger"].donations.all)
	require.Len(t, h.peers["stranger"].donations.of, 1)
	o.thing.Release()
	h.clean()
	require.Zero(t, h.peers["stranger"].donations.all)
	require.Empty(t, h.peers["stranger"].donations.of)
}

// keeps finishes a question, and keeps what it came to.
func keeps(q uint32) []byte {
	return message(func(m rpc.Message) {
		f := must(m.NewFinish())
		f.SetQuestionId(q)
		f.SetReleaseResultCaps(false)
	})
}
