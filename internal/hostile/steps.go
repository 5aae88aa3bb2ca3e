package hostile

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// lowSteps are the steps below messages: of connections, handshakes and records.
var lowSteps map[string]func(a *attack, rest string) error

func init() { // it refers to itself
	lowSteps = map[string]func(a *attack, rest string) error{
		"tcp":        func(a *attack, _ string) error { return a.connect(a.t.addr) },
		"session":    func(a *attack, _ string) error { return a.dial(a.t.addr) },
		"again":      (*attack).again,
		"m1":         (*attack).sendMessage1,
		"m2":         func(a *attack, _ string) error { return a.readMessage2() },
		"m3":         (*attack).sendMessage3,
		"hello":      (*attack).setHello,
		"record":     (*attack).sendRecord,
		"plain":      (*attack).sendPlain,
		"accepted":   (*attack).awaitAccept,
		"bytes":      (*attack).sendBytes,
		"data":       (*attack).sendData,
		"slow":       (*attack).sendSlowly,
		"replay":     func(a *attack, _ string) error { return a.write(a.wire.last) },
		"reflect":    (*attack).reflectRecord,
		"skip":       func(a *attack, _ string) error { _, err := a.seal(plaintext(crypto.RecordPing, nil)); return err },
		"closewrite": func(a *attack, _ string) error { return a.conn.(*net.TCPConn).CloseWrite() },
		"close":      func(a *attack, _ string) error { return a.conn.Close() },
		"reset":      (*attack).reset,
		"superseded": (*attack).awaitSuperseded,
		"crowd":      (*attack).crowd,
		"dials":      (*attack).dials,
		"nothing":    func(*attack, string) error { return nil },
		"listen":     (*attack).listen,
		"r1":         (*attack).readMessage1,
		"r2":         (*attack).sendMessage2,
		"r3":         (*attack).readMessage3,
	}
}

// damageBytes alters bytes as the clauses behind ` ! ` say: `flip N`, `cut N`, `set N HEX`, `append HEX`, `mac`.
func damageBytes(b []byte, clauses []string, to crypto.VatID) ([]byte, error) {
	for _, c := range clauses {
		f := strings.Fields(c)
		var n int
		if len(f) > 1 && f[0] != "append" {
			var err error
			if n, err = strconv.Atoi(f[1]); err != nil {
				return nil, err
			}
			if n < 0 {
				n += len(b)
			}
		}
		switch {
		case f[0] == "flip" && n < len(b):
			b[n] ^= 1
		case f[0] == "cut" && n <= len(b):
			b = b[:len(b)-n]
		case f[0] == "set":
			h, err := hex.DecodeString(f[2])
			if err != nil || n+len(h) > len(b) {
				return nil, fmt.Errorf("damage %q: %w", c, err)
			}
			copy(b[n:], h)
		case f[0] == "append":
			h, err := hex.DecodeString(f[1])
			if err != nil {
				return nil, err
			}
			b = append(b, h...)
		case f[0] == "zeros":
			b = append(b, make([]byte, n)...)
		case f[0] == "mac":
			b = append(b[:len(b)-macSize], knock(to, b[:len(b)-macSize])...)
		default:
			return nil, fmt.Errorf("damage %q of %d bytes", c, len(b))
		}
	}
	return b, nil
}

// clauses splits ` ! ` clauses off.
func clauses(rest string) (head string, cs []string) {
	parts := strings.Split(" "+rest+" ", " ! ")
	for _, p := range parts[1:] {
		cs = append(cs, strings.TrimSpace(p))
	}
	return strings.TrimSpace(parts[0]), cs
}

// again begins another connection with the same identity; the old one stays open.
func (a *attack) again(string) error {
	old := a.wire
	a.closed = append(a.closed, old)
	a.wire = &wire{static: old.static, peer: old.peer, hello: old.hello, last: old.last}
	a.wire.hello.session++
	return nil
}

// sendMessage1 sends message 1: `m1 [length=N] [other]`, damaged before it is framed.
func (a *attack) sendMessage1(rest string) error {
	head, cs := clauses(rest)
	to := a.peer
	if strings.Contains(head, "other") {
		to = vatID(newStatic())
	}
	m, err := a.message1(to)
	if err != nil {
		return err
	}
	return a.sendFramed(m, head, cs)
}

// sendMessage3 sends message 3: `m3 [length=N]`.
func (a *attack) sendMessage3(rest string) error {
	head, cs := clauses(rest)
	m, err := a.message3()
	if err != nil {
		return err
	}
	a.damaged = rest != ""
	return a.sendFramed(m, head, cs)
}

// sendFramed sends a damaged message behind its length, or another.
func (a *attack) sendFramed(m []byte, head string, cs []string) error {
	m, err := damageBytes(m, cs, a.peer)
	if err != nil {
		return err
	}
	b := framed(m)
	for _, w := range strings.Fields(head) {
		if v, ok := strings.CutPrefix(w, "length="); ok {
			n, err := strconv.ParseUint(v, 0, 16)
			if err != nil {
				return err
			}
			b[0], b[1] = byte(n>>8), byte(n)
		}
		if v, ok := strings.CutPrefix(w, "first="); ok { // only so many bytes
			n, err := strconv.Atoi(v)
			if err != nil {
				return err
			}
			b = b[:n]
		}
	}
	return a.write(b)
}

