package captp

import (
	"fmt"
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

// TestAcceptsTakeNoCredit: what donors have a recipient ask a host for does not hold up its own calls there, however long the
// host takes; nor does it take part of what the host counts as calls.
func TestAcceptsTakeNoCredit(t *testing.T) {
	spec.Covers(t, "HAND-22")
	h := newHosting(t, Limits{})
	s := h.peers["stranger"]
	root := s.Bootstrap()
	h.out("stranger")
	for i := range uint32(250) { // of one donor's; 100 is the host's credit
		h.passed(5+i, "stranger").Release()
		h.m.Met(h.meets[i], s)
	}
	require.Zero(t, s.picking.all, "nobody wants them any more")
	var refs []*Ref
	for i := range uint32(250) {
		refs = append(refs, h.passed(500+i, "stranger"))
		h.m.Met(h.meets[250+i], s)
	}
	require.Equal(t, 250, s.picking.all)
	h.m.Send(root, &Outgoing{Params: params("", 0)}).Done()
	require.Zero(t, s.Held())
	require.Contains(t, h.out("stranger"), "call q")
	for _, r := range refs {
		r.Release()
	}
	root.Release()
	h.clean()

	h = newHosting(t, Limits{OpenCalls: 4})
	h.obj.answer = false
	for q := range uint32(100) {
		h.feed("recipient", accept(1+q, "donor", id32("guess"), ""))
	}
	h.feed("recipient", boot(200), call(201, result(200)))
	require.NotContains(t, h.out("recipient"), "overloaded")
	require.Len(t, h.obj.calls, 1)
	h.obj.calls[0].Return(nil, nil)
	require.Greater(t, h.peers["recipient"].Stats().Charged, int64(100*answerCost))
	h.seconds(acceptTicks)
	require.Equal(t, 100, strings.Count(h.out("recipient"), "there is nothing to pick up"))
	for q := range uint32(100) {
		require.Equal(t, 100-int(q), h.peers["recipient"].picked)
		h.feed("recipient", finish(1+q))
	}
	h.clean()
}

// TestLinesOfDonors: who is next is found by looking at each donor once, however many of its wait, and all have their turn.
func TestLinesOfDonors(t *testing.T) {
	const donors, each = 20, 100
	var all lines
	var gone *Handoff
	for n := range donors * each {
		h := &Handoff{donor: &Session{vat: fmt.Sprint(n % donors)}}
		all.add(h)
		if n == 7 {
			gone = h
		}
	}
	all.remove(gone)
	asked := 0
	for n := range donors*each - 1 {
		h := all.next(func(string) bool {
			asked++
			return true
		})
		if n < donors {
			require.Equal(t, fmt.Sprint(n), h.donor.vat, "one after the other")
		}
		require.NotSame(t, gone, h)
	}
	require.Equal(t, donors*each-1, asked)
	require.Nil(t, all.next(func(string) bool { return true }))

	for n := range donors * each {
		all.add(&Handoff{donor: &Session{vat: fmt.Sprint(n % donors)}})
	}
	asked = 0
	h := all.next(func(donor string) bool {
		asked++
		return donor == fmt.Sprint(donors-1)
	})
	require.Equal(t, fmt.Sprint(donors-1), h.donor.vat)
	require.Equal(t, donors, asked)
}

// TestDonorsShareAccepts: of what one donor has passed a recipient does not ask a host for more than it leaves room for that
// of others; the rest is asked for as there is room again.
func TestDonorsShareAccepts(t *testing.T) {
	spec.Covers(t, "HAND-23")
	h := newHosting(t, Limits{})
	s := h.peers["stranger"]
	var refs []*Ref
	donors := []string{"donor", "second", "third", "fourth", "fifth"}
	for _, name := range donors[1:] {
		p := h.m.Connect(SessionConfig{Peer: name, Vat: vatIDOf(name), Bootstrap: h.m.Near(h.obj, nil)})
		p.Offer(nil)
		p.Grant(100, 1<<20)
		h.peers[name] = p
		h.feed(name, boot(0))
		h.out(name)
	}
	for i, name := range donors {
		for n := range uint32(maxHandoffs) {
			refs = append(refs, h.passedBy(name, 5+n, "stranger"))
			h.m.Met(h.meets[len(h.meets)-1], s)
		}
		asked := []int{256, 256, 256, 128, 64}[i]
		require.Equal(t, asked, s.picking.of[vatIDOf(name)], name)
	}
	require.Len(t, s.meeting, 2)
	require.Len(t, s.meeting[0].wait, 128)
	require.Len(t, s.meeting[1].wait, 192)
	first := s.meeting[1].wait[0] // the fifth's, who has the least
	h.out("stranger")
	require.Equal(t, handMeeting, first.state)
	for n := range uint32(3) { // of the donor's
		h.feed("stranger", returns(n, hosted(9+n)))
		require.Equal(t, h.peers["stranger"], refs[n].Session())
	}
	require.Equal(t, handAccepting, first.state)
	require.Equal(t, 66, s.picking.of[vatIDOf("fifth")])
	require.Contains(t, h.out("stranger"), "accept q")
	h.feed("stranger", boot(0))
	for n := range uint32(3) { // it points to what is not answered yet
		h.feed("stranger", toYourself(1+n), returnArm(3+n, func(r rpc.Return) { r.SetTakeFromOtherQuestion(1 + n) }))
	}
	require.Equal(t, 66, s.picking.of[vatIDOf("fifth")])
	for _, c := range h.obj.calls[len(h.obj.calls)-3:] {
		c.Return(nil, nil)
	}
	require.Equal(t, 67, s.picking.of[vatIDOf("fifth")], "however an Accept comes to its end")
	h.seconds(pickUpTicks) // the host answers nothing
	require.Empty(t, s.meeting, "it is asked for nothing more")
	for _, r := range refs[3:] {
		require.NotNil(t, r.Session(), "by the vine for good")
		require.NotEqual(t, s, r.Session())
	}
	for _, r := range refs {
		r.Release()
	}
	for _, name := range donors[1:] {
		h.peers[name].Disconnect(PeerGone.ends(), false)
	}
	h.clean()
}
