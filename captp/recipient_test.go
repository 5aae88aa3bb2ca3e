package captp

import (
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/spec/network"
)

// passed has the donor pass an object of a host's, in a call and by a vine of that number, and returns the reference.
func (h *hosting) passed(n uint32, host string, locations ...string) *Ref {
	return h.passedBy("donor", n, host, locations...)
}

// passedBy is passed for another donor.
func (h *hosting) passedBy(donor string, n uint32, host string, locations ...string) *Ref {
	h.obj.answer = false
	h.feed(donor, call(n, export(0), thirdParty(n, func(c network.Contact) {
		_, _ = c.SetHost(id32(host)), c.SetNonce(id32("x"))
		list := must(c.NewLocations(int32(len(locations))))
		for i, l := range locations {
			_ = list.Set(i, l)
		}
	})))
	got := h.obj.calls[len(h.obj.calls)-1]
	_, caps := got.Params()
	r := caps[0].Retain()
	got.Return(nil, nil)
	return r
}

// toYourself is a call to our bootstrap object whose results stay here.
func toYourself(q uint32) []byte {
	return message(func(m rpc.Message) {
		c := must(m.NewCall())
		c.SetQuestionId(q)
		c.SendResultsTo().SetYourself()
		export(0).put(must(c.NewTarget()))
		putPayload(must(c.NewParams()), nil)
	})
}

// TestHostThatDoesNotAnswer: nothing that a host says, or does not say, keeps a reference closed.
func TestHostThatDoesNotAnswer(t *testing.T) {
	spec.Covers(t, "HAND-17")
	for name, c := range map[string]struct {
		before, late [][]byte
	}{
		"it says nothing":     {},
		"it answers too late": {late: [][]byte{returns(0, hosted(9))}},
		"it fails too late":   {late: [][]byte{returnArm(0, func(r rpc.Return) { _, _ = r.NewException() })}},
		"it answers with what is not answered": {
			before: [][]byte{boot(0), toYourself(1), returnArm(0, func(r rpc.Return) { r.SetTakeFromOtherQuestion(1) })},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			r := h.passed(5, "stranger")
			h.m.Met(h.meets[0], h.peers["stranger"])
			require.Contains(t, h.out("stranger"), "accept q0")
			h.feed("stranger", c.before...)
			h.m.Send(r, &Outgoing{Params: params("", 0)}).Done()
			h.seconds(pickUpTicks - 1)
			require.Nil(t, r.Session(), "between two ways")
			require.Equal(t, Far, r.State())
			require.NotContains(t, h.out("donor"), "call q")
			h.seconds(1)
			require.Equal(t, h.peers["donor"], r.Session(), "by the vine for good")
			require.Contains(t, h.out("donor"), "call q0 e5")
			require.Contains(t, h.out("stranger"), "finish q0")
			h.feed("stranger", c.late...)
			require.Nil(t, h.peers["stranger"].Err())
			require.Equal(t, h.peers["donor"], r.Session())
			h.out("stranger")
			if len(c.late) > 0 {
				require.Zero(t, h.peers["stranger"].Stats().Questions)
				require.Zero(t, h.peers["stranger"].Stats().Imports)
			}
			require.False(t, h.m.Ticks())
			for _, x := range h.obj.calls {
				x.Return(nil, nil)
			}
			h.feed("donor", returns(0))
			r.Release()
			require.Contains(t, h.out("donor"), "release e5")
			h.clean()
		})
	}
}

