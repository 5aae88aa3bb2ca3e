package hostile

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	crowd    = flag.Int("crowd", 60, "how many hostile sessions attack at once; 1000 in earnest")
	memLimit = flag.String("memlimit", "448MiB", "GOMEMLIMIT of the vat that the crowd attacks; empty for none")
)

func TestMain(m *testing.M) {
	if played, err := Part(os.Args, os.Stdin, os.Stdout); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestCrowd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what another process has in memory")
	}
	if raced {
		t.Skip("the memory of the race detector is not the vat's")
	}
	res, err := Crowd(*crowd, *memLimit)
	t.Logf("%d hostile sessions: %d MiB before, %d MiB at most, %d MiB afterwards; an honest call %v; %v",
		res.Sessions, res.Before>>20, res.Peak>>20, res.After>>20, res.Honest, res.Took)
	require.NoError(t, err)
	require.Equal(t, *crowd, res.Sessions)
	require.Less(t, res.Peak, int64(MaxCrowd))
}
