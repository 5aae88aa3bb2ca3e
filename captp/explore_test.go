package captp

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The explorer runs small worlds in every order in which their messages can arrive,
// and looks whether sends keep theirs, arrive once, and leave nothing behind.
//
//	go test -count=1 -run 'TestExplore$' -v ./captp
//	go test -run 'TestExplore/shapes/home_by_return$' -v ./captp -schedule 'alice acts,alice→bob'

var (
	scheduleFlag = flag.String("schedule", "", "run the shape in this schedule only and print what happens")
	strictFlag   = flag.Bool("strict", false, "calls that wait for credit for ever are a fault if no object owes an answer")
	plainFlag    = flag.Bool("unmerged", false, "explore without taking vats in the same state for one")
)

// shape is a small world.
type shape struct {
	name  string
	vats  []string
	links []string // "a b": a session between a and b
	// credit is what one grants the other, by "a>b": what a may send to b. Not named:
	// more than is used.
	credit map[string]credit
	// objects gives the objects of a vat their behaviour, before anything runs.
	objects map[string]func(v *xVat)
	// steps are what each vat does by itself, in order, interleaved with everything.
	steps map[string][]xStep
	// program is what the shape was made from, if it was made from a program.
	program string
	// react is what objects do on other messages.
	react func(v *xVat, m *xMsg)
	// calm says why, without embargoes, it is kept all the same.
	calm string
	// needs lists messages that wait at the gate until their argument is no promise.
	needs []string
	// tail says that sessions allow tail calls.
	tail bool
	// lazy says that a vat does not write at once: that is something that happens, too.
	lazy bool
	// handoff says that vats hand references over, and late that they meet only in a step "meet".
	handoff, late bool
	// bare says that without embargoes is without those of promises, too, though references are handed over.
	bare bool
	// leaves says that a vat leaves: what it was to pass on may be lost.
	leaves bool
	// before lists pairs of messages: the first must arrive before the second.
	before [][2]string
	// all lists messages that must arrive, each once.
	all []string
	// breaks lists messages that must not arrive and of which the sender is told so.
	breaks []string
	// may lists messages that may arrive or not: canceled ones.
	may []string
	// fails says that without embargoes the order is lost.
	fails bool
	// cancels says that calls are canceled: so that steps may be left undone.
	cancels bool
	// mayStick says that the credit is so little that all can wait for each other.
	mayStick bool
}

// credit is what a vat may send to another: open calls and their bytes.
type credit struct {
	calls uint32
	bytes uint64
}

var ample = &credit{4096, 16 << 20}

// creditOn returns what to grants its peer on a link.
func (s *shape) creditOn(link, to string) *credit {
	for k, c := range s.credit {
		if k == link2(link, to) {
			return &c
		}
	}
	return ample
}

// link2 names the direction of a link that leads to a vat.
func link2(link, to string) string {
	i := len(link) - len(to)
	if i > 0 && link[i:] == to && link[i-1] == ' ' {
		return link[:i-1] + ">" + to
	}
	return link[len(to)+1:] + ">" + to
}

// report prints a violation, by a shortest schedule that shows it.
func (s *shape) report(t *testing.T, x *search) {
	bad, es := x.bad, x.schedule(x.badAt)
	short := s.search(x.noEmbargo, x.merge, 0)
	if short.shortest(300000) {
		bad, es = short.bad, short.schedule(short.badAt)
	}
	s.replay(es, x.noEmbargo, t.Logf)
	if s.program != "" {
		t.Logf("-program '%s'", s.program)
	}
	t.Errorf("%s\nafter -schedule '%s'", bad, s.printAll(es))
}

// explore runs the shape in every order and says what it saw.
func (s *shape) explore(t *testing.T, limit int) *search {
	x := s.search(false, !*plainFlag, limit)
	x.run()
	t.Logf("whole: %v, %d states, %s, %d ends, %d of them out of credit (%d though all is answered); %d states of vats, %d messages, %d rounds",
		!x.stopped, len(x.nodes), x.schedules(), x.rests, x.stuck, x.locked, len(x.locals), len(x.msgs), x.rounds)
	if x.bad != "" {
		s.report(t, x)
	}
	return x
}

// schedules says how many schedules the states stand for.
func (x *search) schedules() string {
	if x.paths[0] < 0 {
		return "not all schedules"
	}
	return fmt.Sprintf("%.0f schedules", x.paths[0])
}

// without runs the shape without embargoes.
func (s *shape) without(t *testing.T) {
	limit := 30000
	if s.fails {
		limit = 100000
	}
	x := s.search(true, true, limit)
	x.run()
	if s.fails {
		require.NotEmpty(t, x.bad, "without embargoes nothing goes wrong: the shape shows nothing")
		t.Logf("without embargoes: %s", x.bad)
		return
	}
	require.NotEmpty(t, s.calm, "the shape does not say why embargoes do not matter")
	require.NotContains(t, x.bad, "arrived before", "without embargoes, although %s", s.calm)
}

// exploreLimit is after how many states an exploration stops: under the race
// detector all of them would take too long, and there is nothing to race here.
func exploreLimit() int {
	if raceDetector || testing.Short() {
		return 100
	}
	return 0
}

// TestExploreMerged checks, on shapes small enough, that the same goes wrong and the same
// ends are seen if vats in the same state are taken for one and not all is tried.
func TestExploreMerged(t *testing.T) {
	most := 3000
	if exploreLimit() > 0 {
		most = 300
	}
	compared := 0
	for _, s := range shapes() {
		for _, noEmbargo := range []bool{false, true} {
			plain := s.search(noEmbargo, false, most)
			plain.all = true
			plain.run()
			if plain.stopped {
				continue
			}
			merged := s.search(noEmbargo, true, 0)
			merged.run()
			require.Equal(t, plain.bad == "", merged.bad == "", "%s: %q, merged %q", s.name, plain.bad, merged.bad)
			if plain.bad == "" {
				require.LessOrEqual(t, len(merged.nodes), len(plain.nodes), s.name)
				require.Equal(t, plain.stuck > 0, merged.stuck > 0, s.name)
				require.Equal(t, sortedNames(plain.ends), sortedNames(merged.ends), s.name)
			}
			compared++
		}
	}
	require.Greater(t, compared, 20)
}

// TestExplore runs every shape in every order, and with little credit: without the race
// detector, under which only the first states of each are visited.
func TestExplore(t *testing.T) {
	limit := exploreLimit()
	var states atomic.Int64
	t.Run("shapes", func(t *testing.T) {
		for _, s := range shapes() {
			t.Run(s.name, func(t *testing.T) {
				if *scheduleFlag != "" {
					es, err := s.parse(*scheduleFlag)
					require.NoError(t, err)
					require.Empty(t, s.replay(es, false, t.Logf))
					return
				}
				t.Parallel()
				x := s.explore(t, limit)
				states.Add(int64(len(x.nodes)))
				if limit == 0 {
					s.without(t)
				}
				for i, s := range s.tight(len(x.nodes) > heavy) {
					if i > 0 && limit > 0 {
						break
					}
					t.Run(s.name, func(t *testing.T) {
						states.Add(int64(len(s.explore(t, limit).nodes)))
					})
				}
			})
		}
	})
	t.Logf("%d shapes, %d states", len(shapes()), states.Load())
}
