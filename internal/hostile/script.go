package hostile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
)

// attack is a case while it runs.
type attack struct {
	*wire
	t        *target
	c        *Case
	vars     map[string]uint64
	last     uint64  // the last question that was asked
	closed   []*wire // earlier connections
	listener net.Listener
	seen     []rpc.Message // messages read while waiting for another
	verdict  error         // of a text or file
	judged   bool          // verdict counts
	damaged  bool          // message 3, which so proves nobody
	patience time.Duration
}

func newAttack(t *target, c *Case, patience time.Duration) *attack {
	return &attack{
		t: t, c: c, patience: patience, vars: map[string]uint64{"i": 0},
		wire: &wire{
			static: newStatic(), peer: t.peer,
			hello: hello{min: 1, max: 1, epoch: 1, session: 1, calls: 64, bytes: 1 << 20},
		},
	}
}

// run does the steps, in order.
func (a *attack) run() error {
	if !a.c.Raw {
		if err := a.dial(a.t.addr); err != nil {
			return fmt.Errorf("the honest handshake: %w", err)
		}
	}
	for _, s := range a.c.Steps {
		if err := a.step(s); err != nil {
			return fmt.Errorf("step %q: %w", s, err)
		}
	}
	return nil
}

func (a *attack) close() {
	for _, w := range append(a.closed, a.wire) {
		if w.conn != nil {
			_ = w.conn.Close() // the attack is over
		}
	}
	if a.listener != nil {
		_ = a.listener.Close()
	}
}

// variable is a $name, or $name+n, in a step.
var variable = regexp.MustCompile(`\$([a-z]+)(\+[0-9]+)?`)

// step does one step. See spec/hostile/README.md.
func (a *attack) step(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "repeat":
		return a.repeat(rest)
	case "uri", "file", "key":
		return a.judge(word, rest)
	}
	text = a.substitute(text)
	word, rest, _ = strings.Cut(text, " ")
	if f := lowSteps[word]; f != nil {
		return f(a, rest)
	}
	switch word {
	case "hold":
		return a.hold()
	case "await":
		return a.await(rest)
	case "frame":
		f, err := parseFrame(rest)
		if err != nil {
			return err
		}
		return a.data(f)
	case "partial":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		return a.data(make([]byte, n))
	}
	f, err := a.frameOf(text)
	if err != nil {
		return err
	}
	return a.data(f)
}

// substitute puts the values of variables in.
func (a *attack) substitute(text string) string {
	return variable.ReplaceAllStringFunc(text, func(s string) string {
		m := variable.FindStringSubmatch(s)
		n := a.vars[m[1]]
		if m[2] != "" {
			add, _ := strconv.ParseUint(m[2][1:], 10, 64) // digits
			n += add
		}
		return strconv.FormatUint(n, 10)
	})
}

// frameOf makes the frame of a message step: the message, and ` ! ` before each damage.
func (a *attack) frameOf(text string) ([]byte, error) {
	parts := strings.Split(text, " ! ")
	f, err := compile(parts[0])
	for _, p := range parts[1:] {
		if err == nil {
			f, err = damage(f, p)
		}
	}
	if err != nil {
		return nil, err
	}
	if m := asked.FindStringSubmatch(parts[0]); m != nil {
		a.last, err = strconv.ParseUint(m[1], 0, 64)
	}
	return f, err
}

// asked finds the id in a message that asks.
var asked = regexp.MustCompile(`^(?:call|bootstrap) q=([0-9a-fx]+)`)

// repeat does a step n times, with $i counting, and messages packed together.
func (a *attack) repeat(rest string) error {
	times, step, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(times, 10, 64)
	if err != nil {
		return err
	}
	var run []byte
	for i := range n {
		a.vars["i"] = i
		f, err := a.frameOf(a.substitute(step))
		if err != nil {
			return err
		}
		if run = append(run, f...); len(run) > 30_000 {
			if err := a.data(run); err != nil {
				return err
			}
			run = nil
		}
	}
	return a.data(run)
}

