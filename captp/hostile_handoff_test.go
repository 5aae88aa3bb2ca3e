package captp

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/spec/network"
)

// A hostile donor, recipient or stranger: gifts are for whom they are meant, once, and for a time.

func id32(name string) []byte { return []byte(vatIDOf(name)) }

func provide(q uint32, t target, recipient string, nonce []byte) []byte {
	return message(func(m rpc.Message) {
		p := must(m.NewProvide())
		p.SetQuestionId(q)
		t.put(must(p.NewTarget()))
		a := must(network.NewAwait(p.Segment()))
		hash := sha256.Sum256(nonce)
		_ = a.SetRecipient(id32(recipient))
		_ = a.SetNonceHash(hash[:])
		_ = p.SetRecipient(capnp.Struct(a).ToPtr())
	})
}

func accept(q uint32, donor string, nonce []byte, embargo string) []byte {
	return message(func(m rpc.Message) {
		a := must(m.NewAccept())
		a.SetQuestionId(q)
		c := must(network.NewCompletion(a.Segment()))
		_ = c.SetDonor(id32(donor))
		_ = c.SetNonce(nonce)
		_ = a.SetProvision(capnp.Struct(c).ToPtr())
		if embargo != "" {
			_ = a.SetEmbargo([]byte(embargo))
		}
	})
}

func lifts(t target, embargo string) []byte {
	return disembargo(t, func(c rpc.Disembargo_context) { _ = c.SetAccept([]byte(embargo)) })
}

// thirdParty describes an object of a host's, with a contact made by f.
func thirdParty(vine uint32, f func(c network.Contact)) descriptor {
	return func(d rpc.CapDescriptor) {
		tp := must(d.NewThirdPartyHosted())
		tp.SetVineId(vine)
		c := must(network.NewContact(d.Segment()))
		f(c)
		_ = tp.SetId(capnp.Struct(c).ToPtr())
	}
}

// hosting is a machine whose peers are fed frames.
type hosting struct {
	t     testing.TB
	m     *Machine
	peers map[string]*Session
	obj   *sinkObject
	meets []*Handoff
	n     int
}

// newHosting has given its object as e0 to the donor, in answer 0.
func newHosting(t testing.TB, lim Limits) *hosting {
	obj := &sinkObject{answer: true}
	h := newHostingOf(t, lim, obj)
	h.obj = obj
	return h
}

// newHostingOf is newHosting with another object.
func newHostingOf(t testing.TB, lim Limits, obj Object) *hosting {
	h := &hosting{t: t, peers: map[string]*Session{}}
	h.m = New(&Config{Limits: lim, Vat: vatIDOf("host"), Introducer: h})
	for _, name := range []string{"donor", "recipient", "stranger"} {
		s := h.m.Connect(SessionConfig{Peer: name, Vat: vatIDOf(name), Bootstrap: h.m.Near(obj, nil)})
		s.Offer([]string{name + ":1"})
		s.Grant(100, 1<<20)
		h.peers[name] = s
	}
	h.feed("donor", boot(0))
	h.out("donor")
	return h
}

func (h *hosting) Nonce() (n [idSize]byte) {
	h.n++
	copy(n[:], fmt.Sprint("nonce-", h.n))
	return n
}
func (h *hosting) Meet(x *Handoff) { h.meets = append(h.meets, x) }

func (h *hosting) feed(peer string, frames ...[]byte) {
	for _, f := range frames {
		if s := h.peers[peer]; s.Err() == nil {
			_, _ = s.Receive(f, 0)
		}
	}
}

func (h *hosting) out(peer string) string {
	h.m.TakeDirty(nil)
	var b strings.Builder
	for data := h.peers[peer].TakeOut(nil); len(data) > 0; {
		size, _, _ := capn.FrameSize(data, 0, 64<<20)
		b.WriteString(traceFrame(data[:size]) + "\n")
		data = data[size:]
	}
	return b.String()
}

func (h *hosting) seconds(n int) {
	for range n {
		h.m.Tick()
	}
}

// bury ends what ends in batches.
func (h *hosting) bury() {
	for h.m.Bury() {
	}
}

// clean checks that nothing is left when all have gone.
func (h *hosting) clean() {
	for _, name := range []string{"donor", "recipient", "stranger"} {
		h.peers[name].Disconnect(PeerGone.ends(), false)
	}
	h.bury()
	h.seconds(provideTicks)
	require.False(h.t, h.m.Ticks())
	require.Zero(h.t, h.m.Charged())
	require.Empty(h.t, h.m.waiting)
}

