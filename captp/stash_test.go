package captp

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec"
)

// put puts frames aside, and returns how many were handled at once.
func (v *victim) put(frames ...[]byte) (passed int) {
	v.t.Helper()
	for rest := slices.Concat(frames...); len(rest) > 0; {
		before := v.s.Kept() + count(rest)
		var err *Error
		rest, err = v.s.Put(rest)
		require.Nil(v.t, err)
		passed += before - v.s.Kept() - count(rest)
	}
	return passed
}

// count counts the messages in data.
func count(data []byte) (n int) {
	for ; len(data) > 0; n++ {
		size, _, _ := capn.FrameSize(data, 0, 0)
		data = data[size:]
	}
	return n
}

// keeping is a victim that has put a call aside.
func keeping(t *testing.T, lim Limits) *victim {
	v := newVictim(t, lim)
	require.Zero(t, v.put(call(10, export(0), hosted(3))))
	require.Equal(t, 1, v.s.Kept())
	return v
}

// Nothing is handled before what is put aside, but what cannot overtake any of it.
func TestWhatPasses(t *testing.T) {
	spec.Covers(t, "CREDIT-6")
	takes := func(r rpc.Return) { r.SetTakeFromOtherQuestion(1) }
	for name, c := range map[string]struct {
		aside  [][]byte // beside the call
		frame  []byte
		passes bool
		ends   Ending // the session, when all is handled
	}{
		"results":                            {frame: returns(0), passes: true},
		"results hosted there":               {frame: returns(0, hosted(20)), passes: true},
		"results promised there":             {frame: returns(0, promised(20)), passes: true},
		"results through a vine":             {frame: returns(0, vine(20)), passes: true},
		"results that come home":             {frame: returns(0, yours(0))},
		"results that are an answer":         {frame: returns(0, yourAnswer(result(1, 0)))},
		"results of which one comes home":    {frame: returns(0, hosted(20), yours(0))},
		"results of which one is unknown":    {frame: returns(0, hosted(20), func(d rpc.CapDescriptor) { setWhich(d, 77) })},
		"results under an id to be resolved": {aside: [][]byte{resolve(20, hosted(30))}, frame: returns(0, hosted(20))},
		"promised under such an id":          {aside: [][]byte{resolve(20, hosted(30))}, frame: returns(0, promised(20))},
		"a vine under such an id":            {aside: [][]byte{resolve(20, hosted(30))}, frame: returns(0, vine(20))},
		"under another":                      {aside: [][]byte{resolve(21, hosted(20))}, frame: returns(0, hosted(20)), passes: true},
		"an exception":                       {frame: returnArm(0, func(r rpc.Return) { must(r.NewException()) }), passes: true},
		"canceled":                           {frame: returnArm(0, func(r rpc.Return) { r.SetCanceled() }), passes: true},
		"one that releases parameters":       {frame: returnArm(1, func(r rpc.Return) { must(r.NewException()) })},
		"one that releases none":             {frame: returns(1), passes: true},
		"results of another question":        {frame: returnArm(0, takes), ends: ProtoTail},
		"of a question that is not asked":    {frame: returns(9), ends: ProtoID},
		"a Finish that cancels":              {frame: finish(1), passes: true},
		"… beside a call on the answer":      {aside: [][]byte{call(11, result(1, 0))}, frame: finish(1)},
		"… beside the answer as an argument": {aside: [][]byte{call(11, export(0), yourAnswer(result(1, 0)))}, frame: finish(1)},
		"… beside the answer as a result":    {aside: [][]byte{returns(0, yourAnswer(result(1, 0)))}, frame: finish(1)},
		"… beside a promise that is it":      {aside: [][]byte{resolve(7, yourAnswer(result(1, 0)))}, frame: finish(1)},
		"… beside a Disembargo on it":        {aside: [][]byte{loop(result(1, 0), 1)}, frame: finish(1)},
		"… beside calls on other answers":    {aside: [][]byte{call(11, result(0, 0)), call(12, result(10, 0))}, frame: finish(1), passes: true},
		"a Finish of an answer":              {frame: finish(0)},
		"a Finish of what is put aside":      {frame: finish(10)},
		"a Release":                          {frame: release(0, 1)},
		"a Resolve":                          {frame: resolve(7, hosted(30))},
		"a Disembargo":                       {frame: loop(export(0), 1), ends: ProtoEmbargo},
		"a call":                             {frame: call(12, export(0))},
		"a bootstrap":                        {frame: boot(12)},
		"what is no message":                 {frame: frameOf(3), ends: ProtoMessage},
	} {
		t.Run(name, func(t *testing.T) {
			v := keeping(t, Limits{})
			require.Zero(t, v.put(c.aside...))
			before := v.s.Kept()
			if c.passes {
				require.Equal(t, 1, v.put(c.frame))
				require.Equal(t, before, v.s.Kept())
			} else {
				require.Zero(t, v.put(c.frame))
				require.Equal(t, before+1, v.s.Kept())
			}
			require.Len(t, v.obj.calls, 1)
			err := v.s.Resume(0)
			require.Zero(t, v.s.Kept())
			if c.ends != "" {
				require.NotNil(t, err)
				require.Equal(t, c.ends, err.Outcome)
			} else {
				require.Nil(t, err)
			}
			v.clean()
		})
	}
}