// hold has the session hold the victim: as $obj, and the locator as $boot. The
// questions 1 and 2 were asked and finished.
func (a *attack) hold() error {
	secret := a.t.victim.Swissnum().Reveal()
	for _, s := range []string{
		"bootstrap q=1", "await return", "finish q=1 releaseResultCaps=false",
	} {
		if err := a.step(s); err != nil {
			return err
		}
	}
	a.vars["boot"] = a.vars["cap"]
	for _, s := range []string{
		fmt.Sprintf("call q=2 cap=$boot lookup=0x%s", hex.EncodeToString(secret[:])),
		"await return", "finish q=2 releaseResultCaps=false",
	} {
		if err := a.step(s); err != nil {
			return err
		}
	}
	a.vars["obj"] = a.vars["cap"]
	return nil
}

// await reads up to a message of a kind. $q becomes the id of its question, $cap
// the last capability in its table, $e its embargo, $p its promise.
func (a *attack) await(kind string) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		m, err := a.message(deadline)
		if err != nil {
			return err
		}
		if err := a.note(m); err != nil {
			return err
		}
		if m.Which().String() == kind {
			return nil
		}
		a.seen = append(a.seen, m)
	}
}

// message reads the next message.
func (a *attack) message(deadline time.Time) (m rpc.Message, err error) {
	f, err := a.frame(deadline)
	if err != nil {
		return m, err
	}
	msg, err := capnp.Unmarshal(f)
	if err != nil {
		return m, err
	}
	msg.ResetReadLimit(1 << 30)
	return rpc.ReadRootMessage(msg)
}

func (a *attack) note(m rpc.Message) error {
	var payload rpc.Payload
	switch m.Which() {
	case rpc.Message_Which_return:
		r, err := m.Return()
		if err != nil {
			return err
		}
		a.vars["q"] = uint64(r.AnswerId())
		if r.Which() != rpc.Return_Which_results {
			return nil
		}
		if payload, err = r.Results(); err != nil {
			return err
		}
	case rpc.Message_Which_call:
		c, err := m.Call()
		if err != nil {
			return err
		}
		a.vars["q"] = uint64(c.QuestionId())
		if payload, err = c.Params(); err != nil {
			return err
		}
	case rpc.Message_Which_bootstrap:
		b, err := m.Bootstrap()
		if err != nil {
			return err
		}
		a.vars["q"] = uint64(b.QuestionId())
		return nil
	case rpc.Message_Which_resolve:
		r, err := m.Resolve()
		if err != nil {
			return err
		}
		a.vars["p"] = uint64(r.PromiseId())
		return nil
	case rpc.Message_Which_disembargo:
		d, err := m.Disembargo()
		if err != nil {
			return err
		}
		if d.Context().Which() == rpc.Disembargo_context_Which_senderLoopback {
			a.vars["e"] = uint64(d.Context().SenderLoopback())
		}
		return nil
	default:
		return nil
	}
	caps, err := payload.CapTable()
	if err != nil {
		return err
	}
	for i := range caps.Len() {
		switch d := caps.At(i); d.Which() {
		case rpc.CapDescriptor_Which_senderHosted:
			a.vars["cap"] = uint64(d.SenderHosted())
		case rpc.CapDescriptor_Which_senderPromise:
			a.vars["cap"] = uint64(d.SenderPromise())
		}
	}
	return nil
}

// judge reads a sturdyref or a key from a text or a file.
func (a *attack) judge(kind, rest string) error {
	text, err := a.text(rest)
	if err != nil {
		return err
	}
	a.judged = true
	switch kind {
	case "uri":
		_, a.verdict = sturdyref.Parse(text)
		return nil
	case "file":
		_, a.verdict = sturdyref.Read(strings.NewReader(text))
		return nil
	}
	f, err := os.CreateTemp("", "hostile-*.key")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is only for this case
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, a.verdict = crypto.ReadKeyFile(f.Name(), []byte("passphrase"))
	return nil
}

// text reads a quoted text in which {vat}, {at}, {secret} and {uri} stand for the parts of
// the victim's sturdyref.
func (a *attack) text(quoted string) (string, error) {
	n, err := (&scanner{in: quoted}).value()
	if err != nil {
		return "", err
	}
	if n.kind != '"' {
		return "", errors.New("want a text")
	}
	uri := a.t.victim.URI()
	id, rest, _ := strings.Cut(strings.TrimPrefix(uri, "captp://"), "@")
	at, secret, _ := strings.Cut(rest, "/")
	return strings.NewReplacer("{uri}", uri, "{vat}", id, "{at}", at, "{secret}", secret).Replace(n.text), nil
}
