package exampletest

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the program that the tests run.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "stay" {
		fmt.Println("here")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// TestPatience: a process that says nothing though it is waited for is killed.
func TestPatience(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &Program{path: exe}
	defer func(d time.Duration) { patience = d }(patience)

	good := p.Start(t, "stay")
	require.Equal(t, "here", good.Line(t))
	bad := p.Start(t, "stay")
	require.Equal(t, "here", bad.Line(t))
	patience = 10 * time.Millisecond
	_, err = bad.stdout.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)
	_, err = bad.wait(t)
	require.Error(t, err)

	patience = time.Minute
	good.Hush(t)
	require.Empty(t, good.Wait(t), "nothing was wanted of it meanwhile")
}

func TestFlat(t *testing.T) {
	digits := []*regexp.Regexp{regexp.MustCompile(`\d+`)}
	require.Equal(t, "\nat … o'clock\nno time\n", flat("    at 12 o'clock\r\n\tno time", digits))
	require.NotEqual(t, flat("at 12", nil), flat("at 13", nil))
	require.Equal(t, flat("at 12", digits), flat("at 13", digits))
}