const nothing = `return q1 failed "there is nothing to pick up"`

// TestGifts: whoever is not meant, comes twice, too late or with something else, learns the same, after the same time.
func TestGifts(t *testing.T) {
	spec.Covers(t, "HAND-5", "HAND-6", "HAND-10", "HAND-21")
	nonce, other := id32("secret"), id32("guess")
	gift := provide(1, export(0), "recipient", nonce)
	type step struct {
		from  string
		frame []byte
	}
	cases := map[string]struct {
		before []step
		who    string
		frame  []byte
		gets   bool
	}{
		"the recipient":            {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "donor", nonce, ""), gets: true},
		"a stranger":               {before: []step{{"donor", gift}}, who: "stranger", frame: accept(1, "donor", nonce, "")},
		"the donor":                {before: []step{{"donor", gift}}, who: "donor", frame: accept(2, "donor", nonce, "")},
		"another nonce":            {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "donor", other, "")},
		"a short nonce":            {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "donor", nonce[:31], "")},
		"another donor":            {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "stranger", nonce, "")},
		"no gift":                  {who: "recipient", frame: accept(1, "donor", nonce, "")},
		"taken":                    {before: []step{{"donor", gift}, {"recipient", accept(7, "donor", nonce, "")}}, who: "recipient", frame: accept(1, "donor", nonce, "")},
		"taken, and not yet given": {before: []step{{"donor", gift}, {"recipient", accept(7, "donor", nonce, "e")}}, who: "recipient", frame: accept(1, "donor", nonce, "")},
		"finished":                 {before: []step{{"donor", gift}, {"donor", finish(1)}}, who: "recipient", frame: accept(1, "donor", nonce, "")},
		"without a recipient":      {before: []step{{"donor", provide(1, export(0), "", nonce)}}, who: "recipient", frame: accept(1, "donor", nonce, "")},
		"embargo not lifted":       {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "donor", nonce, "e")},
		"embargo of another":       {before: []step{{"donor", gift}, {"donor", lifts(result(1), "f")}}, who: "recipient", frame: accept(1, "donor", nonce, "e")},
		"embargo lifted":           {before: []step{{"donor", gift}, {"donor", lifts(result(1), "e")}}, who: "recipient", frame: accept(1, "donor", nonce, "e"), gets: true},
		"embargo too long":         {before: []step{{"donor", gift}}, who: "recipient", frame: accept(1, "donor", nonce, strings.Repeat("e", maxEmbargo+1))},
		"another's gift in front":  {before: []step{{"stranger", boot(0)}, {"stranger", gift}, {"donor", gift}}, who: "recipient", frame: accept(1, "donor", nonce, ""), gets: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			for _, b := range c.before {
				h.feed(b.from, b.frame)
			}
			h.out(c.who)
			h.feed(c.who, c.frame)
			if c.gets {
				require.Contains(t, h.out(c.who), "sender-hosted")
			} else {
				h.seconds(acceptTicks - 1)
				require.Empty(t, h.out(c.who))
				h.seconds(1)
				require.Contains(t, strings.ReplaceAll(h.out(c.who), "q2", "q1"), nothing)
			}
			for _, s := range h.peers {
				require.Nil(t, s.Err())
			}
			h.clean()
		})
	}
	t.Run("after a minute", func(t *testing.T) {
		h := newHosting(t, Limits{})
		h.feed("donor", gift)
		h.seconds(giftTicks)
		require.Zero(t, len(h.m.gifts))
		h.feed("recipient", accept(1, "donor", nonce, ""))
		h.seconds(acceptTicks)
		require.Contains(t, h.out("recipient"), nothing)
		h.clean()
	})
	t.Run("the Accept first", func(t *testing.T) {
		h := newHosting(t, Limits{})
		h.feed("recipient", accept(1, "donor", nonce, "e"))
		h.feed("stranger", accept(1, "donor", nonce, "e"))
		h.seconds(acceptTicks - 1)
		h.feed("donor", gift)
		require.Empty(t, h.out("recipient"))
		h.feed("donor", lifts(result(1), "e"))
		require.Contains(t, h.out("recipient"), "sender-hosted")
		h.seconds(1)
		require.Contains(t, h.out("stranger"), nothing)
		h.clean()
	})
	t.Run("the donor goes", func(t *testing.T) {
		h := newHosting(t, Limits{})
		h.feed("donor", gift)
		h.feed("recipient", accept(1, "donor", nonce, "e"))
		h.peers["donor"].Disconnect(PeerGone.ends(), false)
		h.seconds(acceptTicks)
		require.Contains(t, h.out("recipient"), nothing)
		h.clean()
	})
	t.Run("the recipient goes", func(t *testing.T) {
		h := newHosting(t, Limits{})
		h.feed("donor", gift)
		h.feed("recipient", accept(1, "donor", nonce, "e"), accept(2, "donor", other, "e"))
		h.peers["recipient"].Disconnect(PeerGone.ends(), false)
		require.Empty(t, h.m.accepts)
		h.feed("donor", lifts(result(1), "e"), finish(1))
		require.Nil(t, h.peers["donor"].Err())
		h.clean()
	})
	t.Run("the recipient cancels", func(t *testing.T) {
		h := newHosting(t, Limits{})
		h.feed("recipient", accept(1, "donor", nonce, ""), finish(1))
		require.Contains(t, h.out("recipient"), "canceled")
		require.Empty(t, h.m.accepts)
		h.clean()
	})
}