// bigCall is a call whose parameters are n bytes of data.
func bigCall(q uint32, n int) []byte {
	return message(func(m rpc.Message) {
		c := must(m.NewCall())
		c.SetQuestionId(q)
		export(0).put(must(c.NewTarget()))
		p := must(c.NewParams())
		_ = p.SetContent(must(capnp.NewData(p.Segment(), make([]byte, n))).ToPtr())
	})
}

func setWhich(d rpc.CapDescriptor, n uint16) { capnp.Struct(d).SetUint16(0, n) }

// A paused session stops in front of a call, takes the rest in its order when it goes
// on, and charges what waits meanwhile.
func TestPause(t *testing.T) {
	spec.Covers(t, "CREDIT-6")
	v := newVictim(t, Limits{})
	empty := v.s.Stats().Charged
	v.s.Pause(true)
	big := bigCall(12, 10_000)
	data := slices.Concat(finish(0), call(10, export(0)), call(11, export(0)), big)
	rest, err := v.s.Receive(data, 0)
	require.Nil(t, err)
	require.Equal(t, data[len(finish(0)):], rest, "the Finish is no call")

	// In pieces of any size, and also what Receive has begun to gather.
	all := slices.Clone(rest)
	half := len(call(10, export(0))) / 2
	rest, err = v.s.Receive(all[:half], 0)
	require.Nil(t, err)
	require.Empty(t, rest)
	rest, err = v.s.Receive(all[half:2*half+8], 0)
	require.Nil(t, err)
	require.Equal(t, 1, v.s.Kept(), "a call that came in pieces cannot be left")
	for _, b := range append(slices.Clone(rest), all[2*half+8:]...) {
		_, err := v.s.Put([]byte{b})
		require.Nil(t, err)
	}
	require.Equal(t, 3, v.s.Kept())
	require.GreaterOrEqual(t, v.s.Stats().Charged, empty+int64(len(all)))
	require.Less(t, v.s.Stats().Charged, empty+int64(len(all))+2*stashMin)
	require.Len(t, v.obj.calls, 1)

	require.Nil(t, v.s.Resume(1))
	require.Len(t, v.obj.calls, 1, "still paused")
	v.s.Pause(false)
	require.Nil(t, v.s.Resume(1))
	require.Len(t, v.obj.calls, 2)
	require.Nil(t, v.s.Resume(0))
	require.Len(t, v.obj.calls, 4)
	require.Equal(t, []uint32{10, 11, 12}, []uint32{v.obj.calls[1].answer.id, v.obj.calls[2].answer.id, v.obj.calls[3].answer.id})
	require.Zero(t, v.s.stash.cost)
	v.clean()
}

// Whether a message is a call is seen without parsing it, and seen right.
func TestIsCall(t *testing.T) {
	v := newVictim(t, Limits{})
	rng := rand.New(rand.NewPCG(1, 2))
	calls, others := 0, 0
	for _, frame := range [][]byte{call(5, export(0), hosted(3)), returns(1, hosted(3)), finish(4), boot(6), frameOf(1 << 48)} {
		for range 20_000 {
			f := slices.Clone(frame)
			for range rng.IntN(3) {
				f[rng.IntN(min(len(f), 40))] = byte(rng.IntN(6))
			}
			kind, _, ok := v.s.look(f)
			switch {
			case !ok:
				continue // it will show in its turn, whatever it is taken for
			case kind == msgCall:
				calls++
			default:
				others++
			}
			require.Equal(t, kind == msgCall, v.s.isCall(f), "%x", f)
		}
	}
	require.Greater(t, calls, 5000)
	require.Greater(t, others, 5000)
	v.clean()
}

// What is put aside takes little more memory than it has bytes, whatever the sizes.
func TestStashMemory(t *testing.T) {
	sizes := []int{100, 5000, 100, 200_000, 64, 64, 3000, 3000, 3000, 70_000}
	var q stash
	var frames [][]byte
	total := 0
	for i := range 3000 {
		f := make([]byte, 8+sizes[i*7%len(sizes)]/8*8)
		f[8] = byte(i)
		q.n++
		q.put(f)
		frames, total = append(frames, f), total+len(f)
	}
	require.Less(t, q.cost, total+total/4+stashMax)
	for _, f := range frames {
		require.Equal(t, f, q.chunks[0][:len(f)])
		q.took(len(f))
	}
	require.Equal(t, stash{}, q)
}

