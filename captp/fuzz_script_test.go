package captp

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
	"github.com/stretchr/testify/require"
)

// play is a victim with what a script made of it.
type play struct {
	*victim
	hand   []descriptor  // for the table of the enemy's next payload or Resolve
	damage [][2]byte     // of the enemy's next message: at which byte, by which bits
	refs   []*Ref        // what the victim keeps; the first leads to the enemy
	sent   []*Call       // what it sent
	pipes  []bool        // whether on the results of that can be pipelined
	own    map[*Ref]bool // whether it may settle that
	grant  *Grant
}

func newPlay(t testing.TB) *play {
	p := &play{victim: newVictim(t, Limits{}), own: map[*Ref]bool{}, grant: &Grant{}}
	p.s.tailCalls = true
	p.refs = []*Ref{p.boot.Retain()}
	return p
}

// play reads a script of steps of three bytes, between which there may be blanks: a letter and two numbers x and y,
// of which '0' is 0. Steps that are unknown, or whose numbers name nothing, are passed over. Small letters put a
// capability into the enemy's hand or have the enemy say something, capital letters are acts of the victim; '^' changes
// the enemy's next message, at the byte x by the bits y.
func (p *play) play(script []byte) {
	for i := 0; i+2 < len(script); {
		if script[i] == ' ' || script[i] == '\n' {
			i++
			continue
		}
		op, x, y := script[i], script[i+1]-'0', script[i+2]-'0'
		i += 3
		switch {
		case op == '^':
			p.damage = append(p.damage, [2]byte{x, script[i-1]})
		case p.take(op, uint32(x), uint32(y)):
		case op >= 'A' && op <= 'Z':
			p.act(op, int(x), int(y))
		default:
			p.say(op, uint32(x), uint32(y))
		}
		p.m.TakeDirty(nil)
	}
}

// take puts a capability into the enemy's hand.
func (p *play) take(op byte, x, y uint32) bool {
	switch op {
	case 'h': // an object x of the enemy's
		p.hand = append(p.hand, hosted(x))
	case 'p': // a promise x of the enemy's
		p.hand = append(p.hand, promised(x))
	case 'y': // the victim's export x
		p.hand = append(p.hand, yours(x))
	case 'a': // the result y of the answer x
		p.hand = append(p.hand, yourAnswer(result(x, uint16(y))))
	case 'v': // a vat's elsewhere, with the vine x
		p.hand = append(p.hand, vine(x))
	default:
		return false
	}
	return true
}

// say has the enemy send a message.
func (p *play) say(op byte, x, y uint32) {
	frame := p.frame(op, x, y)
	if frame == nil {
		return
	}
	for _, d := range p.damage {
		frame[8+int(d[0])%(len(frame)-8)] ^= d[1]
	}
	p.hand, p.damage = nil, nil
	p.feed(frame)
}

// frame makes a message: a call, a Return to the victim's question x, or another.
func (p *play) frame(op byte, x, y uint32) []byte {
	switch op {
	case 'b': // Bootstrap
		return boot(x)
	case 'c': // a Call, as question x, on the export y
		return call(x, export(y), p.hand...)
	case 'k': // on the first result of the answer y
		return call(x, result(y, 0), p.hand...)
	case 'n': // on the export y, and nobody will pipeline on it
		return message(func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(x)
			c.SetNoPromisePipelining(true)
			export(y).put(must(c.NewTarget()))
			putPayload(must(c.NewParams()), p.hand)
		})
	case 't': // on the export y; its results stay with the victim
		return message(func(m rpc.Message) {
			c := must(m.NewCall())
			c.SetQuestionId(x)
			export(y).put(must(c.NewTarget()))
			c.SendResultsTo().SetYourself()
		})
	case 'r': // with what is in the hand
		return returns(x, p.hand...)
	case 'g': // the result is the capability itself, as that of a Bootstrap is
		return message(func(m rpc.Message) {
			r := must(m.NewReturn())
			r.SetAnswerId(x)
			results := must(r.NewResults())
			putPayload(results, p.hand)
			_ = results.SetContent(capnp.NewInterface(results.Segment(), 0).ToPtr())
		})
	case 'e': // with an exception
		return returnArm(x, func(r rpc.Return) { _ = must(r.NewException()).SetReason("no") })
	case 'w': // that its results went elsewhere
		return returnArm(x, func(r rpc.Return) { r.SetResultsSentElsewhere() })
	case 'o': // that the results of the victim's call x are those of the enemy's call y
		return returnArm(x, func(r rpc.Return) { r.SetTakeFromOtherQuestion(y) })
	case 'i': // that it was canceled
		return returnArm(x, func(r rpc.Return) { r.SetCanceled() })
	case 'f': // Finish; with y = 1 it releases the results
		return message(func(m rpc.Message) {
			f := must(m.NewFinish())
			f.SetQuestionId(x)
			f.SetReleaseResultCaps(y == 1)
		})
	case 'd': // Release of the export x, y times
		return release(x, y)
	case 's': // Resolve of the promise x to what is in the hand, or as broken
		if len(p.hand) == 0 {
			return message(func(m rpc.Message) {
				r := must(m.NewResolve())
				r.SetPromiseId(x)
				_ = must(r.NewException()).SetReason("no")
			})
		}
		return resolve(x, p.hand[0])
	case 'l': // Disembargo y, towards the export x
		return loop(export(x), y)
	case 'm': // the same, towards the first result of the answer x
		return loop(result(x, 0), y)
	case 'q': // the victim's own Disembargo y comes back
		return loopBack(export(x), y)
	case 'u': // an echo: the victim's call x was not understood
		return echo(call(x, export(y)))
	case 'j': // the same of its Resolve
		return echo(resolve(x, hosted(y)))
	}
	return nil
}

