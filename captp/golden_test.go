package captp

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// TestGolden runs the scripts in testdata: each is a conversation between vats,
// with every message as its expected output, to be read as documentation.
// go test ./captp -run TestGolden -rewrite writes the outputs anew.
//
// A script's commands, one a line; V, A, B are vats, R references of a vat, C
// calls:
//
//	vats A B …             make vats, each connected with every other
//	  tail                 … that leave results of returning calls where they are
//	  credit=N bytes=N     … granting each other no more than that
//	  embargoes=N          … with no more than that under way at a time
//	  handoff              … that hand references over
//	  nocredit             … granting nothing until "grant A B calls bytes"
//	A: R = boot B          the bootstrap object of B
//	A: R = near NAME [GRANT] an object of A's
//	A: R = promise         a local promise
//	A: R = null            the null reference
//	A: resolve R S         … is S
//	A: break R why…
//	A: C = R.verb(text, R, S)   a send; C.0 is its first capability
//	A: C = R.verb(…) only       … nobody will pipeline on
//	A: #1 returns (text, R)     answer a delivered call
//	A: #1 data text        … with data where a capability could be
//	A: #1 fails why…
//	A: #1 follows C
//	A: #1 ready            a call that waited goes on
//	A: wait NAME / nowait NAME  calls to the object wait, or not
//	A: cancel C, done C, release R, show R, revoke GRANT
//	A: meet / A: unmet     A finds those whom it wants to meet, or does not
//	A: seconds N           time passes at A
//	A > B [n]              deliver one message (n) from A to B
//	run                    deliver everything
//	cut A B                the connection is lost
//	tables                 print what is left in the tables
func TestGolden(t *testing.T) {
	spec.Covers(t, "PROM-3", "GRANT-1", "TABLE-10", "TABLE-11", "HAND-11", "HAND-13", "HAND-14")
	scripts, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			w := newWorld(t)
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				w.out.Reset()
				if d.Cmd == "new" {
					w = newWorld(t)
				}
				for _, line := range strings.Split(d.Input, "\n") {
					if line = strings.TrimSpace(line); line != "" {
						w.command(line)
					}
				}
				return w.out.String()
			})
		})
	}
}

func (w *world) command(line string) {
	t := w.t
	if name, rest, ok := strings.Cut(line, ": "); ok && w.vats[name] != nil {
		w.vats[name].command(rest)
		return
	}
	f := strings.Fields(line)
	switch {
	case f[0] == "vats":
		w.makeVats(f[1:])
	case f[0] == "run":
		w.run()
	case f[0] == "tables":
		w.tables()
	case f[0] == "grant":
		w.vats[f[1]].sessions[f[2]].Grant(uint32(number(t, f[3])), uint64(number(t, f[4])))
	case f[0] == "cut":
		for _, p := range [][2]string{{f[1], f[2]}, {f[2], f[1]}} {
			v := w.vats[p[0]]
			v.sessions[p[1]].Disconnect(PeerGone.ends(), false)
			delete(v.wires, p[1])
		}
	case len(f) >= 3 && f[1] == ">":
		n := 1
		if len(f) == 4 {
			n = number(t, f[3])
		}
		for range n {
			require.True(t, w.deliver(w.vats[f[0]], w.vats[f[2]]), "nothing to deliver: %s", line)
		}
	default:
		t.Fatalf("unknown command %q", line)
	}
}

func (w *world) makeVats(args []string) {
	tail, calls, bytes := false, uint32(4096), uint64(16<<20)
	var lim Limits
	var names []string
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "tail":
			tail = true
		case "handoff":
			w.handoff = true
		case "nocredit":
			calls = 0
		case "credit":
			calls = uint32(number(w.t, v))
		case "bytes":
			bytes = uint64(number(w.t, v))
		case "pending":
			lim.MaxPending = number(w.t, v)
		case "embargoes":
			lim.Embargoes = number(w.t, v)
		default:
			names = append(names, a)
		}
	}
	for i, n := range names {
		v := w.vat(n, lim)
		for _, o := range names[:i] {
			w.connect(w.vats[o], v, tail, calls, bytes)
		}
	}
}

