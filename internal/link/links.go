package link

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/outcome"
)

// remembered is for how long a pair's numbers are kept after its last transport.
// It is longer than Limits.RedialMax, for failures are forgotten too.
// No handshake of before can finish after it.
const remembered = time.Minute

var (
	errNoLocation   = errors.New("link: no location is known for the vat")
	errTooManyPeers = errors.New("link: too many vats were met within a minute")
)

// Links holds the sessions of one vat. Use New. Safe for concurrent use.
//
// Lock order: Links.mu before that of a former one before Link.mu. Receivers are called with neither.
type Links struct {
	config   Config
	limits   Limits
	self     crypto.VatID
	log      *slog.Logger
	outcomes *outcome.Log
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	crew     crew
	gate     *gate

	mu        sync.Mutex
	closed    bool
	peers     map[crypto.VatID]*peer
	listeners []net.Listener
	formers   []*Links              // as whom else it answers
	open      map[net.Conn]struct{} // incoming connections that no link has yet
	number    uint64                // of the last dial
	dials     bucket
	donors    donors

	where where
}

// where is what Locations needs: under a mutex of its own, so that it may be asked
// also from where Handler.Open may not wait.
type where struct {
	mu        sync.Mutex
	listening []string // the listeners' addresses
	locations []string // as they were worked out last
	located   time.Time
}

// peer is what a Links knows of another vat. Guarded by Links.mu.
type peer struct {
	pair     pair
	link     *Link     // nil when the pair is idle
	held     *offer    // waits for the answer to our dial
	hints    []string  // where to dial
	told     []string  // where else to dial, with care: of strangers' choosing
	dial     *dial     // the last that was begun
	failures int       // in a row
	strayed  int       // … of dials to where only strangers said that it is
	left     time.Time // when link became nil
}