// TestHostileHandoff: what ends a session, and what does not.
func TestHostileHandoff(t *testing.T) {
	spec.Covers(t, "HAND-4", "HAND-15", "HAND-19", "HAND-22")
	nonce := id32("secret")
	gift := provide(1, export(0), "recipient", nonce)
	var many [][]byte
	for q := range uint32(maxGifts + 1) {
		many = append(many, provide(1+q, export(0), "recipient", id32(fmt.Sprint(q))))
	}
	var bogus [][]byte
	for q := range uint32(maxAccepts + 1) {
		bogus = append(bogus, accept(2+q, fmt.Sprint("donor ", q%3), id32(fmt.Sprint(q)), ""))
	}
	frames := func(fs ...[]byte) [][]byte { return fs }
	vine := func(f func(c network.Contact)) []byte { return call(5, export(0), thirdParty(9, f)) }
	for name, c := range map[string]struct {
		in   [][]byte
		ends Ending
	}{
		"as many gifts as may be":          {in: many[:maxGifts]},
		"too many gifts":                   {in: many, ends: LimitCalls},
		"as many Accepts as may be":        {in: bogus[:maxAccepts]},
		"too many Accepts":                 {in: bogus, ends: LimitCalls},
		"a gift in a question that lives":  {in: frames(gift, gift), ends: ProtoID},
		"a call in the question of a gift": {in: frames(gift, call(1, export(0))), ends: ProtoID},
		"a gift of nothing":                {in: frames(provide(1, export(9), "recipient", nonce)), ends: ProtoID},
		"a gift of a call's result":        {in: frames(call(2, export(0)), provide(1, result(2), "recipient", nonce))},
		"a gift that is finished twice":    {in: frames(gift, finish(1), finish(1))},
		"a call on a gift":                 {in: frames(gift, call(2, result(1))), ends: ProtoID},
		"the same gift twice":              {in: frames(gift, provide(2, export(0), "recipient", nonce))},
		"a Disembargo to no gift":          {in: frames(lifts(result(1), "e")), ends: ProtoEmbargo},
		"a Disembargo to a result":         {in: frames(gift, lifts(result(1, 0), "e")), ends: ProtoEmbargo},
		"a Disembargo without an id":       {in: frames(gift, lifts(result(1), "")), ends: ProtoEmbargo},
		"a Disembargo with a long id":      {in: frames(gift, lifts(result(1), strings.Repeat("e", maxEmbargo+1))), ends: ProtoMessage},
		"a Disembargo to what is no vine":  {in: frames(lifts(export(0), "e"))},
		"a Disembargo to no export":        {in: frames(lifts(export(9), "e")), ends: ProtoID},
		"two Disembargoes to a gift":       {in: frames(gift, lifts(result(1), "e"), lifts(result(1), "f"))},
		"an Accept in a live question":     {in: frames(accept(2, "x", nonce, ""), accept(2, "x", nonce, "")), ends: ProtoID},
		"a contact of nothing":             {in: frames(vine(func(network.Contact) {}))},
		"a contact with a short host":      {in: frames(vine(func(c network.Contact) { _, _ = c.SetHost([]byte("x")), c.SetNonce(nonce) }))},
		"a contact of ourselves":           {in: frames(vine(func(c network.Contact) { _, _ = c.SetHost(id32("host")), c.SetNonce(nonce) }))},
		"a contact of the donor":           {in: frames(vine(func(c network.Contact) { _, _ = c.SetHost(id32("donor")), c.SetNonce(nonce) }))},
		"a contact with many locations": {in: frames(vine(func(c network.Contact) {
			_, _ = c.SetHost(id32("stranger")), c.SetNonce(nonce)
			_ = must(c.NewLocations(maxLocations+1)).Set(0, "h:1")
		}))},
		"a contact with a long location": {in: frames(vine(func(c network.Contact) {
			_, _ = c.SetHost(id32("stranger")), c.SetNonce(nonce)
			_ = must(c.NewLocations(1)).Set(0, strings.Repeat("h", maxLocation+1))
		}))},
		"a vine that is known": {in: frames(call(5, export(0), hosted(9)), vine(func(c network.Contact) { _, _ = c.SetHost(id32("stranger")), c.SetNonce(nonce) })), ends: ProtoID},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			h.feed("donor", c.in...)
			h.m.TakeDirty(nil)
			if c.ends == "" {
				require.Nil(t, h.peers["donor"].Err())
			} else {
				require.NotNil(t, h.peers["donor"].Err())
				require.Equal(t, c.ends, h.peers["donor"].Err().Outcome)
			}
			require.Nil(t, h.peers["stranger"].Err())
			require.Empty(t, h.meets, "nobody is to be met")
			h.clean()
		})
	}
}

