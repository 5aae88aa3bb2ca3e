package link

import (
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// refusalTimeout bounds how long a refused transport may take to read why.
const refusalTimeout = 2 * time.Second

// accept is the goroutine of a listener.
func (ls *Links) accept(ln net.Listener) {
	wait := time.Duration(0)
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely: what runs now will give some back.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			ls.log.Warn("cannot accept connections", "error", err, "wait", wait)
			if pause(ls.ctx, wait) != nil {
				return
			}
			continue
		}
		wait = 0
		t := ls.gate.enter(conn)
		if t == nil {
			ls.outcomes.Report("too many handshakes", ErrCrowded.code, "from", conn.RemoteAddr().String())
			abort(conn)
		} else if !ls.crew.start(func() { ls.serve(conn, t) }) {
			t.leave()
			abort(conn)
		}
	}
}

// serve runs the responder's side of one connection, and then its link's reader.
func (ls *Links) serve(conn net.Conn, ticket *ticket) {
	defer ticket.leave()
	if !ls.opened(conn) {
		abort(conn)
		return
	}
	o, as, err := ls.receive(conn, ticket)
	ticket.leave()
	if err != nil {
		ls.report(conn, err)
		ls.settled(conn)
		if answered(err) {
			_ = conn.Close() // what there was to say was said
		} else {
			abort(conn)
		}
		return
	}
	d := as.offer(o)
	ls.settled(conn)
	as.carryOut(o.transport, d)
}

// receive runs the handshake and reads the dialler's accept. It tells which Links the dialler meant: ls or a former one.
func (ls *Links) receive(conn net.Conn, ticket *ticket) (o *offer, as *Links, err error) {
	begin := time.Now()
	former := ls.former()
	cfg := crypto.AcceptConfig{
		Identity: ls.config.Identity, Hello: ls.hello(0), Admit: ticket.admit,
		KnockTimeout: ls.limits.KnockTimeout, Timeout: ls.limits.HandshakeTimeout,
	}
	for _, f := range former {
		cfg.Former = append(cfg.Former, crypto.Former{Identity: f.config.Identity, Hello: f.hello(0)})
	}
	secured, err := crypto.Accept(borrowed{conn}, &cfg)
	if err != nil {
		return nil, nil, err
	}
	if ls.is(secured.Peer) {
		return nil, nil, &crypto.PeerError{Peer: secured.Peer, Err: crypto.ErrSelf}
	}
	as = ls
	if i := slices.IndexFunc(former, func(f *Links) bool { return f.self == secured.Self }); i >= 0 {
		as = former[i]
	}
	t := as.newTransport(conn, secured)
	if err := conn.SetReadDeadline(begin.Add(ls.limits.HandshakeTimeout)); err != nil {
		return nil, nil, err
	}
	c, err := t.in.claims()
	if err != nil {
		return nil, nil, &crypto.PeerError{Peer: secured.Peer, Err: err}
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	hello := secured.Hello
	return &offer{
		offered:   offered{epoch: hello.Epoch, session: hello.Session, seen: c.seen},
		transport: t,
		decided:   make(chan decision, 1),
	}, as, nil
}

// claims reads the dialler's first record.
func (r *reader) claims() (claims, error) {
	kind, body, err := r.control()
	if err != nil {
		return claims{}, err
	}
	c, ok := parseClaims(body)
	if kind != crypto.RecordAccept || !ok {
		return claims{}, crypto.ErrRecordForm
	}
	return c, nil
}

// report tells the log why an incoming connection came to nothing.
func (ls *Links) report(conn net.Conn, err error) {
	attrs := []any{"from", conn.RemoteAddr().String(), "error", err}
	var p *crypto.PeerError
	if errors.As(err, &p) {
		attrs = append(attrs, "peer", p.Peer)
	}
	ls.outcomes.Report("incoming handshake failed", codeOf(err), attrs...)
}

// codeOf gives the outcome code of whatever ended a connection.
func codeOf(err error) string {
	var c *crypto.Error
	if errors.As(err, &c) {
		return c.Code()
	}
	return ending(err).Code()
}

// answered tells that the dialler is to see a clean end: its message 1 was not for
// this vat, which it must learn no more of, or it was told that the vat is busy.
func answered(err error) bool {
	return errors.Is(err, crypto.ErrMAC) || errors.Is(err, crypto.ErrVersion) ||
		errors.Is(err, crypto.ErrFrame) || errors.Is(err, crypto.ErrBusy)
}

// borrowed is a connection that its borrower cannot close.
type borrowed struct{ net.Conn }

func (borrowed) Close() error { return nil }

// opened notes an incoming connection for Close to find.
func (ls *Links) opened(conn net.Conn) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return false
	}
	ls.open[conn] = struct{}{}
	return true
}