// New makes a Links that neither listens nor dials yet.
func New(config Config) (*Links, error) {
	if config.Identity == nil || config.Handler == nil {
		return nil, errors.New("link: Config needs Identity and Handler")
	}
	if err := checkAdvertise(config.Advertise); err != nil {
		return nil, err
	}
	if config.Network == nil {
		config.Network = TCP{}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Epoch == 0 {
		config.Epoch = uint64(time.Now().UnixNano())
	}
	ls := &Links{
		config: config, limits: config.Limits.filled(), self: config.Identity.VatID(), log: config.Logger,
		outcomes: config.Outcomes, peers: map[crypto.VatID]*peer{}, open: map[net.Conn]struct{}{},
	}
	if ls.outcomes == nil {
		ls.outcomes = outcome.New(ls.log)
	}
	ls.gate = newGate(ls.limits)
	ls.ctx, ls.cancel = context.WithCancel(context.Background())
	return ls, nil
}

// Epoch gives the number of this incarnation.
func (ls *Links) Epoch() uint64 { return ls.config.Epoch }

// Listen accepts sessions on an address "host:port"; an empty host, 0.0.0.0 or [::]
// mean every interface, port 0 a free one.
func (ls *Links) Listen(addr string) error {
	ln, err := ls.config.Network.Listen(addr)
	if err != nil {
		return err
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed || !ls.crew.start(func() { ls.accept(ln) }) {
		_ = ln.Close() // the error to report is the other one
		return ErrClosed
	}
	ls.listeners = append(ls.listeners, ln)
	ls.where.mu.Lock()
	defer ls.where.mu.Unlock()
	ls.where.listening = append(ls.where.listening, ln.Addr().String())
	ls.where.located = time.Time{}
	return nil
}

// Listening gives the addresses of the listeners, in the order in which Listen was called.
func (ls *Links) Listening() []string {
	ls.where.mu.Lock()
	defer ls.where.mu.Unlock()
	return slices.Clone(ls.where.listening)
}

// Locations gives where this vat can be reached, at most crypto.MaxHints: what
// Config.Advertise says, or what the listeners give, where listening on every
// interface gives the interfaces' addresses. It is empty for a vat that neither
// listens nor advertises.
//
// The interfaces are asked again when the answer is older than ten seconds.
func (ls *Links) Locations() []string {
	w := &ls.where
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.located) < locationsAge {
		return slices.Clone(w.locations)
	}
	locations, err := advertised(ls.config.Advertise, w.listening, ls.config.Network.InterfaceAddrs)
	if err != nil {
		ls.log.Warn("cannot tell where this vat is reachable", "error", err)
		return nil
	}
	w.locations, w.located = locations, time.Now()
	return slices.Clone(locations)
}

const locationsAge = 10 * time.Second

// Link gives the pair's link, making one that dials in the background if there is
// none; then it asks receiver, which is called with the Links locked as
// Handler.Open is. hints are where the peer may be; they are remembered. Link
// never waits. If there is no way to reach the peer, or the peer is this very
// vat, the link ends soon; only if the Links is closed Closed was called already
// when Link returns.
//
// After a failure or a loss the next dial waits for a random time, up to
// Limits.RedialMin at first and up to Limits.RedialMax in the end.
func (ls *Links) Link(id crypto.VatID, hints []string, receiver func(*Link) Receiver) *Link {
	return ls.link(id, hints, nil, receiver)
}

// LinkTold is Link for hints that donor, another vat, told in a message (zero: it is
// not known which). Where they lead is checked when they are dialled (see guard), a
// donor makes for few dials, and no failure says more than that there was one.
func (ls *Links) LinkTold(id crypto.VatID, hints []string, donor crypto.VatID, receiver func(*Link) Receiver) *Link {
	return ls.link(id, hints, &donor, receiver)
}

// link is Link, and LinkTold if there is a donor.
func (ls *Links) link(id crypto.VatID, hints []string, donor *crypto.VatID, receiver func(*Link) Receiver) *Link {
	var problem error
	ls.mu.Lock()
	p := ls.peers[id]
	told := donor != nil && (p == nil || p.link == nil) && !ls.closed && !ls.isLocked(id) // it may make for a dial of the donor's
	somewhere := p != nil && len(p.hints)+len(p.told) > 0 || len(remember(nil, hints, 1)) > 0
	switch {
	case told && p == nil && !somewhere:
		p = &peer{} // not in the table; the link ends at once
	case told && somewhere && !ls.donors.take(*donor, time.Now()):
		ls.log.Debug("a vat told of too many vats to dial", "donor", donor.Short())
		p = &peer{} // likewise
		problem = &Error{Reason: ErrUnreachable, Cause: errTold}
	default:
		if p = ls.peer(id); p == nil {
			p = &peer{}
			problem = &Error{Reason: ErrUnreachable, Cause: errTooManyPeers}
		}
	}
	if donor == nil {
		p.hints = remember(p.hints, hints, ls.limits.Hints)
	} else {
		p.told = remember(p.told, hints, ls.limits.Hints)
	}
	if p.link != nil {
		defer ls.mu.Unlock()
		if d := p.dial; d != nil && d.current() {
			if donor == nil {
				d.add(hints)
			} else {
				d.addTold(*donor, remember(nil, hints, ls.limits.Hints), time.Now())
			}
		}
		return p.link
	}
	l := ls.newLink(id)
	l.receiver = receiver(l)
	switch {
	case problem != nil:
	case ls.closed:
		problem = ErrClosed
	case ls.isLocked(id):
		problem = ErrSelf
	case len(p.hints)+len(p.told) == 0:
		problem = &Error{Reason: ErrUnreachable, Cause: errNoLocation}
	}
	if problem == nil {
		ls.number++
		d := &dial{
			links: ls, link: l, peer: p, number: ls.number, hints: p.toDial(), delay: ls.backoff(p),
			more: make(chan struct{}, 1), told: len(p.hints) == 0, said: make(map[crypto.VatID]int),
		}
		d.until = time.Now().Add(d.delay + ls.limits.DialTimeout)
		if donor != nil {
			d.said[*donor] = len(remember(nil, hints, ls.limits.Hints))
		}
		if ls.crew.start(d.run) {
			p.link, p.dial = l, d
			p.pair.dial(ls.number)
			ls.mu.Unlock()
			return l
		}
		problem = ErrClosed
	}
	ls.mu.Unlock()
	if l.finish(problem) && !ls.crew.start(l.tell) {
		l.tell()
	}
	return l
}

// Lookup gives the pair's link if there is one.
func (ls *Links) Lookup(id crypto.VatID) *Link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if p := ls.peers[id]; p != nil {
		return p.link
	}
	return nil
}