// TestHostThatOwesAnswers: a host that does not answer is not asked again and again, for what it is asked is kept.
func TestHostThatOwesAnswers(t *testing.T) {
	h := newHosting(t, Limits{})
	s := h.peers["stranger"]
	var refs []*Ref
	pass := func(n uint32) {
		refs = append(refs, h.passed(n, "stranger"))
		h.m.Met(h.meets[len(h.meets)-1], s)
	}
	pass(1)
	pass(2)
	require.Equal(t, 2, s.Stats().Questions)
	require.False(t, s.Idle())
	h.seconds(pickUpTicks)
	require.True(t, s.Idle(), "nobody waits for it")
	pass(3)
	require.Equal(t, 2, s.Stats().Questions)
	require.Equal(t, h.peers["donor"], refs[2].Session(), "by the vine at once")
	h.out("stranger")
	h.feed("stranger", returns(0))
	pass(4)
	require.Equal(t, 1, s.Stats().Questions, "it owes another one")
	h.feed("stranger", returns(1))
	pass(5)
	require.Nil(t, refs[4].Session(), "it is asked")
	require.Contains(t, h.out("stranger"), "accept q")
	for _, r := range refs {
		r.Release()
	}
	h.clean()
}

// TestWhatIsOverIsNotKept: a donor is charged for the locations that it tells, and a session that does not come up keeps
// no reference that was dropped, or lost its donor.
func TestWhatIsOverIsNotKept(t *testing.T) {
	location := strings.Repeat("h", maxLocation)
	charged := func(locations ...string) int64 {
		h := newHosting(t, Limits{})
		defer h.clean()
		r := h.passed(5, "far away", locations...)
		defer r.Release()
		return h.peers["donor"].Stats().Charged
	}
	require.Equal(t, int64(2*maxLocation), charged(location, location)-charged(), "locations are the donor's")
	for name, over := range map[string]func(h *hosting, r *Ref){
		"dropped":   func(_ *hosting, r *Ref) { r.Release() },
		"the donor": func(h *hosting, r *Ref) { h.peers["donor"].Disconnect(PeerGone.ends(), true); r.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			s := h.m.Connect(SessionConfig{Peer: "far away", Vat: vatIDOf("far away")})
			r := h.passed(5, "far away", location)
			h.m.Met(h.meets[0], s)
			require.Len(t, s.meeting, 1)
			over(h, r)
			require.Empty(t, s.meeting)
			s.Grant(10, 1<<20)
			require.Zero(t, s.Stats().Questions)
			s.Disconnect(PeerGone.ends(), true)
			h.clean()
		})
	}
}

// TestManyHandoffs: beyond those that are under way, what a donor passes is picked up in its turn.
func TestManyHandoffs(t *testing.T) {
	spec.Covers(t, "HAND-12")
	h := newHosting(t, Limits{})
	h.peers["stranger"].Grant(1000, 1<<20)
	var refs []*Ref
	for i := range uint32(maxHandoffs + 4) {
		refs = append(refs, h.passed(5+i, "stranger"))
		require.True(t, refs[i].Session() == h.peers["donor"])
	}
	require.Len(t, h.meets, maxHandoffs)
	refs[maxHandoffs].Release() // waits yet
	refs[0].Release()
	require.Len(t, h.meets, maxHandoffs+1)
	h.m.Met(h.meets[1], nil)
	require.Len(t, h.meets, maxHandoffs+2)
	h.m.Met(h.meets[2], h.peers["stranger"])
	require.Len(t, h.meets, maxHandoffs+2)
	h.feed("stranger", returns(0, hosted(9)))
	require.Len(t, h.meets, maxHandoffs+3)
	h.m.Met(h.meets[maxHandoffs+2], h.peers["stranger"])
	h.feed("stranger", returns(0, hosted(10)))
	require.True(t, refs[maxHandoffs+3].Session() == h.peers["stranger"])
	for _, n := range []int{0, maxHandoffs} {
		refs[n] = nil
	}
	h.peers["donor"].Disconnect(PeerGone.ends(), false)
	require.Empty(t, h.peers["donor"].unsought)
	require.Zero(t, h.peers["donor"].handoffs)
	for _, r := range refs {
		if r != nil {
			r.Release()
		}
	}
	h.clean()
}

