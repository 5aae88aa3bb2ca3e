package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/vatnet/vatnet/crypto"
)

// dial finds a transport for one link: several attempts, begun one after the
// other, of which the first to finish message 2 wins.
type dial struct {
	links  *Links
	link   *Link
	peer   *peer
	number uint64 // the session number: of all attempts, for only one sends message 3
	delay  time.Duration
	until  time.Time     // strangers may say until then where else to dial
	more   chan struct{} // has room for one: somebody has said where else

	mu    sync.Mutex
	told  bool // it is strangers' choice alone where it leads
	hints []hint
	said  map[crypto.VatID]int  // how many of them by which stranger
	begun int                   // of the hints
	won   bool                  // by one attempt
	over  bool                  // the race has ended
	conns map[net.Conn]struct{} // under handshake, or the winner's
}

type attempt struct {
	transport *transport
	err       error
}

// run is the goroutine of a dial, and then the link's reader.
func (d *dial) run() {
	t, err := d.race()
	for err != nil {
		if d.failed(err) {
			return
		}
		t, err = d.race()
	}
	ls, l := d.links, d.link
	ls.mu.Lock()
	if !d.current() {
		ls.mu.Unlock()
		abort(t.conn)
		return
	}
	seen, ok := d.peer.pair.claim(t.secured.Hello.Epoch)
	if !ok {
		ls.mu.Unlock()
		abort(t.conn)
		d.failed(&Error{Reason: ErrUnreachable, Cause: errStale})
		return
	}
	ls.attach(l, t)
	t.due = time.Now().Add(ls.limits.HandshakeTimeout)
	_ = t.conn.SetReadDeadline(t.due) // if it fails Read will, too
	ls.mu.Unlock()
	ls.run(l, t, claims{used: d.number, seen: seen})
}

var errStale = errors.New("link: an earlier incarnation of the vat answers")

// current tells that the link still waits for this dial. The caller holds Links.mu.
func (d *dial) current() bool {
	return d.peer.link == d.link && d.peer.pair.phase == dialling && d.peer.pair.own == d.number
}

// failed ends the link, unless it found a transport of the peer's meanwhile. It gives false if there is yet another
// place to dial.
func (d *dial) failed(err error) bool {
	ls := d.links
	ls.mu.Lock()
	current := d.current()
	if current && d.link.ctx.Err() == nil && d.left() {
		ls.mu.Unlock()
		return false
	}
	if current {
		if d.stray() {
			d.peer.strayed++
		} else {
			d.peer.failures++
		}
		ls.leave(d.peer)
	}
	ls.mu.Unlock()
	if current && d.link.finish(err) {
		d.link.tell()
	}
	return true
}

// add has the dial go to these places too, which the program knows, and to them next. The caller holds Links.mu.
func (d *dial) add(hints []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range hints {
		at := hint{location: h}
		if checkLocation(h) != nil || slices.Contains(d.hints, at) {
			continue
		}
		d.hints = slices.Insert(d.hints, d.begun, at)
		d.told = false
		d.signal()
	}
}

// maxTold is how many locations strangers may have one dial try; of one's there are no more than Limits.Hints.
const maxTold = 64

// addTold has a dial that is strangers' choice alone go to these places too, which donor says, if it may have it do so.
// That is not for ever: others may wait for what comes of it. The caller holds Links.mu.
func (d *dial) addTold(donor crypto.VatID, hints []string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var more []hint
	for _, h := range hints {
		at := hint{h, true}
		if d.said[donor]+len(more) < d.links.limits.Hints && !slices.Contains(d.hints, at) {
			more = append(more, at)
		}
	}
	if !d.told || now.After(d.until) || len(more) == 0 || len(d.hints)+len(more) > maxTold || !d.links.donors.take(donor, now) {
		return
	}
	d.hints = append(d.hints, more...)
	d.said[donor] += len(more)
	d.signal()
}

// signal has race, or the pause before it, look at the hints again.
func (d *dial) signal() {
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// next gives the next place to dial, if there is one left.
func (d *dial) next() (at hint, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun == len(d.hints) {
		return at, false
	}
	at = d.hints[d.begun]
	d.begun++
	return at, true
}

// left tells whether there is a place left to dial.
func (d *dial) left() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun < len(d.hints)
}

// stray tells whether it is strangers' choice alone where the dial leads.
func (d *dial) stray() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told
}

