package kill9

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vatnet/vatnet/internal/simdisk"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/vattest"
)

// event is something that is tried, or of which somebody was told that it is so.
type event struct {
	what string
	name string        // an entry, the label of a grant, an alarm
	sr   sturdyref.Ref // of a grant
}

// known is what is known of the vat.
type known struct {
	own     sturdyref.Ref            // zero: nobody was told
	sent    []string                 // entries that may be there, in their order
	sure    string                   // the last of them of which it is known that it is; "": none
	alive   map[string]sturdyref.Ref // grants, by label
	dead    []sturdyref.Ref
	alarms  []string // were set
	perhaps []string // alarms that may have been set
	large   int      // at least
}

// learn returns what is known after events, those that are marked.
func (k known) learn(events []event, marks []string) known {
	k.sent, k.dead, k.alive = slices.Clone(k.sent), slices.Clone(k.dead), maps.Clone(k.alive)
	k.alarms, k.perhaps = slices.Clone(k.alarms), slices.Clone(k.perhaps)
	for _, mark := range marks {
		i, err := strconv.Atoi(mark)
		if err != nil {
			continue // an fsync that was not done
		}
		switch e := events[i]; e.what {
		case "own":
			k.own = e.sr
		case "send":
			k.sent = append(k.sent, e.name)
		case "acknowledged":
			k.sure = e.name
		case "minted":
			k.alive[e.name] = e.sr
		case "ending": // it is not known until it has ended
			delete(k.alive, e.name)
		case "ended":
			k.dead = append(k.dead, e.sr)
		case "setting":
			k.perhaps = append(k.perhaps, e.name)
		case "set":
			k.alarms = append(k.alarms, e.name)
		case "swollen":
			k.large++
		}
	}
	return k
}

// program is a vat with its owner and a client.
type program struct {
	ctx    context.Context
	disk   *simdisk.Recorder
	dir    string
	seed   uint64
	rnd    *rand.Rand
	tally  tally
	count  int // of names
	known  known
	events []event // of the life that runs

	sends   map[string]*vat.Promise[int] // the entries of that life
	refused map[string]bool              // entries that are not there (true), or of which nobody knows, as the store has refused them

	v      *vat.Vat
	client *vat.Vat
	ledger *vat.Ref // as the client has it
	own    *vat.Ref // as its owner has it
}

// note notes an event.
func (p *program) note(what, name string, sr sturdyref.Ref) {
	p.events = append(p.events, event{what, name, sr})
	p.disk.Mark(strconv.Itoa(len(p.events) - 1))
}

func (p *program) name(kind string) string {
	p.count++
	return fmt.Sprint(kind, " ", p.count)
}

// begin starts the vat in dir, with the ledger.
func begin(dir string, net *vattest.Network) (*vat.Vat, sturdyref.Ref, error) {
	return open(dir, &vat.Config{
		Network: net.Host("server"), Listen: []string{"server:0"}, Logger: slog.New(slog.DiscardHandler),
	})
}

// fault has the disk fail in some lives: a write or an fsync, once or from then on, with an error of the disk or for want of
// room. What it returns tells which error it was, and 0 if it has not happened.
func (p *program) fault() (happened func() syscall.Errno) {
	var errno atomic.Uint32
	happened = func() syscall.Errno { return syscall.Errno(errno.Load()) }
	if p.rnd.IntN(3) > 0 {
		return happened
	}
	left, once := p.rnd.IntN(60), p.rnd.IntN(2) == 0
	which := []syscall.Errno{syscall.EIO, syscall.ENOSPC}[p.rnd.IntN(2)]
	call := []string{"write", "fsync"}[p.rnd.IntN(2)]
	p.disk.Refuse(func(s simdisk.Step) syscall.Errno {
		if s.Call != call {
			return 0
		}
		left--
		if left >= 0 || once && left < -1 {
			return 0
		}
		errno.Store(uint32(which))
		return which
	})
	return happened
}

// run is a life of the program. It ends early if the disk fails.
func (p *program) run(dir string) error {
	p.events, p.sends = nil, map[string]*vat.Promise[int]{}
	happened := p.fault()
	err := p.use(dir, happened)
	p.disk.Refuse(nil)
	errno := happened()
	if errno == 0 {
		return err
	}
	p.tally.faults++
	for _, clear := range []error{errno, vat.ErrNotStored, vat.ErrStoreFailed} {
		if err == nil || errors.Is(err, clear) {
			return nil
		}
	}
	return fmt.Errorf("when the disk fails the error is: %w", err)
}

