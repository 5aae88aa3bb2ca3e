package captp

import (
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/spec"
)

// message builds a frame through the generated types.
func message(f func(m rpc.Message)) []byte {
	msg, seg := capnp.NewSingleSegmentMessage(nil)
	f(must(rpc.NewRootMessage(seg)))
	return must(msg.Marshal())
}

func boot(q uint32) []byte {
	return message(func(m rpc.Message) { must(m.NewBootstrap()).SetQuestionId(q) })
}

// target is an export, or with q an answer's result at a path.
type target struct {
	promised bool
	id       uint32
	path     []uint16
}

func export(id uint32) target                { return target{id: id} }
func result(q uint32, path ...uint16) target { return target{true, q, path} }

func (t target) put(mt rpc.MessageTarget) {
	if !t.promised {
		mt.SetImportedCap(t.id)
		return
	}
	t.putAnswer(must(mt.NewPromisedAnswer()))
}

func (t target) putAnswer(pa rpc.PromisedAnswer) {
	pa.SetQuestionId(t.id)
	ops := must(pa.NewTransform(int32(len(t.path))))
	for i, f := range t.path {
		ops.At(i).SetGetPointerField(f)
	}
}

type descriptor func(d rpc.CapDescriptor)

func hosted(id uint32) descriptor   { return func(d rpc.CapDescriptor) { d.SetSenderHosted(id) } }
func promised(id uint32) descriptor { return func(d rpc.CapDescriptor) { d.SetSenderPromise(id) } }
func yours(id uint32) descriptor    { return func(d rpc.CapDescriptor) { d.SetReceiverHosted(id) } }
func yourAnswer(t target) descriptor {
	return func(d rpc.CapDescriptor) { t.putAnswer(must(d.NewReceiverAnswer())) }
}
func vine(id uint32) descriptor {
	return func(d rpc.CapDescriptor) { must(d.NewThirdPartyHosted()).SetVineId(id) }
}

func putPayload(p rpc.Payload, caps []descriptor) {
	l := must(p.NewCapTable(int32(len(caps))))
	st := must(capnp.NewStruct(p.Segment(), capnp.ObjectSize{PointerCount: uint16(min(len(caps), 100) + 1)}))
	for i, c := range caps {
		c(l.At(i))
		if i < 100 {
			_ = st.SetPtr(uint16(i), capnp.NewInterface(p.Segment(), capnp.CapabilityID(i)).ToPtr())
		}
	}
	_ = p.SetContent(st.ToPtr())
}

func call(q uint32, t target, caps ...descriptor) []byte {
	return message(func(m rpc.Message) {
		c := must(m.NewCall())
		c.SetQuestionId(q)
		t.put(must(c.NewTarget()))
		putPayload(must(c.NewParams()), caps)
	})
}

func returns(q uint32, caps ...descriptor) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewReturn())
		r.SetAnswerId(q)
		r.SetReleaseParamCaps(false)
		putPayload(must(r.NewResults()), caps)
	})
}

func returnArm(q uint32, f func(r rpc.Return)) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewReturn())
		r.SetAnswerId(q)
		f(r)
	})
}

func finish(q uint32) []byte {
	return message(func(m rpc.Message) { must(m.NewFinish()).SetQuestionId(q) })
}

func release(id, n uint32) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewRelease())
		r.SetId(id)
		r.SetReferenceCount(n)
	})
}

func resolve(id uint32, d descriptor) []byte {
	return message(func(m rpc.Message) {
		r := must(m.NewResolve())
		r.SetPromiseId(id)
		d(must(r.NewCap()))
	})
}

func disembargo(t target, f func(c rpc.Disembargo_context)) []byte {
	return message(func(m rpc.Message) {
		d := must(m.NewDisembargo())
		t.put(must(d.NewTarget()))
		f(d.Context())
	})
}

func loop(t target, id uint32) []byte {
	return disembargo(t, func(c rpc.Disembargo_context) { c.SetSenderLoopback(id) })
}

func loopBack(t target, id uint32) []byte {
	return disembargo(t, func(c rpc.Disembargo_context) { c.SetReceiverLoopback(id) })
}

