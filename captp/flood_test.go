package captp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// flood feeds frames until the session ends or n were taken, reading replies or
// not, and checks that what is held stays within the limits.
func (v *victim) flood(n int, read bool, frame func(i int) []byte) (taken int) {
	lim := v.m.Limits()
	for i := range n {
		if v.s.Err() != nil {
			return i
		}
		v.s.Receive(frame(i), 0)
		v.m.TakeDirty(nil)
		if read {
			v.s.TakeOut(nil)
		}
		if held := v.s.Stats().Charged; held > lim.HardBytes+int64(lim.MaxMessage) {
			v.t.Fatalf("%d bytes held after %d messages", held, i)
		}
	}
	return n
}

func TestFloods(t *testing.T) {
	spec.Covers(t, "CREDIT-3", "CREDIT-4")
	var q uint32 = 100
	next := func() uint32 { q++; return q }
	answering := func(v *victim) { v.obj.answer = true }
	for name, c := range map[string]struct {
		lim   Limits
		prep  func(v *victim)
		read  bool
		frame func(i int) []byte
		ends  Ending // "": survives a million
	}{
		"bootstraps never finished":      {read: true, frame: func(i int) []byte { return boot(uint32(i + 100)) }, ends: LimitCalls},
		"calls never returned":           {read: true, frame: func(i int) []byte { return call(uint32(i+100), export(0)) }, ends: LimitCalls},
		"bootstraps, replies not read":   {frame: func(i int) []byte { return boot(uint32(i + 100)) }, ends: LimitCalls},
		"calls at high ids":              {read: true, frame: func(i int) []byte { return call(^uint32(i), export(0)) }, ends: LimitCalls},
		"imports without end":            {read: true, prep: answering, frame: func(i int) []byte { return call(1000000+uint32(i), export(0), hosted(uint32(i+100))) }, ends: LimitCalls},
		"resolves to ever new promises":  {read: true, frame: func(i int) []byte { return resolve(uint32(7+i), promised(uint32(8+i))) }},
		"disembargoes that wait":         {lim: Limits{HardBytes: 2 << 20}, read: true, frame: func(i int) []byte { return loop(result(1, 0), uint32(i)) }, ends: LimitBytes},
		"unknown kinds, echoes not read": {lim: Limits{HardBytes: 2 << 20}, frame: func(i int) []byte { return raw(boot(9), 1, 0, 77) }, ends: LimitBytes},
		"finished calls, replies not read": {lim: Limits{HardBytes: 2 << 20}, frame: func(i int) []byte {
			if i%2 == 0 {
				return call(next(), result(0, 9))
			}
			return finish(q)
		}, ends: LimitBytes},
		"promises piped on one answer": {read: true, frame: func(i int) []byte {
			return loop(result(1, uint16(i), uint16(i>>16)), 1)
		}, ends: ProtoEmbargo},
		"capability tables": {lim: Limits{OpenCalls: 256}, read: true, frame: func(i int) []byte {
			caps := make([]descriptor, 5000)
			for k := range caps {
				caps[k] = hosted(uint32(i*5000 + k + 1000))
			}
			return call(uint32(i+100), export(0), caps...)
		}, ends: LimitCalls},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, c.lim)
			if c.prep != nil {
				c.prep(v)
			}
			n := 1000000
			if c.ends == "" {
				n = 70000
			}
			taken := v.flood(n, c.read, c.frame)
			t.Logf("ended after %d messages: %v; %d bytes charged at most %d", taken, v.s.Err(), v.m.Charged(), v.m.Limits().HardBytes)
			if c.ends == "" {
				require.Nil(t, v.s.Err())
			} else {
				require.NotNil(t, v.s.Err())
				require.Equal(t, c.ends, v.s.Err().Outcome)
			}
			v.clean()
		})
	}
}

// TestOverloaded checks that calls beyond the credit are refused before the
// session is ended.
func TestOverloaded(t *testing.T) {
	spec.Covers(t, "CREDIT-3")
	v := newVictim(t, Limits{OpenCalls: 4})
	// As many come on top as the victim has open itself, for they may be passed back to it: two.
	for q := uint32(10); q < 15; q++ {
		v.feed(call(q, export(0)))
	}
	require.NotContains(t, v.out(), "overloaded")
	v.feed(call(15, export(0)))
	require.Contains(t, v.out(), "return q15 overloaded")
	require.Nil(t, v.s.Err())
	v.clean()
}

func TestPartialFrame(t *testing.T) {
	v := newVictim(t, Limits{})
	frame := call(5, export(0), hosted(3))
	for _, b := range frame[:len(frame)-1] {
		_, err := v.s.Receive([]byte{b}, 0)
		require.Nil(t, err)
	}
	require.Less(t, cap(v.s.partial), 4*len(frame))
	require.Len(t, v.obj.calls, 1)
	v.s.Receive(frame[len(frame)-1:], 0)
	require.Len(t, v.obj.calls, 2)
	// A header that announces the largest message takes no memory for it.
	v.s.Receive([]byte{0, 0, 0, 0, 0, 0, 0xf, 0}, 0)
	require.Less(t, cap(v.s.partial), 4096)
	require.Nil(t, v.s.Err())
	v.clean()
}

