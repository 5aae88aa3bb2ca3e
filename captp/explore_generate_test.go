package captp

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	statesFlag   = flag.Int("states", 5000, "states after which a program is given up")
	richFlag     = flag.Bool("rich", false, "programs have all the credit that they want")
	partsFlag    = flag.Int("parts", 10, "most parts of a program")
	handoffFlag  = flag.Bool("handoff", false, "programs of three vats and more hand references over")
	secondsFlag  = flag.Int("seconds", 3600, "with -programs: how long at most")
	programFlag  = flag.String("program", "", "explore this program only")
	programsFlag = flag.Int("programs", 0, "programs to explore; 0: up to 1000, but no longer than 10 s")
	firstFlag    = flag.Uint64("first", 100, "the seed of the first program")
)

// tryProgram explores a program; it returns what is wrong, and false if the
// program makes no sense.
func tryProgram(p *program, limit int) (x *search, sense bool) {
	s, bad := p.shape()
	if bad != "" {
		return nil, false
	}
	x = s.search(false, !*plainFlag, limit)
	x.run()
	return x, true
}

// TestExploreGenerated explores programs made at random.
func TestExploreGenerated(t *testing.T) {
	if *programFlag != "" {
		p := parseProgram(*programFlag)
		s, bad := p.shape()
		require.Empty(t, bad)
		if *scheduleFlag != "" {
			es, err := s.parse(*scheduleFlag)
			require.NoError(t, err)
			require.Empty(t, s.replay(es, false, t.Logf))
			return
		}
		s.explore(t, 0)
		return
	}
	n, atMost := *programsFlag, time.Duration(*secondsFlag)*time.Second
	if n == 0 {
		n, atMost = 1000, 10*time.Second
		if exploreLimit() > 0 {
			n = 50
		}
	}
	start, run, states, cut, stuck, locked := time.Now(), 0, 0, 0, 0, 0
	for i := range n {
		if time.Since(start) > atMost {
			break
		}
		p := makeProgram(*firstFlag+uint64(i), *programVatsFlag)
		x, ok := tryProgram(p, *statesFlag)
		if !ok {
			continue
		}
		run++
		states += len(x.nodes)
		if x.stopped {
			cut++
		}
		if x.stuck > 0 {
			stuck++
		}
		if x.locked > 0 {
			locked++
		}
		if x.bad != "" {
			t.Logf("seed %d: %s\n  -program '%s'", *firstFlag+uint64(i), x.bad, p)
			small := smaller(p, faultKind(x.bad), 4*len(x.nodes)+500)
			x, _ := tryProgram(small, *statesFlag)
			t.Errorf("seed %d: %s\n  -program '%s'\n  from '%s'", *firstFlag+uint64(i), x.bad, small, p)
		}
	}
	t.Logf("%d programs, %d states, %d too large, %d with schedules that are out of credit (%d though all is answered), %v", run, states, cut, stuck, locked, time.Since(start).Round(time.Millisecond))
}

var programVatsFlag = flag.Int("programvats", 2, "how many vats they have")