// setHello says what message 3, or 2, is to tell.
func (a *attack) setHello(rest string) error {
	fields, err := (&scanner{in: rest}).fields(0)
	if err != nil {
		return err
	}
	for _, f := range fields {
		n, err := strconv.ParseUint(f.value.text, 0, 64)
		if err != nil && f.path != "hints" {
			return err
		}
		switch f.path {
		case "min":
			a.hello.min = uint16(n)
		case "max":
			a.hello.max = uint16(n)
		case "epoch":
			a.hello.epoch = n
		case "number":
			a.hello.session = n
		case "calls":
			a.hello.calls = uint32(n)
		case "bytes":
			a.hello.bytes = n
		case "features":
			a.hello.features = n
		case "count":
			a.hello.count = int(n)
		case "hints":
			for _, e := range f.value.elems {
				a.hello.hints = append(a.hello.hints, e.text)
			}
		default:
			return fmt.Errorf("no field %q", f.path)
		}
	}
	return nil
}

// recordTypes are the names of record types.
var recordTypes = map[string]crypto.RecordType{
	"data": crypto.RecordData, "ping": crypto.RecordPing, "pong": crypto.RecordPong, "accept": crypto.RecordAccept,
	"superseded": crypto.RecordSuperseded, "end": crypto.RecordEnd,
}

// sendRecord sends a record: `record TYPE [HEX]`, damaged after it was sealed.
func (a *attack) sendRecord(rest string) error {
	head, cs := clauses(rest)
	name, body, _ := strings.Cut(head, " ")
	t, ok := recordTypes[name]
	if !ok {
		return fmt.Errorf("no record type %q", name)
	}
	b, err := hexOf(body)
	if err != nil {
		return err
	}
	return a.sealed(plaintext(t, b), cs)
}

// sendPlain sends a record of any plaintext: `plain HEX`.
func (a *attack) sendPlain(rest string) error {
	head, cs := clauses(rest)
	b, err := hexOf(head)
	if err != nil {
		return err
	}
	return a.sealed(b, cs)
}

func (a *attack) sealed(plain []byte, cs []string) error {
	r, err := a.seal(plain)
	if err == nil {
		r, err = damageBytes(framed(r), cs, a.peer)
	}
	if err != nil {
		return err
	}
	return a.write(r)
}

// hexOf reads hexadecimal digits, `ab*1000` repeated.
func hexOf(s string) ([]byte, error) {
	var out []byte
	for _, w := range strings.Fields(s) {
		digits, times, ok := strings.Cut(w, "*")
		n := 1
		if ok {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				return nil, err
			}
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, err
		}
		for range n {
			out = append(out, b...)
		}
	}
	return out, nil
}

func (a *attack) awaitAccept(string) error {
	for !a.accepted {
		if _, _, err := a.open(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// awaitSuperseded reads that the transport is refused, and goes back to the one before.
func (a *attack) awaitSuperseded(string) error {
	t, _, err := a.open(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	if t != crypto.RecordSuperseded {
		return fmt.Errorf("%v instead of superseded", t)
	}
	first := len(a.closed) - 1
	a.wire, a.closed[first] = a.closed[first], a.wire
	return nil
}

// crowd opens so many connections that say nothing.
func (a *attack) crowd(rest string) error {
	n, err := strconv.Atoi(rest)
	for range n {
		if err == nil {
			a.closed = append(a.closed, a.wire)
			a.wire = &wire{static: a.static, peer: a.peer, hello: a.wire.hello}
			err = a.connect(a.t.addr)
		}
	}
	return err
}

// dials makes so many dials, one behind the other, up to message 2.
func (a *attack) dials(rest string) error {
	n, err := strconv.Atoi(rest)
	for range n {
		if err == nil {
			err = a.again("")
		}
		if err == nil {
			err = a.connect(a.t.addr)
		}
		if err != nil {
			return err
		}
		m, err := a.message1(a.peer)
		if err == nil {
			err = a.write(framed(m))
		}
		if err != nil {
			return err
		}
		_ = a.readMessage2() // or that it is busy
		_ = a.conn.Close()
	}
	return err
}

func (a *attack) sendBytes(rest string) error {
	b, err := hexOf(rest)
	if err != nil {
		return err
	}
	return a.write(b)
}

// sendData sends bytes of the stream.
func (a *attack) sendData(rest string) error {
	b, err := hexOf(rest)
	if err != nil {
		return err
	}
	return a.data(b)
}

// sendSlowly sends a message in records of one byte.
func (a *attack) sendSlowly(rest string) error {
	f, err := a.frameOf(rest)
	for i := range f {
		if err == nil {
			err = a.data(f[i : i+1])
		}
	}
	return err
}

// reflectRecord sends the vat's next record back to it.
func (a *attack) reflectRecord(string) error {
	r, err := a.readFramed(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	return a.write(framed(r))
}

func (a *attack) reset(string) error {
	if err := a.conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return a.conn.Close()
}

// listen has the vat dial the attacker, who has given it a sturdyref.
func (a *attack) listen(string) (err error) {
	if a.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	id := vatID(a.static)
	secret, err := sturdyref.NewSwissnum(id)
	if err != nil {
		return err
	}
	ref, err := sturdyref.New(id, []string{a.listener.Addr().String()}, secret)
	if err != nil {
		return err
	}
	_ = vat.Send[any](a.t.vat.Enliven(ref), "poke") // what comes of it stands in the log
	if a.conn, err = a.listener.Accept(); err != nil {
		return err
	}
	a.accepted = true
	return a.begin(false)
}

func (a *attack) readMessage1(string) error {
	m, err := a.readFramed(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	_, err = a.hs.Read(nil, m[1:len(m)-macSize])
	return err
}

func (a *attack) sendMessage2(rest string) error {
	head, cs := clauses(rest)
	m, err := a.hs.Write(nil, a.hello.encode())
	if err != nil {
		return err
	}
	return a.sendFramed(m, head, cs)
}

func (a *attack) readMessage3(string) error {
	m, err := a.readFramed(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	if _, err := a.hs.Read(nil, m); err != nil {
		return err
	}
	return a.split()
}