func (ls *Links) settled(conn net.Conn) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.open, conn)
}

// offer is a transport that a peer dialled and on which it finished the handshake.
type offer struct {
	offered
	transport *transport
	decided   chan decision // gets one, after a hold
}

// decision is what becomes of an offer, and what is left to do about it outside of
// the lock.
type decision struct {
	verdict verdict
	link    *Link // that the transport was attached to
	old     *Link // to be finished
	claims  claims
}

// offer decides about an offer, waiting for the answer to our own dial if need be.
func (ls *Links) offer(o *offer) decision {
	ls.mu.Lock()
	d := decision{verdict: refuse}
	if p := ls.peer(o.transport.secured.Peer); p != nil && !ls.closed {
		d = ls.judge(p, o)
	}
	ls.mu.Unlock()
	if d.verdict != hold {
		return d
	}
	return <-o.decided // soon: our dial has a deadline, and the link may be closed
}

// judge steps the pair with an offer. The caller holds ls.mu.
func (ls *Links) judge(p *peer, o *offer) decision {
	v := p.pair.offer(o.offered)
	if v != hold {
		return ls.decide(p, o, v)
	}
	if p.held != nil {
		if p.held.session >= o.session {
			return decision{verdict: refuse}
		}
		p.held.decided <- decision{verdict: refuse}
	}
	p.held = o
	// The answer is due at once, or our dial is lost.
	soon := time.Now().Add(ls.limits.CrossedTimeout)
	if due := p.link.tr.due; soon.Before(due) {
		_ = p.link.tr.conn.SetReadDeadline(soon) // Read will fail too
		p.link.tr.due = soon
	}
	return decision{verdict: hold}
}

// decide puts a verdict into effect. The caller holds ls.mu.
func (ls *Links) decide(p *peer, o *offer, v verdict) decision {
	d := decision{verdict: v}
	switch v {
	case refuse, hold:
		return d
	case adopt:
		d.link = p.link
	case replace:
		d.old = p.link
		d.link = ls.newLink(o.transport.secured.Peer)
		d.link.receiver = ls.config.Handler.Open(d.link)
		p.link = d.link
	}
	p.failures, p.strayed = 0, 0
	d.claims = claims{used: ls.number, seen: p.pair.taken}
	ls.attach(d.link, o.transport)
	ls.unhold(p)
	return d
}

// unhold judges the offer on hold anew, now that our dial is out of the way. The
// caller holds ls.mu.
func (ls *Links) unhold(p *peer) {
	o := p.held
	if o == nil {
		return
	}
	p.held = nil
	if ls.closed {
		o.decided <- decision{verdict: refuse}
		return
	}
	o.decided <- ls.judge(p, o)
}

// attach gives a link its transport, in place of the one that it has, if any; what
// was written is to be sent (again). The caller holds ls.mu.
func (ls *Links) attach(l *Link, t *transport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tr != nil {
		l.tr.fail(ErrSuperseded) // its reader ends
	}
	l.tr, l.state, l.exposed = t, waiting, false
	l.cancel() // the dial, if there is one
}

// carryOut does what is left to do about an offer, and then reads.
func (ls *Links) carryOut(t *transport, d decision) {
	switch d.verdict {
	case hold, refuse:
		t.refuse()
	case adopt, replace:
		if d.old != nil && d.old.finish(ErrSuperseded) {
			d.old.tell()
		}
		ls.run(d.link, t, d.claims)
	}
}

// refuse tells the dialler that its transport is superseded, and lets it read that.
func (t *transport) refuse() {
	defer func() { _ = t.conn.Close() }() // nothing is lost any more
	deadline := time.Now().Add(refusalTimeout)
	if t.conn.SetDeadline(deadline) != nil {
		return
	}
	if _, err := t.conn.Write(t.seal.Seal(nil, crypto.RecordSuperseded, nil)); err != nil {
		return
	}
	if c, ok := t.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, t.conn) // closing over unread bytes would reset the connection
}