// TestFarStaysFar: what a host answers does not make a promise of a reference that is settled.
func TestFarStaysFar(t *testing.T) {
	spec.Covers(t, "HAND-24")
	for name, c := range map[string]struct {
		then  func(h *hosting)
		state State
		way   string // where calls go in the end
	}{
		"it settles":  {func(h *hosting) { h.feed("stranger", resolve(9, hosted(10))) }, Far, "stranger"},
		"it was ours": {func(h *hosting) { h.feed("stranger", boot(0), resolve(9, yours(0))) }, Near, ""},
		"another vat's": {func(h *hosting) {
			h.feed("stranger", resolve(9, thirdParty(10, func(c network.Contact) { _, _ = c.SetHost(id32("far away")), c.SetNonce(id32("y")) })))
		}, Far, "stranger"},
		"a promise":         {func(h *hosting) { h.feed("stranger", resolve(9, promised(10)), resolve(10, hosted(11))) }, Far, "stranger"},
		"it breaks":         {func(h *hosting) { h.feed("stranger", breaks(9)) }, Broken, ""},
		"it never settles":  {func(*hosting) {}, Far, "donor"},
		"its session ends":  {func(h *hosting) { h.peers["stranger"].Disconnect(PeerGone.ends(), false) }, Far, "donor"},
		"the donor goes":    {func(h *hosting) { h.peers["donor"].Disconnect(PeerGone.ends(), false) }, Broken, ""},
		"it goes in a ring": {func(h *hosting) { h.feed("stranger", resolve(9, promised(9))) }, Broken, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			h.m.EndInBatches(2)
			r := h.passed(5, "stranger")
			told := &changes{}
			r.Watch(told)
			h.m.Met(h.meets[0], h.peers["stranger"])
			h.feed("stranger", returns(0, promised(9)))
			h.m.Send(r, &Outgoing{Params: params("", 0)}).Done()
			require.Equal(t, Far, r.State())
			require.Nil(t, r.Session(), "between two ways")
			require.NotContains(t, h.out("stranger"), "call q")
			c.then(h)
			h.bury()
			h.seconds(pickUpTicks)
			require.Equal(t, c.state, r.State())
			require.Equal(t, c.state == Broken, told.n == 1, "who watches it hears of its end only")
			if c.way != "" {
				require.Equal(t, h.peers[c.way], r.Session())
				require.Contains(t, h.out(c.way), "call q")
			}
			for _, x := range h.obj.calls {
				x.Return(nil, nil)
			}
			r.Release()
			h.clean()
		})
	}
}

// breaks says that a promise of the peer's is broken.
func breaks(id uint32) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewResolve())
		r.SetPromiseId(id)
		_ = must(r.NewException()).SetReason("gone")
	})
}

// changes counts what a Watcher is told.
type changes struct{ n int }

func (c *changes) Changed(*Ref) { c.n++ }

// TestHostThatOnlyPromises: a host that has answered with what does not settle in time is asked for nothing more, as one that
// has not answered, until that has settled, or can no more.
func TestHostThatOnlyPromises(t *testing.T) {
	spec.Covers(t, "HAND-17", "HAND-24")
	for name, settles := range map[string]func(h *hosting){
		"to an object": func(h *hosting) { h.feed("stranger", resolve(9, hosted(10))) },
		"by breaking":  func(h *hosting) { h.feed("stranger", breaks(9)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t, Limits{})
			s := h.peers["stranger"]
			var refs []*Ref
			pass := func(n uint32) *Ref {
				refs = append(refs, h.passed(n, "stranger"))
				h.m.Met(h.meets[len(h.meets)-1], s)
				return refs[len(refs)-1]
			}
			first := pass(5)
			h.feed("stranger", returns(0, promised(9)))
			h.seconds(pickUpTicks)
			require.Equal(t, h.peers["donor"], first.Session())
			require.True(t, s.Idle())
			h.out("stranger")
			second := pass(6)
			require.Equal(t, h.peers["donor"], second.Session(), "by the vine for good")
			require.NotContains(t, h.out("stranger"), "accept q")
			settles(h)
			pass(7)
			out := h.out("stranger")
			require.Contains(t, out, "accept q")
			require.Contains(t, out, "release e9", "nobody wants what it came to")
			for _, r := range refs {
				r.Release()
			}
			h.clean()
		})
	}
}