// race runs the attempts, from the first that was not begun yet.
func (d *dial) race() (*transport, error) {
	if err := d.pause(); err != nil {
		return nil, err
	}
	d.begins()
	ctx, cancel := context.WithCancel(d.link.ctx)
	defer cancel()
	defer d.giveUp()
	results := make(chan attempt)
	next := time.NewTimer(0)
	defer next.Stop()
	var errs []error
	for running := 0; running > 0 || d.left(); {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-next.C:
		case <-d.more:
		case r := <-results:
			if r.err == nil {
				d.end(r.transport.conn) // giveUp is not to close it
				return r.transport, nil
			}
			running--
			errs = append(errs, r.err)
		}
		at, ok := d.next()
		if !ok {
			continue
		}
		running++
		if !d.links.crew.start(func() {
			select {
			case results <- d.attempt(ctx, at):
			case <-ctx.Done(): // giveUp closes what it has
			}
		}) {
			return nil, ErrClosed
		}
		next.Reset(d.links.limits.DialStagger)
	}
	return nil, &Error{Reason: ErrUnreachable, Cause: errors.Join(errs...)}
}

// begins says that the race runs: it may be another one, for what was said as the last one ended.
func (d *dial) begins() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = false
}

// pause waits until it is time to dial. What strangers' dials came to has no place wait that the program knows.
func (d *dial) pause() error {
	if !d.stray() {
		return pause(d.link.ctx, d.delay)
	}
	t := time.NewTimer(d.delay)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return d.link.ctx.Err()
		case <-d.more:
			if !d.stray() {
				d.signal()
				return nil
			}
		case <-d.link.ctx.Done():
			return d.link.ctx.Err()
		}
	}
}

// attempt dials one location, up to message 2.
func (d *dial) attempt(ctx context.Context, at hint) attempt {
	ls := d.links
	fail := func(err error) attempt {
		ls.log.Debug("dial failed", "peer", d.link.peer.Short(), "location", at.location, "error", err)
		if at.told {
			err = errTold
		} else {
			err = fmt.Errorf("%s: %w", at.location, err)
		}
		return attempt{err: err}
	}
	if err := pause(ctx, ls.dialTurn(at.location)); err != nil {
		return fail(err)
	}
	limited, cancel := context.WithTimeout(ctx, ls.limits.DialTimeout)
	conn, err := ls.dial(limited, at)
	cancel()
	if err != nil {
		return fail(err)
	}
	if !d.begin(conn) {
		return fail(context.Canceled)
	}
	last := &lastMessage{Conn: conn}
	secured, err := crypto.Dial(last, &crypto.DialConfig{
		Identity: ls.config.Identity, Peer: d.link.peer, Timeout: ls.limits.HandshakeTimeout,
		Hello: ls.hello(d.number),
	})
	if err != nil {
		d.end(conn)
		return fail(err)
	}
	if !d.win() {
		return fail(context.Canceled)
	}
	t := ls.newTransport(conn, secured)
	t.dialled = true
	t.raw(last.message) // leaves with the first records
	return attempt{transport: t}
}

// begin notes a connection, or closes it if the race is over.
func (d *dial) begin(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		abort(conn)
		return false
	}
	if d.conns == nil {
		d.conns = map[net.Conn]struct{}{}
	}
	d.conns[conn] = struct{}{}
	return true
}

// end forgets a connection: its handshake has closed it, or it has a new owner.
func (d *dial) end(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
}

// win gives true to the first attempt that comes.
func (d *dial) win() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || d.won {
		return false // giveUp closes it
	}
	d.won = true
	return true
}

// giveUp closes what still runs.
func (d *dial) giveUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	for conn := range d.conns {
		abort(conn)
	}
}

// lastMessage holds message 3 back, which crypto.Dial writes with its second
// Write: until then nothing is decided, and then it leaves with the first records.
type lastMessage struct {
	net.Conn
	writes  int
	message []byte
}

func (c *lastMessage) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 1 {
		return c.Conn.Write(b)
	}
	c.message = append(c.message, b...)
	return len(b), nil
}

// dialTurn gives how long to wait until the vat may dial again.
func (ls *Links) dialTurn(location string) time.Duration {
	if isLoopback(location) && !ls.limits.RateLoopback {
		return 0
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	rate := ls.limits.DialsPerSec
	return ls.dials.reserve(time.Now(), rate, rate)
}

func (ls *Links) hello(number uint64) crypto.Hello {
	return crypto.Hello{
		Epoch: ls.config.Epoch, Session: number, Credit: ls.config.Credit, Hints: ls.Locations(),
		Features: ls.config.Features,
	}
}

func (ls *Links) newTransport(conn net.Conn, secured *crypto.Secured) *transport {
	secured.Seal.NoPadding = ls.config.NoPadding
	return &transport{
		sender:  sender{conn: conn, try: tryWriterOf(conn), seal: secured.Seal},
		in:      newReader(conn, secured.Open),
		secured: secured,
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