func number(t testing.TB, s string) int {
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

// ref finds a reference of the vat: a name, or a call's result C.0.1.
func (v *testVat) ref(name string) *Ref {
	if r, ok := v.refs[name]; ok {
		return r
	}
	call, path, _ := strings.Cut(name, ".")
	c := v.calls[call]
	require.NotNil(v.w.t, c, "%s has no reference %q", v.name, name)
	var fields []uint16
	if path != "" {
		for _, f := range strings.Split(path, ".") {
			fields = append(fields, uint16(number(v.w.t, f)))
		}
	}
	r := c.Pipe(fields...)
	v.refs[name] = r
	return r
}

// args reads "text, R, S": names of references, and one text that is none.
func (v *testVat) args(s string) (text string, caps []*Ref) {
	for _, a := range strings.Split(s, ",") {
		a = strings.TrimSpace(a)
		call, _, isPath := strings.Cut(a, ".")
		_, isRef := v.refs[a]
		switch {
		case a == "":
		case a == "null":
			caps = append(caps, nil)
		case isRef || isPath && v.calls[call] != nil:
			caps = append(caps, v.ref(a).Retain())
		default:
			text = a
		}
	}
	return text, caps
}

func (v *testVat) command(line string) {
	if name, rest, ok := strings.Cut(line, " = "); ok {
		v.define(name, rest)
		return
	}
	t := v.w.t
	f := strings.Fields(line)
	after := func(n int) string { return strings.Join(f[n:], " ") }
	if c := v.inbox[f[0]]; c != nil {
		switch f[1] {
		case "data":
			c.Return(data(after(2)), nil)
		case "returns":
			text, caps := v.args(strings.Trim(after(2), "()"))
			c.Return(results(text, len(caps)), caps)
		case "fails":
			c.Fail(&Error{Reason: after(2)})
		case "follows":
			c.Follow(v.calls[f[2]])
		case "ready":
			c.Ready()
		default:
			t.Fatalf("unknown command %q", line)
		}
		return
	}
	switch f[0] {
	case "resolve":
		v.m.Resolve(v.ref(f[1]), v.ref(f[2]).Retain())
	case "break":
		v.m.Break(v.ref(f[1]), &Error{Reason: after(2)})
	case "wait":
		v.object(f[1]).wait = true
	case "nowait":
		v.object(f[1]).wait = false
	case "cancel":
		v.calls[f[1]].Cancel()
	case "done":
		v.calls[f[1]].Done()
		delete(v.calls, f[1])
	case "release":
		r := v.ref(f[1])
		delete(v.refs, f[1])
		r.Release()
	case "show":
		v.say("%s: %s is %s", v.name, f[1], v.describe(v.ref(f[1])))
	case "revoke":
		v.m.Revoke(v.grants[f[1]], &Error{Code: "vat.nosuchobject", Reason: "no such object"})
	case "meet":
		v.meet(true)
	case "unmet":
		v.meet(false)
	case "seconds":
		for range number(t, f[1]) {
			v.m.Tick()
		}
	case "forget":
		v.sessions[f[1]].ForgetBootstrap()
	default:
		t.Fatalf("unknown command %q", line)
	}
}

// define handles "NAME = …".
func (v *testVat) define(name, what string) {
	f := strings.Fields(what)
	switch f[0] {
	case "boot":
		v.refs[name] = v.sessions[f[1]].Bootstrap()
	case "near":
		var g *Grant
		if len(f) > 2 {
			if g = v.grants[f[2]]; g == nil {
				g = &Grant{Tag: f[2]}
				v.grants[f[2]] = g
			}
		}
		v.refs[name] = v.m.Near(v.object(f[1]), g)
	case "promise":
		v.refs[name] = v.m.NewPromise()
	default:
		v.send(name, what)
	}
}

// send handles "C = R.verb(args)".
func (v *testVat) send(name, what string) {
	open := strings.Index(what, "(")
	end := strings.LastIndex(what, ")")
	require.True(v.w.t, open > 0 && end > open, "not a send: %q", what)
	dot := strings.LastIndex(what[:open], ".")
	text, caps := v.args(what[open+1 : end])
	v.calls[name] = v.m.Send(v.ref(what[:dot]), &Outgoing{
		Interface: testInterface, Method: methodID(what[dot+1 : open]), Params: params(text, len(caps)), Caps: caps,
		NoPipelining: strings.TrimSpace(what[end+1:]) == "only", Sink: testSink{v, name},
	})
}