// TestTotalBytes checks that the largest session goes when all together hold too
// much, and only that.
func TestTotalBytes(t *testing.T) {
	v := newVictim(t, Limits{TotalBytes: 100000, HardBytes: 1 << 20})
	small := v.m.Connect(SessionConfig{Peer: "small"})
	small.Receive(boot(1), 0)
	for i := uint32(10); i < 300 && v.s.Err() == nil; i++ {
		v.feed(call(i, export(0)))
	}
	require.NotNil(t, v.s.Err())
	require.Equal(t, LimitBytes, v.s.Err().Outcome)
	require.Nil(t, small.Err())
	small.Disconnect(PeerGone.ends(), false)
	v.clean()
}

// TestReserve: however much others hold, or what ended with them and is not gone
// yet, a session that holds little is not the one that goes.
func TestReserve(t *testing.T) {
	v := newVictim(t, Limits{TotalBytes: 10000})
	i := uint32(10)
	for ; v.m.Charged() < 20000; i++ {
		v.feed(call(i, export(0)))
	}
	require.Nil(t, v.s.Err())
	for ; i < 300 && v.s.Err() == nil; i++ {
		v.feed(call(i, export(0)))
	}
	require.Equal(t, LimitBytes, v.s.Err().Outcome)
	v.clean()
}

// TestSelfResolution: one promise that is resolved to itself must not spin.
func TestSelfResolution(t *testing.T) {
	v := newVictim(t, Limits{})
	_, caps := v.obj.calls[0].Params()
	p := caps[0].Retain()
	v.feed(resolve(7, promised(7)))
	require.Equal(t, Broken, p.State())
	p.Release()
	v.clean()
}

// TestPromiseChain: sixty thousand promises, each resolved to the next, and back.
func TestPromiseChain(t *testing.T) {
	v := newVictim(t, Limits{})
	_, caps := v.obj.calls[0].Params()
	p := caps[0].Retain()
	for i := uint32(7); i < 60007; i++ {
		v.feed(resolve(i, promised(i+1)))
		v.m.TakeDirty(nil)
		v.s.TakeOut(nil)
	}
	require.Equal(t, Promise, p.State())
	v.feed(resolve(60007, promised(7)))
	v.feed(resolve(60007, hosted(5)), resolve(7, hosted(6)))
	p.State()
	p.Release()
	v.clean()
}

// TestExportsFull: a peer that is given more references than it may hold, by calls that were forwarded or because it
// asked, costs nobody a session.
func TestExportsFull(t *testing.T) {
	spec.Covers(t, "CREDIT-8")
	v := newVictim(t, Limits{Exports: 3})
	objects := func(n int) (caps []*Ref) {
		for range n {
			caps = append(caps, v.m.Near(new(sinkObject), nil))
		}
		return caps
	}
	v.obj.calls[0].Return(rbody(0, 3), objects(3))
	v.obj.calls = nil
	require.Contains(t, v.out(), "return q1 overloaded")
	v.feed(call(2, export(0)), call(3, export(0)))
	v.obj.calls[0].Return(rbody(0, 2), objects(2))
	require.Contains(t, v.out(), "return q2 (sender-hosted e1, sender-hosted e2)")
	p := v.m.NewPromise() // it is exported, and what it becomes would be one more
	v.obj.calls[1].Return(rbody(0, 1), []*Ref{p.Retain()})
	require.Contains(t, v.out(), "return q3 overloaded")
	p.Release()
	v.obj.calls = nil

	var told []string
	v.m.Send(v.boot, &Outgoing{Params: rbody(0, 1), Caps: objects(1), Sink: outcomeSink{&told}}).Done()
	require.Equal(t, []string{"overloaded"}, told)
	v.m.Send(v.boot, &Outgoing{Params: rbody(0, 1), Caps: []*Ref{v.boot.Retain()}}).Done()
	require.Contains(t, v.out(), "receiver-answer", "what is the peer's own takes no room")
	v.feed(release(1, 1))
	v.m.Send(v.boot, &Outgoing{Params: rbody(0, 1), Caps: objects(1)}).Done()
	require.Contains(t, v.out(), "sender-hosted e1")
	require.Nil(t, v.s.Err())
	v.clean()
}

// outcomeSink notes the kinds of failures.
type outcomeSink struct{ to *[]string }

func (s outcomeSink) Settled(_ *Call, out Outcome) { *s.to = append(*s.to, out.Err.Kind.String()) }