// act has the victim do something that its driver might.
func (p *play) act(op byte, x, y int) {
	switch op {
	case 'A', 'R', 'F', 'E', 'G', 'K':
		if x < len(p.obj.calls) {
			p.answer(op, x, y)
		}
	case 'W': // what is delivered next waits for an argument, x in number
		p.obj.wait = x
	case 'S', 'N': // a send on x, with y as its argument; N: nobody will pipeline on it
		if x < len(p.refs) {
			o := &Outgoing{NoPipelining: op == 'N'}
			if y < len(p.refs) {
				o.Params, o.Caps = rbody(1, 1), []*Ref{p.refs[y].Retain()}
			}
			p.sent, p.pipes = append(p.sent, p.m.Send(p.refs[x], o)), append(p.pipes, op == 'S')
		}
	case 'V': // keeps the first result of a send
		if x < len(p.sent) && p.pipes[x] {
			p.refs = append(p.refs, p.sent[x].Pipe(0))
		}
	case 'C': // cancels a send
		if x < len(p.sent) {
			p.sent[x].Cancel()
		}
	case 'P': // a promise of its own
		r := p.m.NewPromise()
		p.refs, p.own[r] = append(p.refs, r), true
	case 'J', 'B': // the promise x becomes y; or breaks
		switch {
		case x >= len(p.refs) || !p.own[p.refs[x]] || y >= len(p.refs) && op == 'J':
		case op == 'B':
			p.m.Break(p.refs[x], errCanceled)
		default:
			p.m.Resolve(p.refs[x], p.refs[y].Retain())
		}
	case 'O': // a reference under a grant
		p.refs = append(p.refs, p.m.Near(p.obj, p.grant))
	case 'X': // revokes that
		p.m.Revoke(p.grant, errCanceled)
	case 'L': // how many calls the enemy takes
		p.s.Grant(uint32(x), 1<<20)
	}
}

// answer does something about a call that the object holds.
func (p *play) answer(op byte, x, y int) {
	c := p.obj.calls[x]
	_, caps := c.Params()
	switch op {
	case 'G': // it need not wait any more
		c.Ready()
		return
	case 'K': // keeps the arguments
		for _, r := range caps {
			if r != nil {
				p.refs = append(p.refs, r.Retain())
			}
		}
		return
	}
	c.Ready()
	p.obj.calls = append(p.obj.calls[:x:x], p.obj.calls[x+1:]...)
	switch {
	case op == 'A': // with its arguments
		c.Return(rbody(0, len(caps)), retainAll(caps))
	case op == 'R' && y < len(p.refs): // with what it keeps
		c.Return(rbody(0, 1), []*Ref{p.refs[y].Retain()})
	case op == 'F' && y < len(p.sent): // with what a send will come to
		c.Follow(p.sent[y])
	default:
		c.Fail(errCanceled)
	}
}

// end ends the session, gives back what the victim holds and checks that nothing is left.
func (p *play) end() {
	p.m.TakeDirty(nil)
	p.s.Disconnect(PeerGone.ends(), false)
	p.obj.wait = 0
	for len(p.obj.calls) > 0 {
		p.answer('E', 0, 0)
	}
	for _, r := range p.refs {
		if p.own[r] {
			p.m.Break(r, errCanceled) // what waits on it may hold it
		}
		r.Release()
	}
	for _, c := range p.sent {
		c.Done()
	}
	p.clean()
}

// TestScripts holds scripts of the corpus to their names: they are worth nothing once they mean something else.
func TestScripts(t *testing.T) {
	defer func(names []string) { methodNames = names }(methodNames)
	methodNames = nil // methods are numbers here
	for name, says := range map[string]string{
		"embargo-round":           "disembargo q0 sender-loopback 0",
		"embargo-by-resolve":      "disembargo e7 sender-loopback 0",
		"embargo-of-two-promises": "disembargo q0 sender-loopback 1",
		"embargo-left-open":       "proto.embargo",
		"disembargo-in-a-queue":   "call q2 e7.0()\ndisembargo e7 receiver-loopback 0",
		"tail-call":               "return q5 take-from-other-question q2",
		"tail-call-canceled":      "return q5 take-from-other-question q2",
		"take-from-other":         "return q5 resultsSentElsewhere",
		"held-calls":              "finish q1\ncall q1 e3.0()",
		"held-resolve":            "call q4 e4.0()\nresolve e2 = receiver-hosted e4",
		"held-calls-in-embargo":   "disembargo q0 sender-loopback 0",
		"gate":                    "return q7 (sender-hosted e0)",
		"revoked":                 "return q7 failed \"the call was canceled\"",
		"unknown-kind":            "unimplemented { ",
	} {
		text, err := os.ReadFile(filepath.Join("testdata", "fuzz", "FuzzSequence", name))
		require.NoError(t, err)
		_, quoted, _ := strings.Cut(string(text), "[]byte(")
		script, err := strconv.Unquote(strings.TrimSuffix(quoted, ")\n"))
		require.NoError(t, err)
		p := newPlay(t)
		p.play([]byte(script))
		require.Contains(t, p.out(), says, name)
		p.end()
	}
}
