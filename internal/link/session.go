package link

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/giveway"
)

// run brings an attached transport up and reads it to its end. It is called by the
// goroutine that ran the handshake.
func (ls *Links) run(l *Link, t *transport, c claims) {
	defer l.cancel()
	if !l.up(t) || !l.start(t, c) {
		_ = t.conn.Close() // the link has ended, or another transport
		return
	}
	if t.dialled && !ls.await(l, t) {
		return
	}
	t.ping = func() { l.control(t, crypto.RecordPing) }
	t.pong = func() { l.control(t, crypto.RecordPong) }
	if err := t.in.await(time.Now().Add(ls.limits.PingAfter)); err != nil {
		ls.down(l, t, err)
		return
	}
	ls.read(l, t)
}

// up calls Up, once for a link, and returns when that was done. It gives false if
// the link has ended.
func (l *Link) up(t *transport) bool {
	l.mu.Lock()
	first := !l.upped && l.state != ended && l.tr == t
	l.upped = l.upped || first
	l.mu.Unlock()
	if !first {
		select {
		case <-l.ready:
			return true
		case <-l.done:
			return false
		}
	}
	defer close(l.ready)
	relief, ok := l.turns.enter(false)
	if !ok {
		return false
	}
	l.receiver.Up(t.secured.Hello)
	if _, closed := l.turns.leave(relief); closed {
		l.tell()
		return false
	}
	return true
}

// start sends what begins a transport: message 3 if we dialled, our accept, and
// all that was written so far.
func (l *Link) start(t *transport, c claims) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tr != t || l.state == ended {
		return false
	}
	t.record(crypto.RecordAccept, c.append(nil))
	t.data(l.kept)
	if len(l.kept) > 0 {
		l.exposed = true
		l.asked.Store(true)
	}
	if t.dialled {
		l.state = sent
		l.flush()
	} else {
		l.established()
	}
	return true
}

// established begins the state live. The caller holds l.mu.
func (l *Link) established() {
	l.state, l.kept = live, nil
	if l.closing {
		l.tr.record(crypto.RecordEnd, nil)
	}
	l.flush()
	l.tellBelow()
}