// TestHostileVine: a recipient that misuses a vine.
func TestHostileVine(t *testing.T) {
	spec.Covers(t, "HAND-2", "HAND-3", "HAND-4")
	h := newHosting(t, Limits{})
	h.obj.answer = false
	h.feed("stranger", boot(0), call(1, export(0), hosted(3)))
	_, caps := h.obj.calls[0].Params()
	thing := caps[0].Retain() // the stranger's
	h.obj.calls[0].Return(nil, nil)
	h.feed("recipient", boot(0))
	toRecipient := h.peers["recipient"].Bootstrap()
	h.out("recipient")
	h.m.Send(toRecipient, &Outgoing{Params: rbody(1, 1), Caps: []*Ref{thing}}).Done()
	h.m.Send(toRecipient, &Outgoing{Params: rbody(1, 1), Caps: []*Ref{thing.Retain()}}).Done()
	out := h.out("recipient")
	require.Contains(t, out, "vine e1 to nonce-1 at stranger stranger:1")
	require.Contains(t, out, "vine e2 to nonce-2 at stranger stranger:1")
	require.Contains(t, h.out("stranger"), "provide q1 e3 for recipient")
	h.feed("recipient", call(9, export(1)), lifts(export(1), "e"))
	out = h.out("stranger")
	require.Less(t, strings.Index(out, "call q"), strings.Index(out, "disembargo q"), out)
	require.Equal(t, 1, h.peers["stranger"].Stats().Questions-h.peers["stranger"].donations.all)
	h.feed("recipient", release(2, 1))
	require.Contains(t, h.out("stranger"), "finish q")
	h.feed("recipient", lifts(export(1), "e"))
	h.m.TakeDirty(nil)
	require.Equal(t, ProtoEmbargo, h.peers["recipient"].Err().Outcome)
	require.Contains(t, h.out("stranger"), "finish q")
	require.Nil(t, h.peers["stranger"].Err())
	toRecipient.Release()
	h.obj.calls = nil
	h.clean()
}

// TestReturnToProvide: a Provide has no Return.
func TestReturnToProvide(t *testing.T) {
	h := newHosting(t, Limits{})
	h.obj.answer = false
	h.feed("stranger", boot(0), call(1, export(0), hosted(3)))
	_, caps := h.obj.calls[0].Params()
	h.feed("donor", call(1, export(0)))
	h.obj.calls[1].Return(rbody(0, 1), []*Ref{caps[0].Retain()})
	require.Contains(t, h.out("donor"), "vine")
	require.Contains(t, h.out("stranger"), "provide q0")
	h.feed("stranger", returns(0))
	require.Equal(t, ProtoID, h.peers["stranger"].Err().Outcome)
	h.obj.calls[0].Return(nil, nil)
	h.clean()
}