// Messages beyond what is granted are handled although the session is paused.
func TestPressed(t *testing.T) {
	v := keeping(t, Limits{OpenBytes: 100_000, HardBytes: 1 << 20})
	q := uint32(20)
	for ; !v.s.Pressed(); q++ {
		v.put(bigCall(q, 10_000))
	}
	require.Greater(t, v.s.stash.cost, 100_000, "as much as is granted may wait")
	require.Less(t, v.s.stash.cost, 140_000)
	require.Nil(t, v.s.Err())
	require.Nil(t, v.s.Resume(0))
	require.False(t, v.s.Pressed())

	v.s.Unsent(800_000)
	v.put(call(q, export(0), hosted(3)))
	require.False(t, v.s.Pressed())
	v.s.Unsent(1000_000)
	require.True(t, v.s.Pressed(), "what waits must go before the session has to")
	v.clean()
}

// An answer that does not fit is replaced by one that says so; the call, what was sent
// on its results before, and the session are well. Of an exception the text is cut.
func TestAnswerLost(t *testing.T) {
	spec.Covers(t, "CREDIT-7")
	long := strings.Repeat("a", 4000)
	for name, answer := range map[string]func(v *victim, c *Call){
		"data":         func(v *victim, c *Call) { c.Return(results(long, 0), nil) },
		"a reference":  func(v *victim, c *Call) { c.Return(results(long, 1), []*Ref{v.m.Near(v.obj, nil)}) },
		"an exception": func(v *victim, c *Call) { c.Fail(&Error{Reason: long, Code: "vat.code"}) },
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, Limits{HardBytes: 1 << 20})
			v.feed(call(2, export(0)), call(3, result(2, 0)))
			exports := v.s.Stats().Exports
			v.s.Unsent(1<<19 - 1000)
			answer(v, v.obj.calls[1])
			v.s.Unsent(0)
			require.Equal(t, exports, v.s.Stats().Exports)
			said := v.out()
			if name == "an exception" {
				require.Regexp(t, `return q2 failed "a{512}…" vat.code`, said)
				require.Regexp(t, `return q3 failed "a{512}…" vat.code`, said)
			} else {
				require.Contains(t, said, `return q2 overloaded "the call was made, but its answer is too large for what waits to be read" vat.answerlost`)
				v.feed(call(4, result(2, 0)))
				require.Contains(t, v.out(), `return q4 overloaded "the call was made`)
			}
			require.Nil(t, v.s.Err())

			v.feed(call(5, export(0)))
			v.s.Unsent(1<<19 - 1000)
			v.obj.calls[len(v.obj.calls)-1].Return(results("few", 0), nil)
			require.Contains(t, v.out(), "return q5 (", "a small one costs no more than what would be said instead")
			v.s.Unsent(0)
			v.clean()
		})
	}
}

// Objects can be looked up at the bootstrap object while calls to others wait.
func TestLookupsPass(t *testing.T) {
	spec.Covers(t, "CREDIT-6")
	boot, near, promise := export(0), export(1), export(2)
	for name, c := range map[string]struct {
		aside  []byte
		frame  []byte
		passes bool
	}{
		"a lookup":                              {frame: call(11, boot), passes: true},
		"with something that the peer hosts":    {frame: call(11, boot, hosted(3))},
		"with something that comes home":        {frame: call(11, boot, yours(1))},
		"to what the question for it gave":      {frame: call(11, result(0))},
		"to another object":                     {frame: call(11, near)},
		"to what there is not":                  {frame: call(11, export(9))},
		"under an id that is still in use":      {frame: call(1, boot)},
		"beside a call to a promise":            {aside: call(12, promise), frame: call(11, boot)},
		"beside a call to a result":             {aside: call(12, result(1, 0)), frame: call(11, boot)},
		"beside a call to the bootstrap object": {aside: call(12, boot, hosted(3)), frame: call(11, boot)},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, Limits{})
			other, p := &sinkObject{}, v.m.NewPromise()
			v.obj.calls[0].Return(results("", 2), []*Ref{v.m.Near(other, nil), p.Retain()})
			v.s.Pause(true)
			require.Zero(t, v.put(call(10, near)))
			if c.aside != nil {
				require.Zero(t, v.put(c.aside))
			}
			before := v.s.Kept()
			if c.passes {
				require.Equal(t, 1, v.put(c.frame))
				require.Len(t, v.obj.calls, 2)
				require.True(t, v.s.paused)
			} else {
				require.Zero(t, v.put(c.frame))
				require.Len(t, v.obj.calls, 1)
			}
			require.Equal(t, before, v.s.Kept()-map[bool]int{false: 1}[c.passes])
			v.s.Pause(false)
			v.s.Resume(0)
			if v.s.Err() == nil {
				v.s.Pause(true)
				require.Zero(t, v.put(call(20, near)))
				require.Equal(t, 1, v.put(call(21, boot)), "nothing of it waits any more")
				v.s.Pause(false)
				require.Nil(t, v.s.Resume(0))
			}
			v.m.Break(p, errCanceled)
			p.Release()
			for _, c := range other.calls {
				c.Fail(errCanceled)
			}
			v.clean()
		})
	}
}