// await reads the answer to our dial. It gives false if the transport is done with.
func (ls *Links) await(l *Link, t *transport) bool {
	kind, body, err := t.in.control()
	c, ok := parseClaims(body)
	switch {
	case err != nil:
	case kind == crypto.RecordSuperseded:
		err = ErrSuperseded
	case kind != crypto.RecordAccept || !ok:
		err = crypto.ErrRecordForm
	}
	if err != nil {
		ls.down(l, t, err)
		return false
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	p := ls.peers[l.peer]
	if p == nil || p.link != l || l.tr != t {
		_ = t.conn.Close() // another transport took over, or the link has ended
		return false
	}
	p.pair.answer(c)
	p.failures, p.strayed = 0, 0
	l.mu.Lock()
	l.established()
	l.mu.Unlock()
	ls.unhold(p)
	return true
}

// read is the loop of a link's reader.
func (ls *Links) read(l *Link, t *transport) {
	for {
		if l.deaf.Load() {
			ls.ignore(l, t)
			return
		}
		if t.in.crowd && t.try != nil {
			giveway.Yield() // there is more, but not only here
		}
		data, err := t.in.next(&ls.limits, t.ping, t.pong, nil)
		if err != nil {
			if errors.Is(err, errEnded) {
				err = l.endToo(t)
			}
			ls.down(l, t, err)
			return
		}
		if !ls.hand(l, t, data) {
			return
		}
	}
}

// maxIgnored is how many bytes of a link that is dismissed are read before it is cut off.
const maxIgnored = 1 << 20

// ignore reads what the peer of a dismissed link still sends, without opening it, until the peer
// has closed: closing first could cost it what was said last.
func (ls *Links) ignore(l *Link, t *transport) {
	for n := 0; n < maxIgnored; {
		k, err := t.conn.Read(t.in.buf)
		n += k
		if err != nil {
			break // also when Dismiss has given up
		}
		if t.try != nil {
			giveway.Yield()
		}
	}
	ls.down(l, t, ErrClosed)
}

// hand gives what was read to the Receiver, and reports whether to read on.
func (ls *Links) hand(l *Link, t *transport, data []byte) (more bool) {
	relief, ok := l.enter(true)
	if !ok {
		t.in.close()
		return false
	}
	returned := false
	defer func() {
		if !returned {
			if r := recover(); r != nil {
				panic(r)
			}
		}
		relieved, closed := l.turns.leave(relief)
		switch {
		case relieved: // who reads on has taken over
		case !returned && !closed: // this goroutine is ending
			ls.crew.start(func() { ls.read(l, t) }) // or the link is about to end
		case l.relay.rest() || closed:
			t.in.close()
			l.tell()
		default:
			more = true
		}
	}()
	l.receiver.Receive(data)
	returned = true
	return false
}

// enter is called before Receive. The caller must leave the turnstile after it,
// unless enter gives false because the link has ended.
func (l *Link) enter(relievable bool) (relief uint64, ok bool) {
	if l.asked.Load() {
		l.asked.Store(false)
		l.roundTrips.Add(1)
	}
	return l.turns.enter(relievable)
}

// control sends a ping or a pong, unless the peer is to get bytes anyway: a peer
// that takes nothing cannot make us hold pongs.
func (l *Link) control(t *transport, kind crypto.RecordType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tr == t && l.state == live && t.held == 0 {
		l.seal(kind)
	}
}

// endToo answers the peer's End with ours, behind all that was written, and waits
// until the socket has taken it.
func (l *Link) endToo(t *transport) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tr == t && l.state == live {
		l.closing = true
		l.seal(crypto.RecordEnd)
	}
	for l.state != ended && t.dead == nil && t.held > 0 {
		l.drained.Wait()
	}
	if errors.Is(t.dead, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	return ErrClosed
}

// down is what a transport's reader does at its end: the link ends with it, unless
// it was not accepted yet and the peer's own dial waits, or the link has left it.
func (ls *Links) down(l *Link, t *transport, err error) {
	defer t.in.close()
	err = l.cause(t, err)
	ls.mu.Lock()
	p := ls.peers[l.peer]
	if p == nil || p.link != l || l.tr != t {
		ls.mu.Unlock()
		_ = t.conn.Close() // nobody wants it
		return
	}
	tell := func() { ls.log.Debug("transport ended", "peer", l.peer.Short(), "error", err) }
	if p.pair.phase == claimed {
		if err == error(ErrSuperseded) {
			l.unexposed()
		}
		if ls.release(p) {
			ls.mu.Unlock()
			tell()
			return
		}
	}
	if err != error(ErrClosed) {
		p.failures++
	}
	ls.leave(p)
	ls.mu.Unlock()
	tell()
	if l.finish(err) {
		l.tell()
	}
}

// release gives the offer on hold to the link whose own dial came to nothing. The
// caller holds ls.mu.
func (ls *Links) release(p *peer) bool {
	o := p.held
	if o == nil || ls.closed {
		return false // leave decides about it
	}
	p.held = nil
	d := ls.decide(p, o, p.pair.release(o.offered))
	o.decided <- d
	return d.verdict == adopt
}

// unexposed notes that the peer has refused the transport: nothing was delivered.
func (l *Link) unexposed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.exposed = false
}

// cause gives why a transport ended, of which err is what the reader saw: when the
// writer closed it, what the writer saw.
func (l *Link) cause(t *transport, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(t.dead, os.ErrDeadlineExceeded):
		return ErrTimeout
	case t.dead != nil && errors.Is(err, net.ErrClosed):
		return t.dead
	default:
		return err
	}
}