// TestProvidePutAside: its question may be finished, and used again, before it is looked at.
func TestProvidePutAside(t *testing.T) {
	h := newHosting(t, Limits{})
	s := h.peers["donor"]
	h.obj.answer = false
	h.feed("donor", call(1, export(0)))
	h.obj.calls[0].Return(rbody(0, 1), []*Ref{h.m.Near(&sinkObject{answer: true}, nil)})
	h.obj.calls = nil
	require.Contains(t, h.out("donor"), "sender-hosted e1")
	s.Pause(true)
	for _, f := range [][]byte{call(2, export(1)), provide(5, export(0), "recipient", id32("x")), finish(5), call(5, export(0))} {
		rest, err := s.Put(f)
		require.Empty(t, rest)
		require.Nil(t, err)
	}
	s.Pause(false)
	require.Nil(t, s.Resume(0))
	require.Len(t, h.obj.calls, 1)
	for _, c := range h.obj.calls {
		c.Return(nil, nil)
	}
	require.Equal(t, 2, strings.Count(h.out("donor"), "return q"))
	h.clean()
}

// TestDonorEndsInBatches: between the end of the donor's session and its burial nothing is picked up any more.
func TestDonorEndsInBatches(t *testing.T) {
	h := newHosting(t, Limits{})
	h.m.EndInBatches(1)
	h.obj.answer = false
	contact := func(c network.Contact) { _, _ = c.SetHost(id32("stranger")), c.SetNonce(id32("x")) }
	h.feed("donor", call(1, export(0), thirdParty(5, contact), thirdParty(6, contact), thirdParty(7, contact)))
	require.Len(t, h.meets, 3)
	_, caps := h.obj.calls[0].Params()
	var refs []*Ref
	for _, r := range caps {
		require.Equal(t, Far, r.State())
		require.True(t, r.Vine())
		refs = append(refs, r.Retain())
	}
	h.m.Met(h.meets[0], h.peers["stranger"]) // asked before the donor goes
	require.Contains(t, h.out("stranger"), "accept q0")
	h.peers["donor"].Disconnect(PeerGone.ends(), false)
	h.m.Met(h.meets[1], h.peers["stranger"])
	h.m.Met(h.meets[2], nil)
	require.Empty(t, h.out("stranger"))
	h.bury()
	require.Equal(t, Far, refs[0].State(), "the host has the last word")
	require.Equal(t, Broken, refs[1].State())
	require.Equal(t, Broken, refs[2].State())
	h.feed("stranger", returns(0, hosted(9)))
	require.Equal(t, Far, refs[0].State())
	require.Equal(t, h.peers["stranger"], refs[0].Session())
	for _, r := range refs {
		r.Release()
	}
	for _, c := range h.obj.calls {
		c.Return(nil, nil)
	}
	h.m.EndInBatches(1 << 30)
	h.clean()
}

// TestMeetingBeforeItIsUp: the way is closed when there is a session, and not before.
func TestMeetingBeforeItIsUp(t *testing.T) {
	for name, c := range map[string]struct {
		then func(s *Session)
		asks bool
	}{
		"it comes up":                   {func(s *Session) { s.Offer(nil); s.Grant(10, 1<<20) }, true},
		"it comes up and takes no part": {func(s *Session) { s.Grant(10, 1<<20) }, false},
		"it ends":                       {func(s *Session) { s.Disconnect(PeerGone.ends(), true) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			h.obj.answer = false
			contact := func(c network.Contact) { _, _ = c.SetHost(id32("far away")), c.SetNonce(id32("x")) }
			h.feed("donor", call(1, export(0), thirdParty(5, contact)))
			_, caps := h.obj.calls[0].Params()
			r := caps[0].Retain()
			s := h.m.Connect(SessionConfig{Peer: "far away", Vat: vatIDOf("far away")})
			h.peers["far away"] = s
			h.m.Met(h.meets[0], s)
			require.Equal(t, h.peers["donor"], r.Session(), "by the vine as yet")
			c.then(s)
			require.Equal(t, c.asks, r.Session() == nil, "between two ways")
			require.Equal(t, c.asks, strings.Contains(h.out("far away"), "accept q0"))
			require.Equal(t, Far, r.State())
			s.Disconnect(PeerGone.ends(), false)
			require.Equal(t, h.peers["donor"], r.Session(), "by the vine for good")
			h.obj.calls[0].Return(nil, nil)
			r.Release()
			h.clean()
		})
	}
}
