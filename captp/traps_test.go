package captp

import (
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// The fifteen traps of the protocol, and what would fall into each:
//
//	 1 reuse of a question's id          TestTrap01QuestionReuse, TestRandomWorlds
//	 2 Finish for a retired answer       TestHostileMessages "finish …"
//	 3 Release races with re-export      testdata/release.txt
//	 4 releaseParamCaps, …ResultCaps     TestTrap04ReleaseCaps
//	 5 pipelining on what is no object   testdata/pipelining.txt, TestHostileMessages "transform …"
//	 6 results live until Finish         TestTrap06ResultsUntilFinish
//	 7 embargo, by Return and Resolve    testdata/embargo.txt, TestRandomWorlds
//	 8 strict forwarding                 TestTrap08StrictForwarding, TestRandomWorlds
//	 9 senderPromise, already resolved   TestTrap09NoResolvedPromise
//	10 Disembargo, still unresolved      TestTrap10EarlyDisembargo
//	11 self-resolution, late Resolve     TestSelfResolution, testdata/promises.txt
//	12 tail calls                        testdata/tailcalls.txt, TestHostileMessages "take from …"
//	13 cancellation races                TestTrap13CancelRace, testdata/cancel.txt
//	14 reentrancy                        TestRandomWorlds, testdata/promises.txt (itself)
//	15 disconnect; peers' ids            TestTrap15Disconnect, TestHostileMessages "sparse …", TestFloods

// bootReturn answers a bootstrap question.
func bootReturn(q, id uint32) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewReturn())
		r.SetAnswerId(q)
		p := must(r.NewResults())
		hosted(id)(must(p.NewCapTable(1)).At(0))
		_ = p.SetContent(capnp.NewInterface(p.Segment(), 0).ToPtr())
	})
}

func TestTrap01QuestionReuse(t *testing.T) {
	spec.Covers(t, "TABLE-6")
	v := newVictim(t, Limits{})
	v.feed(bootReturn(0, 50), returns(1)) // both questions are free now
	require.Contains(t, v.out(), "finish q1")
	c := v.m.Send(v.boot, &Outgoing{})
	require.Contains(t, v.out(), "call q1 e50")
	c.Cancel()
	require.Contains(t, v.out(), "finish q1")
	v.m.Send(v.boot, &Outgoing{}).Done()
	require.Contains(t, v.out(), "call q0 e50", "q1 is finished, not returned")
	v.m.Send(v.boot, &Outgoing{}).Done()
	require.Contains(t, v.out(), "call q2 e50")
	v.feed(returns(1))
	v.m.Send(v.boot, &Outgoing{}).Done()
	require.Contains(t, v.out(), "call q1 e50")
	v.clean()
}

func TestTrap04ReleaseCaps(t *testing.T) {
	spec.Covers(t, "TABLE-7")
	v := newVictim(t, Limits{}) // e0 was sent twice: as bootstrap, and in our q1
	e := v.s.exports.get(0)
	require.EqualValues(t, 2, e.count)
	v.feed(returnArm(1, func(r rpc.Return) { must(r.NewResults()); r.SetReleaseParamCaps(true) }))
	require.EqualValues(t, 1, e.count)
	v.feed(message(func(m rpc.Message) {
		f := must(m.NewFinish())
		f.SetQuestionId(0)
		f.SetReleaseResultCaps(true)
	}))
	require.Zero(t, v.s.exports.n)
	v.clean()
}

func TestTrap06ResultsUntilFinish(t *testing.T) {
	v := newVictim(t, Limits{})
	thing := &sinkObject{}
	v.obj.calls[0].Return(rbody(0, 1), []*Ref{v.m.Near(thing, nil)})
	v.obj.calls = nil
	v.feed(release(1, 1), call(2, result(1, 0)))
	require.Len(t, thing.calls, 1, "found although its export is released")
	v.feed(finish(1), call(3, result(1, 0)))
	require.Equal(t, ProtoID, v.s.Err().Outcome)
	thing.calls[0].Fail(errCanceled)
	v.clean()
}