// use starts the vat, and uses it.
func (p *program) use(dir string, failed func() syscall.Errno) (err error) {
	net := vattest.NewNetwork()
	var own sturdyref.Ref
	if p.v, own, err = begin(dir, net); err != nil {
		return err
	}
	p.note("own", "", own)
	if p.client, err = vat.New(&vat.Config{Network: net.Host("client"), Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return errors.Join(err, p.v.Close())
	}
	p.ledger, p.own = p.client.Enliven(own), p.v.Enliven(own)
	if err := p.own.Await(p.ctx); err != nil {
		return errors.Join(err, p.client.Close(), p.v.Close())
	}
	alive := maps.Clone(p.known.alive)
	for range 12 + p.rnd.IntN(12) {
		if err = p.step(alive); err != nil {
			break
		}
	}
	if failed() != 0 {
		err = errors.Join(err, p.settle())
	}
	return errors.Join(err, p.client.Close(), p.v.Close())
}

// settle hears which entries the store has refused, of those, too, for which nobody has waited.
func (p *program) settle() error {
	for name, sent := range p.sends {
		switch _, err := sent.Await(p.ctx); {
		case errors.Is(err, vat.ErrNotStored), errors.Is(err, vat.ErrStoreFailed):
			p.refused[name] = errors.Is(err, vat.ErrNotStored)
			p.tally.refused++
		case err != nil:
			return err
		}
	}
	return nil
}

// step does something, and notes what is told of it.
func (p *program) step(alive map[string]sturdyref.Ref) error {
	which := ""
	if len(alive) > 0 {
		labels := slices.Sorted(maps.Keys(alive))
		which = labels[p.rnd.IntN(len(labels))]
	}
	switch do := p.rnd.IntN(8); {
	case do == 0:
		return p.mint(alive, false)
	case do == 1:
		return p.mint(alive, true)
	case do == 2 && which != "":
		return p.end(alive, which)
	case do == 3 && which != "":
		return p.rotate(alive, which)
	case do == 4:
		name := p.name("alarm")
		p.note("setting", name, sturdyref.Ref{})
		_, err := p.v.After(time.Duration(p.rnd.IntN(3))*time.Millisecond, p.own, "ring", name)
		if err == nil {
			p.note("set", name, sturdyref.Ref{})
			p.tally.alarms++
		}
		return err
	case do == 5 && p.seed%4 == 0:
		_, err := vat.Call[int](p.ctx, p.ledger, "swell", 100_000+p.rnd.IntN(500_000))
		if err == nil {
			p.note("swollen", "", sturdyref.Ref{})
		}
		return err
	}
	return p.append()
}

// append sends entries without waiting for them, and waits for some.
func (p *program) append() error {
	var got []*vat.Promise[int]
	var names []string
	for range 1 + p.rnd.IntN(12) {
		name := p.name("entry")
		p.note("send", name, sturdyref.Ref{})
		p.sends[name] = vat.Send[int](p.ledger, "append", name)
		names, got = append(names, name), append(got, p.sends[name])
	}
	for i := range p.rnd.IntN(len(got) + 1) {
		if _, err := got[i].Await(p.ctx); err != nil {
			return err
		}
		p.note("acknowledged", names[i], sturdyref.Ref{})
		p.tally.entries++
	}
	return nil
}

// mint mints a grant, and uses it up if it is for one use.
func (p *program) mint(alive map[string]sturdyref.Ref, once bool) error {
	label := p.name("grant")
	g, err := p.v.Mint("ledger", &vat.ExportConfig{Label: label, Once: once})
	if err != nil {
		return err
	}
	p.note("minted", label, g.Sturdyref())
	p.tally.minted++
	alive[label] = g.Sturdyref()
	if !once {
		return nil
	}
	p.note("ending", label, g.Sturdyref())
	delete(alive, label)
	if err := p.client.Enliven(g.Sturdyref()).Await(p.ctx); err != nil {
		return err
	}
	p.note("ended", label, g.Sturdyref())
	p.tally.ended++
	return nil
}

// end revokes a grant.
func (p *program) end(alive map[string]sturdyref.Ref, label string) error {
	sr := alive[label]
	delete(alive, label)
	p.note("ending", label, sr)
	if err := p.v.Revoke(sr); err != nil {
		return err
	}
	p.note("ended", label, sr)
	p.tally.ended++
	return nil
}

// rotate gives a grant a new secret.
func (p *program) rotate(alive map[string]sturdyref.Ref, label string) error {
	sr := alive[label]
	g, err := p.v.GrantOf(sr)
	if err != nil {
		return err
	}
	p.note("ending", label, sr)
	if g, err = g.Rotate(0); err != nil {
		return err
	}
	p.note("ended", label, sr)
	p.note("minted", label, g.Sturdyref())
	p.tally.ended++
	alive[label] = g.Sturdyref()
	return nil
}

// look starts the vat on what a crash has left, and compares it with what is known. What it finds is known then.
func (p *program) look(dir string) error {
	v, own, err := begin(dir, vattest.NewNetwork())
	if err != nil {
		return err
	}
	if err := errors.Join(p.compare(v, own), v.Close()); err != nil {
		return err
	}
	s, err := boltstore.Open(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	return errors.Join(s.Check(p.ctx), s.Close())
}

func (p *program) compare(v *vat.Vat, own sturdyref.Ref) error {
	k := &p.known
	if k.own.IsZero() {
		k.own = own
	} else if own.URI() != k.own.URI() {
		return errors.New("the owner's sturdyref is another one")
	}
	for label, sr := range k.alive {
		if g, err := v.GrantOf(sr); err != nil || g.Label() != label {
			return fmt.Errorf("%s, which was minted, is lost", label)
		}
	}
	for _, sr := range k.dead {
		if _, err := v.GrantOf(sr); !errors.Is(err, vat.ErrNoSuchObject) {
			return errors.New("a grant lives that was reported to have ended")
		}
	}
	ledger := v.Enliven(own)
	lines, err := vat.Call[[]string](p.ctx, ledger, "from", 0)
	if err != nil {
		return err
	}
	if err := p.follows(lines); err != nil {
		return err
	}
	k.sent, k.sure = lines, ""
	if n := len(lines); n > 0 {
		k.sure = lines[n-1]
	}
	purses, err := vat.Call[[]int](p.ctx, ledger, "purses")
	if err != nil || !slices.Equal(purses, []int{-len(lines), len(lines)}) {
		return fmt.Errorf("half a turn was kept: %d for %d entries (%w)", purses, len(lines), err)
	}
	large, err := vat.Call[int](p.ctx, ledger, "swollen")
	if err != nil || large < k.large {
		return fmt.Errorf("%d of %d large entries are there (%w)", large, k.large, err)
	}
	k.large = large
	return p.rung(ledger)
}

// follows looks that lines are what was sent, up to some entry that is not before the last that was acknowledged: in that order, and
// without gaps but for what the store has refused.
func (p *program) follows(lines []string) error {
	k, left := &p.known, lines
	for _, name := range k.sent {
		certain, refused := p.refused[name]
		switch there := len(left) > 0 && left[0] == name; {
		case there && certain:
			return fmt.Errorf("%s is there, which the store has refused", name)
		case there:
			left = left[1:]
		case len(left) > 0 && !refused:
			return fmt.Errorf("entry %d is %s in the place of %s", len(lines)-len(left), left[0], name)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%s is there, which was not sent, or not then", left[0])
	}
	if k.sure != "" && !slices.Contains(lines, k.sure) {
		return fmt.Errorf("%s is not among the %d entries that are there, and was acknowledged", k.sure, len(lines))
	}
	return nil
}

// ringTime is how long after its time an alarm may ring before it counts as lost, as on a disk that lies it may be.
const ringTime = 10 * time.Second

// rung waits until all alarms have rung that were set, and looks that no other has, and none twice.
func (p *program) rung(ledger *vat.Ref) error {
	ctx, cancel := context.WithTimeoutCause(p.ctx, ringTime, errors.New("an alarm that was set is lost"))
	defer cancel()
	for {
		names, err := vat.Call[[]string](ctx, ledger, "alarms")
		if err != nil {
			return err
		}
		slices.Sort(names)
		if len(slices.Compact(slices.Clone(names))) < len(names) {
			return fmt.Errorf("an alarm has rung twice: %q", names)
		}
		missing := slices.ContainsFunc(p.known.alarms, func(name string) bool { return !slices.Contains(names, name) })
		if !missing {
			for _, name := range names {
				if !slices.Contains(p.known.perhaps, name) {
					return fmt.Errorf("%s has rung, which nobody has set", name)
				}
			}
			return nil
		}
	}
}