// raw sets the discriminant of a message, or of a struct in it, to anything.
func raw(frame []byte, word int, shift uint, v uint64) []byte {
	out := append([]byte(nil), frame...)
	for i := range 2 {
		out[8+8*word+int(shift/8)+i] = byte(v >> (8 * i))
	}
	return out
}

// victim is a machine with a hostile session and an honest one.
type victim struct {
	t     testing.TB
	m     *Machine
	s     *Session // with the enemy
	other *Session
	obj   *sinkObject
	boot  *Ref // the enemy's
}

// sinkObject keeps what is delivered, or answers at once.
type sinkObject struct {
	calls  []*Call
	answer bool
	wait   int // how many of the next calls wait for an argument
}

func (o *sinkObject) Deliver(c *Call) bool {
	if o.answer {
		c.Return(nil, nil)
		return false
	}
	o.calls = append(o.calls, c)
	if o.wait > 0 {
		o.wait--
		return true
	}
	return false
}
func (o *sinkObject) Canceled(*Call) {}
func (o *sinkObject) Dropped(*Grant) {}

// newVictim makes a victim that has given the enemy its object as e0 in answer
// q0, holds a call q1 of the enemy's that is not answered, and the enemy's
// promise 7 as an argument of it, and has asked the enemy for its bootstrap
// object in question 0 and pipelined question 1 on that.
func newVictim(t testing.TB, lim Limits) *victim {
	v := &victim{t: t, m: New(&Config{Limits: lim}), obj: &sinkObject{}}
	v.s = v.m.Connect(SessionConfig{Peer: "enemy", Bootstrap: v.m.Near(v.obj, nil)})
	v.s.Grant(100, 1<<20)
	v.other = v.m.Connect(SessionConfig{Peer: "friend"})
	v.other.Grant(100, 1<<20)
	v.feed(boot(0), call(1, export(0), promised(7)))
	v.boot = v.s.Bootstrap()
	mine := v.m.Near(v.obj, nil)
	v.m.Send(v.boot, &Outgoing{Params: rbody(1, 1), Caps: []*Ref{mine}}).Done()
	require.Nil(t, v.s.Err())
	v.out()
	return v
}

func (v *victim) feed(frames ...[]byte) {
	for _, f := range frames {
		if v.s.Err() == nil {
			v.s.Receive(f, 0)
		}
	}
}

// out takes the output as one trace.
func (v *victim) out() string {
	v.m.TakeDirty(nil)
	var b strings.Builder
	for data := v.s.TakeOut(nil); len(data) > 0; {
		size, _, _ := capn.FrameSize(data, 0, 64<<20)
		b.WriteString(traceFrame(data[:size]) + "\n")
		data = data[size:]
	}
	return b.String()
}

// clean checks, at the end, that the other session lives and nothing of the
// enemy's is left.
func (v *victim) clean() {
	v.m.TakeDirty(nil)
	v.s.Disconnect(PeerGone.ends(), false)
	for _, c := range v.obj.calls {
		c.Fail(errCanceled)
	}
	v.boot.Release()
	require.Nil(v.t, v.other.Err(), "the other session")
	require.Zero(v.t, v.m.Charged(), "charged")
	require.Zero(v.t, v.m.Pending())
	st := v.s.Stats()
	st.Charged = 0
	require.Equal(v.t, Stats{}, st)
}