func TestTrap08StrictForwarding(t *testing.T) {
	spec.Covers(t, "PROM-4", "EMB-3")
	v := newVictim(t, Limits{})
	_, caps := v.obj.calls[0].Params()
	theirs := caps[0].Retain()
	p := v.m.NewPromise()
	v.obj.calls[0].Return(rbody(0, 1), []*Ref{p.Retain()})
	v.obj.calls = nil
	v.m.Resolve(p, theirs) // they are told: it is your 7
	require.Contains(t, v.out(), "resolve e1 = receiver-hosted e7")
	v.feed(resolve(7, yours(0))) // which they resolve to our object
	v.feed(call(2, export(1)))
	require.Empty(t, v.obj.calls, "not the short way")
	require.Contains(t, v.out(), "call q2 e7", "back to them, as told")
	v.feed(call(3, export(0), yours(1)))
	require.Contains(t, v.out(), "disembargo e7 sender-loopback")
	p.Release()
	v.clean()
}

func TestTrap09NoResolvedPromise(t *testing.T) {
	spec.Covers(t, "PROM-1")
	v := newVictim(t, Limits{})
	p, q := v.m.NewPromise(), v.m.NewPromise()
	v.obj.calls[0].Return(rbody(0, 1), []*Ref{p.Retain()})
	v.obj.calls = nil
	v.m.Resolve(p, q.Retain())
	require.NotContains(t, v.out(), "resolve", "it only became another promise")
	v.m.Resolve(q, v.m.Near(v.obj, nil))
	require.Contains(t, v.out(), "resolve e1 = sender-hosted e0")
	v.m.Send(v.boot, &Outgoing{Params: rbody(0, 1), Caps: []*Ref{p}}).Done()
	require.Contains(t, v.out(), "sender-hosted e0")
	q.Release()
	v.clean()
}

func TestTrap10EarlyDisembargo(t *testing.T) {
	spec.Covers(t, "EMB-2")
	v := newVictim(t, Limits{})
	v.feed(call(2, result(1, 0)), loop(result(1, 0), 9))
	require.NotContains(t, v.out(), "disembargo")
	_, caps := v.obj.calls[0].Params()
	v.obj.calls[0].Return(rbody(0, 1), []*Ref{caps[0].Retain()})
	v.obj.calls = nil
	out := v.out()
	require.Contains(t, out, "disembargo e7 receiver-loopback 9")
	require.Less(t, strings.Index(out, "call q"), strings.Index(out, "disembargo"), "behind the call")
	v.clean()
}

func TestTrap13CancelRace(t *testing.T) {
	v := newVictim(t, Limits{})
	v.feed(finish(1))
	require.NotContains(t, v.out(), "return")
	v.obj.calls[0].Return(nil, nil)
	v.obj.calls[0].Return(nil, nil)
	v.obj.calls[0].Fail(errCanceled)
	require.Equal(t, 1, strings.Count(v.out(), "return q1"))
	require.Zero(t, v.s.Stats().Answers-1, "q0 only")
	v.clean()
}

type orderSink struct {
	name string
	to   *[]string
}

func (s orderSink) Settled(c *Call, out Outcome) {
	*s.to = append(*s.to, s.name+":"+string(out.Err.Outcome))
}

func TestTrap15Disconnect(t *testing.T) {
	v := newVictim(t, Limits{})
	var told []string
	for _, n := range []string{"a", "b", "c"} {
		v.m.Send(v.boot, &Outgoing{Sink: orderSink{n, &told}}).Done()
		if n == "b" {
			v.s.grantCalls = 0 // the third has to wait
		}
	}
	require.Equal(t, 1, v.s.Held())
	told = nil
	v.s.Disconnect(PeerGone.ends(), false)
	v.s.Disconnect(PeerGone.ends(), false)
	require.Empty(t, told, "Done: nobody is told")
	v.clean()
}

