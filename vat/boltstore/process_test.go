//go:build linux

package boltstore_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// TestMain makes of the test a program that holds a store, or fills it, if it is told to.
func TestMain(m *testing.M) {
	if path := os.Getenv("HOLD"); path != "" {
		hold(path)
	}
	if path := os.Getenv("FILL"); path != "" {
		fill(path)
	}
	os.Exit(m.Run())
}

// hold opens a store, says so, and waits to be killed.
func hold(path string) {
	if _, err := boltstore.Open(path); err != nil {
		panic(err)
	}
	fmt.Println("open")
	select {}
}

// run starts this test as a program, and returns it with its first line.
func run(t *testing.T, env string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

// The one who comes second is told who has it; when that one is killed it is free.
func TestHolder(t *testing.T) {
	spec.Covers(t, "STORE-2")
	path := filepath.Join(t.TempDir(), "store")
	holder, line := run(t, "HOLD="+path)
	require.Equal(t, "open", line)
	_, err := boltstore.Open(path)
	var locked *store.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, store.LockedError{Path: path, PID: holder.Process.Pid}, *locked)
	require.NoError(t, holder.Process.Kill())
	require.Error(t, holder.Wait())
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// fill writes to a store in a process whose files may not grow beyond 256 KiB, until there
// is no room; then it makes room, and goes on.
func fill(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 256 << 10, Max: 256 << 10}
	s, err := boltstore.Open(path)
	if err = errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)); err != nil {
		panic(err)
	}
	n := 0
	for ; err == nil; n++ {
		var b store.Batch
		b.Put("w", fmt.Appendf(nil, "%03d", n), make([]byte, 10_000))
		err = s.Commit(&b)
	}
	n-- // the last was refused
	full := errors.Is(err, store.ErrFull)
	var b store.Batch
	b.Delete("w", []byte("000"))
	err = errors.Join(s.Commit(&b), s.Close())
	fmt.Println(n, full, err)
	os.Exit(0)
}

// A full disk refuses what it has no room for, and keeps what it has.
func TestFull(t *testing.T) {
	spec.Covers(t, "STORE-3")
	path := filepath.Join(t.TempDir(), "store")
	filler, line := run(t, "FILL="+path)
	require.NoError(t, filler.Wait())
	var n int
	var full bool
	var rest string
	_, err := fmt.Sscan(line, &n, &full, &rest)
	require.NoError(t, err, line)
	require.True(t, full, line)
	require.Equal(t, "<nil>", rest, line)
	require.Greater(t, n, 10)
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Check(t.Context()))
	require.Equal(t, n-1, strings.Count(holds(t, s), "="))
}

// A disk that fails is not written to again: the file is changed under the store's hands
// into one that cannot be written.
func TestFailing(t *testing.T) {
	spec.Covers(t, "STORE-3")
	path := made(t)
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	held := holds(t, s)
	unwritable(t, path)
	var b store.Batch
	b.Put("w", []byte("new"), nil)
	err = s.Commit(&b)
	require.ErrorIs(t, err, syscall.EBADF)
	require.ErrorIs(t, s.Commit(&b), store.ErrFailed)
	_, err = s.Snapshot()
	require.ErrorIs(t, err, store.ErrFailed)
	require.NoError(t, s.Close())
	s, err = boltstore.Open(path)
	require.NoError(t, err)
	require.Equal(t, held, holds(t, s))
	require.NoError(t, s.Commit(&b))
	require.NoError(t, s.Close())
}

// unwritable replaces this process's descriptor of a file by one that only reads.
func unwritable(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	links, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	found := false
	for _, link := range links {
		var fd int
		_, err := fmt.Sscan(link.Name(), &fd)
		require.NoError(t, err)
		if to, err := os.Readlink("/proc/self/fd/" + link.Name()); err == nil && to == path && fd != int(f.Fd()) {
			require.NoError(t, syscall.Dup3(int(f.Fd()), fd, 0))
			found = true
		}
	}
	require.True(t, found)
}
