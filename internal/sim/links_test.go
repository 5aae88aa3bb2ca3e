package sim

import (
	"context"
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	linkSeeds = flag.Int("linkworlds", 0, "how many worlds TestLinkWorlds runs; 0: 200, or 60 under the race detector")
	linkSeed  = flag.Uint64("linkworld", 0, "run the link world of this seed alone")
)

// Vats dial, cross dials, lose connections at any byte, stall, close and restart, earlier incarnations live on elsewhere,
// all as a seed says. Whatever happens there is one session for each pair of vats; nothing is delivered twice, nor to two
// incarnations, nor out of order, nor from a transport or an incarnation that was superseded; who was told that nothing
// was delivered was told the truth; and in the end all agree.
func TestLinkWorlds(t *testing.T) {
	n, from := *linkSeeds, uint64(1)
	if n == 0 {
		n = 200
		if race {
			n = 60
		}
	}
	if *linkSeed != 0 {
		n, from = 1, *linkSeed
	}
	seen := map[string]int{}
	for seed := from; seed < from+uint64(n); seed++ {
		synctest.Test(t, func(t *testing.T) {
			w := newLinkWorld(t, seed)
			w.run()
			for k, v := range w.seen {
				seen[k] += v
			}
			if w.bad != "" {
				t.Errorf("seed %d, links: %s\nreplay it with: go test ./internal/sim -run LinkWorlds -linkworld %d\n%s",
					seed, w.bad, seed, w.trace.String())
			} else if *linkSeed != 0 {
				t.Log("\n" + w.trace.String())
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d worlds: %v", n, seen)
	if n >= 60 {
		for _, kind := range []string{
			"dial", "cross", "write", "reset after", "cut", "stall", "blackhole", "close", "shut down", "restart", "ghost", "stray",
		} {
			require.NotZero(t, seen[kind], "no world had a %s", kind)
		}
	}
}

func (w *linkWorld) run() {
	for range 30 + w.rng.IntN(50) {
		w.act()
		if w.bad != "" {
			break
		}
		switch w.rng.IntN(20) {
		case 0:
			w.pass(time.Duration(w.rng.IntN(70)) * time.Second)
		case 1, 2, 3:
			w.pass(time.Duration(w.rng.IntN(4000)) * time.Millisecond)
		default:
			w.pass(time.Duration(w.rng.IntN(60)) * time.Millisecond)
		}
	}
	w.agree()
	for _, in := range w.living() {
		w.end(in)
	}
	synctest.Wait()
	w.check()
	w.finish()
	w.mu.Lock()
	defer w.mu.Unlock()
	if left := w.net.Conns(); left > 0 {
		w.fail("%d connections are left", left)
	}
}

func anyOf[T any](w *linkWorld, s []T) T { return s[w.rng.IntN(len(s))] }

// act does one thing, drawn by lot.
func (w *linkWorld) act() {
	in, v := anyOf(w, w.living()), anyOf(w, w.vats)
	a, b := anyOf(w, w.hosts), anyOf(w, w.hosts)
	switch n := w.rng.IntN(24); {
	case n < 5:
		if in.vat != v {
			w.dial(in, v, v.now.host)
		}
	case n < 8: // both at once, or nearly
		if o := v.now; in.vat != v {
			w.did("cross", "%s and %s", in, o)
			w.dial(in, v, o.host)
			w.pass(time.Duration(w.rng.IntN(30)) * time.Millisecond)
			w.dial(o, in.vat, in.host)
		}
	case n < 12:
		w.write(in, 1+w.rng.IntN(2000))
	case n < 14:
		bytes := w.rng.IntN(5000)
		w.did("reset after", "%s → %s: %d", a, b, bytes)
		w.net.ResetAfter(a, b, bytes)
	case n < 15:
		w.did("cut", "%s %s", a, b)
		w.net.Cut(a, b)
	case n < 17:
		stalled := w.rng.IntN(2) == 0
		w.did("stall", "%s → %s: %v", a, b, stalled)
		w.net.Stall(a, b, stalled)
	case n < 18:
		w.did("blackhole", "%s %s", a, b)
		w.net.Blackhole(a, b)
	case n < 20:
		if l := in.links.Lookup(v.id.VatID()); l != nil && n == 18 {
			w.did("close", "%s to %s", in, v.name)
			l.Close(nil)
		} else if l != nil {
			w.did("shut down", "%s to %s", in, v.name)
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(w.rng.IntN(5000))*time.Millisecond)
			defer cancel()
			_ = l.Shutdown(ctx) // how it ended is told to its Receiver
		}
	case n < 21:
		w.did("restart", "%s", v.now)
		w.end(v.now)
		w.pass(time.Duration(w.rng.IntN(50)) * time.Millisecond)
		w.begin(v, v.now.host)
	case n < 22: // the earlier incarnation stays, and the later one is elsewhere
		if len(v.all) < 6 {
			w.did("ghost", "%s", v.now)
			w.begin(v, v.now.host+"'")
		}
	case n < 23: // somebody dials an earlier incarnation
		if o := anyOf(w, v.all); in.vat != v && o != v.now {
			w.did("stray", "%s to %s", in, o)
			w.dial(in, v, o.host)
		}
	default:
		if old := anyOf(w, v.all); old != v.now && !old.gone {
			w.end(old)
		}
	}
}

// dial writes to the session of in with v.
func (w *linkWorld) dial(in *incarnation, v *linkVat, host string) {
	if in.gone {
		return
	}
	s := in.to(v, host)
	w.did("dial", "%s to %s at %s: %s", in, v.name, host, s.name)
	s.write(1 + w.rng.IntN(20))
}

// write writes to every session of in.
func (w *linkWorld) write(in *incarnation, n int) {
	for _, s := range w.open(in) {
		w.did("write", "%s: %d tokens to %s", in, n, s.name)
		s.write(n)
	}
}

// open returns the sessions of in that have not ended.
func (w *linkWorld) open(in *incarnation) (list []*linkSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sessions {
		if s.in == in && len(s.closed) == 0 {
			list = append(list, s)
		}
	}
	return list
}

// end ends an incarnation.
func (w *linkWorld) end(in *incarnation) {
	w.did("end", "%s", in)
	in.gone = true
	require.NoError(w.t, in.links.Close())
}

// agree ends all faults and earlier incarnations, and has all dial each other at once: whatever was, each pair comes to
// have one session, on which each hears the other.
func (w *linkWorld) agree() {
	w.did("agree", "")
	for _, a := range w.hosts {
		for _, b := range w.hosts {
			w.net.Stall(a, b, false)
			w.net.ResetAfter(a, b, -1)
			if w.rng.IntN(2) == 0 {
				w.net.Cut(a, b)
			}
		}
	}
	for _, v := range w.vats {
		for _, in := range v.all {
			if in != v.now && !in.gone {
				w.end(in)
			}
		}
	}
	// A connection may still be meant to break; those that are dialled now are not.
	for range 5 {
		w.pass(2 * memory)
		for _, a := range w.vats {
			for _, b := range w.vats {
				if a != b {
					w.dial(a.now, b, b.now.host)
				}
			}
		}
		w.pass(time.Minute)
		if w.net.Conns() == len(w.vats)*(len(w.vats)-1)/2 && w.bad == "" {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.vats {
		for _, b := range w.vats {
			if a == b {
				continue
			}
			here, there := w.between(a.now, b), w.between(b.now, a)
			switch {
			case here == nil || there == nil:
				w.fail("%s and %s have no session in the end", a.name, b.name)
			case !strings.HasSuffix(there.got.String(), here.tokens(here.next-1, here.next)):
				w.fail("%s does not hear %s in the end", b.name, a.name)
			case there.epoch != a.now.epoch:
				w.fail("%s has a session with epoch %d of %s in the end, not %d", b.name, there.epoch, a.name, a.now.epoch)
			}
		}
	}
}

// between returns the session of in with v that has not ended. The caller holds w.mu.
func (w *linkWorld) between(in *incarnation, v *linkVat) *linkSession {
	for _, s := range w.sessions {
		if s.in == in && s.link.Peer() == v.id.VatID() && len(s.closed) == 0 {
			return s
		}
	}
	return nil
}