func TestErrorCodes(t *testing.T) {
	spec.Covers(t, "EXC-1")
	v := newVictim(t, Limits{})
	v.obj.calls[0].Fail(&Error{Reason: "no", Code: "app.no"})
	v.obj.calls = nil
	require.Contains(t, v.out(), `failed "no" app.no`)
	for _, n := range []int{maxCode, maxCode + 1} {
		var got *Error
		c := v.m.Send(v.boot, &Outgoing{Sink: errSink{&got}})
		v.out()
		v.feed(returnArm(c.q.id, func(r rpc.Return) {
			e := must(r.NewException())
			_ = e.SetReason(strings.Repeat("r", 10000))
			d := must(e.NewDetails(1)).At(0)
			d.SetDetailId(errorCode)
			_ = d.SetData([]byte(strings.Repeat("c", n)))
		}))
		require.Len(t, got.Reason, maxReason)
		require.Len(t, got.Code, n%(maxCode+1))
	}
	v.clean()
}

type errSink struct{ to **Error }

func (s errSink) Settled(c *Call, out Outcome) { *s.to = out.Err }

// TestWireNumbers keeps the promise of wire.go.
func TestWireNumbers(t *testing.T) {
	for _, x := range [][2]any{
		{msgUnimplemented, rpc.Message_Which_unimplemented}, {msgAbort, rpc.Message_Which_abort},
		{msgCall, rpc.Message_Which_call}, {msgReturn, rpc.Message_Which_return}, {msgFinish, rpc.Message_Which_finish},
		{msgResolve, rpc.Message_Which_resolve}, {msgRelease, rpc.Message_Which_release},
		{msgBootstrap, rpc.Message_Which_bootstrap}, {msgDisembargo, rpc.Message_Which_disembargo},
		{msgProvide, rpc.Message_Which_provide}, {msgAccept, rpc.Message_Which_accept}, {contextAccept, rpc.Disembargo_context_Which_accept},
		{targetImportedCap, rpc.MessageTarget_Which_importedCap}, {targetPromisedAnswer, rpc.MessageTarget_Which_promisedAnswer},
		{resultsToCaller, rpc.Call_sendResultsTo_Which_caller}, {resultsToYourself, rpc.Call_sendResultsTo_Which_yourself},
		{returnResults, rpc.Return_Which_results}, {returnException, rpc.Return_Which_exception},
		{returnCanceled, rpc.Return_Which_canceled}, {returnElsewhere, rpc.Return_Which_resultsSentElsewhere},
		{returnTakeFrom, rpc.Return_Which_takeFromOtherQuestion},
		{resolveCap, rpc.Resolve_Which_cap}, {resolveException, rpc.Resolve_Which_exception},
		{capNone, rpc.CapDescriptor_Which_none}, {capSenderHosted, rpc.CapDescriptor_Which_senderHosted},
		{capSenderPromise, rpc.CapDescriptor_Which_senderPromise}, {capReceiverHosted, rpc.CapDescriptor_Which_receiverHosted},
		{capReceiverAnswer, rpc.CapDescriptor_Which_receiverAnswer}, {capThirdPartyHosted, rpc.CapDescriptor_Which_thirdPartyHosted},
		{senderLoopback, rpc.Disembargo_context_Which_senderLoopback}, {receiverLoopback, rpc.Disembargo_context_Which_receiverLoopback},
		{opNoop, rpc.PromisedAnswer_Op_Which_noop}, {opPointerField, rpc.PromisedAnswer_Op_Which_getPointerField},
		{int(Failed), rpc.Exception_Type_failed}, {int(Overloaded), rpc.Exception_Type_overloaded},
		{int(Disconnected), rpc.Exception_Type_disconnected}, {int(Unimplemented), rpc.Exception_Type_unimplemented},
	} {
		require.EqualValues(t, x[1], x[0], "%v", x[1])
	}
}