// Close severs every session and every half-open one, and waits until every
// goroutine has ended: also those within a Receive, which therefore must not
// call it.
func (ls *Links) Close() error {
	links := ls.shut()
	ls.mu.Lock()
	formers := ls.formers
	for conn := range ls.open {
		abort(conn)
	}
	ls.mu.Unlock()
	ls.cancel()
	for _, l := range links {
		l.Close(nil)
	}
	for _, f := range formers {
		_ = f.Close() // their readers are of this crew
	}
	ls.crew.dismiss()
	return nil
}

// Shutdown stops listening, shuts every link down in order, and closes the Links.
// What is not done when ctx ends is severed.
func (ls *Links) Shutdown(ctx context.Context) error {
	var all sync.WaitGroup
	for _, l := range ls.shut() {
		all.Go(func() { _ = l.Shutdown(ctx) }) // its Receiver is told
	}
	all.Wait()
	return ls.Close()
}

// shut lets nothing new begin, and gives the links there are.
func (ls *Links) shut() (links []*Link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
	for _, ln := range ls.listeners {
		_ = ln.Close() // nothing to be done about it
	}
	ls.listeners = nil
	for _, p := range ls.peers {
		if p.link != nil {
			links = append(links, p.link)
		}
	}
	for _, f := range ls.formers {
		links = append(links, f.shut()...)
	}
	return links
}

func (ls *Links) newLink(id crypto.VatID) *Link {
	l := &Link{links: ls, peer: id, done: make(chan struct{}), ready: make(chan struct{})}
	l.drained.L = &l.mu
	l.relay.change.L = &l.relay.mu
	l.ctx, l.cancel = context.WithCancel(ls.ctx)
	return l
}

// peer gives the entry for a vat, or nil if too many are known already. The caller
// holds ls.mu.
func (ls *Links) peer(id crypto.VatID) *peer {
	now := time.Now()
	p := ls.peers[id]
	if p != nil {
		if p.link == nil && now.Sub(p.left) > remembered {
			p.pair, p.failures, p.strayed = pair{smaller: p.pair.smaller}, 0, 0
		}
		return p
	}
	if len(ls.peers) >= ls.limits.RememberedPeers {
		for k, old := range ls.peers {
			if old.link == nil && now.Sub(old.left) > remembered {
				delete(ls.peers, k)
			}
		}
		// Younger ones stay: the order of their sessions depends on it.
		if len(ls.peers) >= 16*ls.limits.RememberedPeers {
			return nil
		}
	}
	p = &peer{pair: pair{smaller: ls.self.Less(id)}, left: now}
	ls.peers[id] = p
	return p
}

// backoff gives how long to wait before the next dial: full jitter, so that those
// who lost a vat together do not come back together. Dials to where only strangers
// said that it is do not have the program wait.
func (ls *Links) backoff(p *peer) time.Duration {
	failures := p.failures
	if len(p.hints) == 0 {
		failures += p.strayed
	}
	if failures == 0 {
		return 0
	}
	limit := ls.limits.RedialMin << min(failures-1, 20)
	return rand.N(min(limit, ls.limits.RedialMax))
}

// end lets go of a link and finishes it. When it gives true the caller must see
// to tell.
func (ls *Links) end(l *Link, err error) bool {
	ls.mu.Lock()
	if p := ls.peers[l.peer]; p != nil && p.link == l {
		ls.leave(p)
	}
	ls.mu.Unlock()
	return l.finish(err)
}

// leave makes a pair idle, and lets an offer that waits take the place. The caller
// holds ls.mu.
func (ls *Links) leave(p *peer) {
	p.link, p.dial, p.left = nil, nil, time.Now()
	p.pair.left()
	ls.unhold(p)
}