func TestHostileMessages(t *testing.T) {
	spec.Covers(t, "TABLE-1", "TABLE-2", "TABLE-3", "TABLE-4", "TABLE-5", "TABLE-9", "MSG-1", "MSG-2", "MSG-3", "MSG-4", "END-1", "END-2", "EMB-4", "TAIL-1", "HAND-1")
	frames := func(f ...[]byte) [][]byte { return f }
	unknownKind := raw(boot(9), 1, 0, 77)
	deep := make([]uint16, 65)
	for name, c := range map[string]struct {
		in   [][]byte
		ends Ending // "" survives
		says string // in the output
	}{
		"call on unknown export":          {in: frames(call(2, export(99))), ends: ProtoID},
		"call on unknown answer":          {in: frames(call(2, result(99, 0))), ends: ProtoID},
		"call with a live id":             {in: frames(call(1, export(0))), ends: ProtoID},
		"bootstrap with a live id":        {in: frames(boot(1)), ends: ProtoID},
		"call after finish of its answer": {in: frames(finish(0), call(2, result(0))), ends: ProtoID},
		"finish twice":                    {in: frames(call(2, result(1, 0)), finish(1), finish(1)), ends: ProtoID},
		"finish of an id never used":      {in: frames(finish(50)), ends: ProtoID},
		"finish of a retired id":          {in: frames(finish(0), finish(0))},
		"sparse question ids":             {in: frames(call(1<<31, export(0)), call(1<<32-1, export(0)), finish(1<<31))},
		"release of unknown export":       {in: frames(release(99, 1)), ends: ProtoID},
		"release too much":                {in: frames(release(0, 3)), ends: ProtoRefcount},
		"release nothing":                 {in: frames(release(0, 0))},
		"release all, then use":           {in: frames(release(0, 2), call(2, export(0))), ends: ProtoID},
		"return to no question":           {in: frames(returns(99)), ends: ProtoID},
		"return twice":                    {in: frames(returns(1), returns(1)), ends: ProtoID},
		"return of unknown arm":           {in: frames(raw(returns(1), 3, 48, 99)), ends: ProtoLevel},
		"return awaitFromThirdParty":      {in: frames(returnArm(1, func(r rpc.Return) { _ = r.SetAwaitFromThirdParty(capnp.Ptr{}) })), ends: ProtoLevel},
		"return elsewhere, not asked":     {in: frames(returnArm(1, func(r rpc.Return) { r.SetResultsSentElsewhere() }))},
		"return canceled, not asked":      {in: frames(returnArm(1, func(r rpc.Return) { r.SetCanceled() }))},
		"take from no such question":      {in: frames(returnArm(1, func(r rpc.Return) { r.SetTakeFromOtherQuestion(99) })), ends: ProtoTail},
		"take from a call to the caller":  {in: frames(returnArm(1, func(r rpc.Return) { r.SetTakeFromOtherQuestion(1) })), ends: ProtoTail},
		"resolve of unknown promise":      {in: frames(resolve(99, hosted(3))), says: "release e3 ×1"},
		"resolve of an object":            {in: frames(call(2, export(0), hosted(5)), resolve(5, hosted(6)))},
		"resolve to itself":               {in: frames(resolve(7, promised(7)))},
		"resolve twice":                   {in: frames(resolve(7, hosted(8)), resolve(7, hosted(9)))},
		"resolve to unknown export":       {in: frames(resolve(7, yours(99))), ends: ProtoID},
		"resolve to unknown answer":       {in: frames(resolve(7, yourAnswer(result(99)))), ends: ProtoID},
		"resolve of unknown arm":          {in: frames(raw(resolve(7, hosted(8)), 3, 32, 9)), says: "unimplemented { "},
		"argument of unknown arm": {in: frames(call(2, export(0), func(d rpc.CapDescriptor) {
			capnp.Struct(d).SetUint16(0, 44)
		}))},
		"argument is a vine":                {in: frames(call(2, export(0), vine(12)))},
		"argument is an unknown export":     {in: frames(call(2, export(0), yours(99))), ends: ProtoID},
		"argument is its own call's result": {in: frames(call(2, export(0), yourAnswer(result(2, 0)))), ends: ProtoID},
		"disembargo of what is ours":        {in: frames(loop(export(0), 1)), ends: ProtoEmbargo},
		"disembargo on an open answer":      {in: frames(loop(result(1, 0), 1))},
		"disembargo on unknown export":      {in: frames(loop(export(99), 1)), ends: ProtoID},
		"reflection nobody asked for":       {in: frames(loopBack(export(0), 1)), ends: ProtoEmbargo},
		"disembargo accept":                 {in: frames(disembargo(export(0), func(c rpc.Disembargo_context) { _ = c.SetAccept([]byte("x")) })), says: "unimplemented { disembargo"},
		"provide":                           {in: frames(message(func(m rpc.Message) { must(m.NewProvide()).SetQuestionId(9) })), says: "unimplemented { provide"},
		"accept":                            {in: frames(message(func(m rpc.Message) { must(m.NewAccept()).SetQuestionId(9) })), says: "unimplemented { accept"},
		"third party answer":                {in: frames(message(func(m rpc.Message) { must(m.NewThirdPartyAnswer()).SetAnswerId(1 << 30) })), says: "unimplemented { thirdPartyAnswer"},
		"join":                              {in: frames(message(func(m rpc.Message) { must(m.NewJoin()).SetQuestionId(9) })), says: "unimplemented { join"},
		"obsolete save":                     {in: frames(message(func(m rpc.Message) { _ = m.SetObsoleteSave(capnp.Ptr{}) })), says: "unimplemented { "},
		"obsolete delete":                   {in: frames(message(func(m rpc.Message) { _ = m.SetObsoleteDelete(capnp.Ptr{}) })), says: "unimplemented { "},
		"unknown kind":                      {in: frames(unknownKind), says: "unimplemented { "},
		"unknown target": {in: frames(message(func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(2)
			capnp.Struct(must(c.NewTarget())).SetUint16(4, 9)
		})), says: "unimplemented { "},
		"call on the result of a call that nobody pipelines on": {in: frames(message(func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(2)
			c.SetNoPromisePipelining(true)
			export(0).put(must(c.NewTarget()))
		}), call(3, result(2, 0))), ends: ProtoID},
		"call without target": {in: frames(message(func(m rpc.Message) { must(m.NewCall()).SetQuestionId(2) })), ends: ProtoMessage},
		"results to third party": {in: frames(message(func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(2)
			export(0).put(must(c.NewTarget()))
			_ = c.SendResultsTo().SetThirdParty(capnp.Ptr{})
		})), says: "unimplemented { "},
		"deep transform":            {in: frames(call(2, result(1, deep...))), ends: ProtoMessage},
		"transform through nothing": {in: frames(call(2, result(0, 5, 6, 7))), says: "vat."},
		"echo of our call":          {in: frames(echo(call(1, export(0)))), says: ""},
		"echo of our bootstrap":     {in: frames(echo(boot(0)))},
		"echo of a call never made": {in: frames(echo(call(77, export(0)))), ends: ProtoID},
		"echo of an echo":           {in: frames(echo(echo(boot(0))))},
		"echo of finish":            {in: frames(echo(finish(0))), ends: ProtoEcho},
		"echo of release":           {in: frames(echo(release(0, 1))), ends: ProtoEcho},
		"echo of a resolve":         {in: frames(echo(resolve(0, hosted(0))))},
		"echo of a forged resolve":  {in: frames(echo(resolve(0, hosted(99)))), ends: ProtoID},
		"abort":                     {in: frames(message(func(m rpc.Message) { _ = must(m.NewAbort()).SetReason("bye\x1b[2J") })), ends: PeerAbort},
		"empty message":             {in: frames(frameOf()), ends: ProtoMessage},
		"null root":                 {in: frames(frameOf(0)), ends: ProtoMessage},
		"root is a capability":      {in: frames(frameOf(3)), ends: ProtoMessage},
		"pointer out of bounds":     {in: frames(frameOf(0x0001000100000000, 2, 0x0001000100001000)), ends: ProtoMessage},
		"pointer at itself":         {in: frames(frameOf(0x0001000100000000, 2, 0x0001_0001_ffff_fffc)), ends: ProtoMessage},
		"segment-count bomb":        {in: frames([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}), ends: ProtoMessage},
		"65 segments":               {in: frames(append([]byte{64, 0, 0, 0}, make([]byte, 400)...)), ends: ProtoMessage},
		"huge message":              {in: frames([]byte{0, 0, 0, 0, 0, 0, 0x20, 0}), ends: LimitMessage},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, Limits{})
			v.feed(c.in...)
			out := v.out()
			if c.ends != "" {
				require.NotNil(t, v.s.Err(), "the session must end; output:\n%s", out)
				require.Equal(t, c.ends, v.s.Err().Outcome)
				if c.ends != PeerAbort {
					require.Contains(t, out, "abort")
					require.Contains(t, out, c.ends.Text())
				}
			} else {
				require.Nil(t, v.s.Err())
				require.Contains(t, out, c.says)
			}
			v.clean()
		})
	}
}

// echo wraps a message into unimplemented.
func echo(frame []byte) []byte {
	return message(func(m rpc.Message) {
		inner := must(rpc.ReadRootMessage(must(capnp.Unmarshal(frame))))
		_ = m.SetUnimplemented(inner)
	})
}
