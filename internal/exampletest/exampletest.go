// Package exampletest runs the programs in examples/ as what they are: processes that
// meet over TCP.
//
//	p := exampletest.Build(t)
//	server := p.Start(t)
//	cap := server.Cap(t)           // the first line that it prints, in a file
//	out := p.Run(t, cap, "add", "5")
//	server.Interrupt(t)            // it must end in order
//
// Nothing here waits for time to pass. What a process prints is waited for, and one that
// lets a test wait for a minute, saying nothing meanwhile, is killed and has failed. No
// secret that a server printed may stand in what any process writes to standard error.
package exampletest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a process may let a test wait for its next word, or its end. Nobody is
// slow of whom nothing is wanted, and a test as a whole may take its time.
var patience = time.Minute

// Program is the program of the package under test.
type Program struct {
	path string

	mu      sync.Mutex
	secrets []string // swissnums that were printed
	caps    int
}

// Build builds the package in the current folder, that of the test. The program
// lasts as long as the test.
func Build(t *testing.T) *Program {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	p := &Program{path: filepath.Join(t.TempDir(), filepath.Base(dir))}
	if runtime.GOOS == "windows" {
		p.path += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", p.path, ".").CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return p
}

// Process is a program that was started.
type Process struct {
	program *Program
	cmd     *exec.Cmd
	kill    func()
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  bytes.Buffer // whole after Wait
	waited  bool
}

// Start starts the program. It is killed at the end of the test, if it is still
// there.
func (p *Program) Start(t *testing.T, args ...string) *Process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Process{program: p, cmd: exec.CommandContext(ctx, p.path, args...), kill: cancel}
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = 10 * time.Second
	var err error
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.stdout = bufio.NewReader(patient{stdout, c})
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		cancel()
		if !c.waited {
			_ = c.cmd.Wait() // it was killed
			c.checkSecrets(t)
		}
	})
	return c
}

// waits has the process killed if what is done until over is called takes too long.
func (c *Process) waits() (over func()) {
	timer := time.AfterFunc(patience, c.kill)
	return func() { timer.Stop() }
}

// patient reads of a process, as long as that says something from time to time.
type patient struct {
	io.Reader
	c *Process
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	defer p.c.waits()()
	return p.Reader.Read(b)
}

// Run runs the program to its end, which must be a good one, and returns what it
// printed.
func (p *Program) Run(t *testing.T, args ...string) string {
	t.Helper()
	c := p.Start(t, args...)
	require.NoError(t, c.stdin.Close())
	return c.Wait(t)
}

// Fail runs the program to its end, which must be a bad one, and returns what it
// wrote to standard error.
func (p *Program) Fail(t *testing.T, args ...string) string {
	t.Helper()
	c := p.Start(t, args...)
	require.NoError(t, c.stdin.Close())
	return c.Fails(t)
}

// Line returns the next line that the process prints, without its end.
func (c *Process) Line(t *testing.T) string {
	t.Helper()
	line, err := c.stdout.ReadString('\n')
	if err != nil { // to have its standard error, whole
		_, werr := c.wait(t)
		require.FailNow(t, "the process has ended", "%v, %v, after %q: %s", err, werr, line, &c.stderr)
	}
	return strings.TrimRight(line, "\r\n")
}

// Lines returns the next n lines, each with its end.
func (c *Process) Lines(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for range n {
		b.WriteString(c.Line(t) + "\n")
	}
	return b.String()
}

// Cap takes the next line for a sturdyref, and returns the name of a file that holds
// it.
func (c *Process) Cap(t *testing.T) string {
	t.Helper()
	uri := c.Line(t)
	require.True(t, strings.HasPrefix(uri, "captp://"), "a sturdyref should stand here")
	p := c.program
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = append(p.secrets, uri[strings.LastIndexByte(uri, '/')+1:])
	p.caps++
	file := filepath.Join(filepath.Dir(p.path), fmt.Sprintf("%d.cap", p.caps))
	require.NoError(t, os.WriteFile(file, []byte(uri+"\n"), 0o600))
	return file
}

// Say writes a line to the standard input of the process.
func (c *Process) Say(t *testing.T, line string) {
	t.Helper()
	defer c.waits()()
	_, err := io.WriteString(c.stdin, line+"\n")
	require.NoError(t, err)
}

// Hush ends the standard input of the process.
func (c *Process) Hush(t *testing.T) {
	t.Helper()
	require.NoError(t, c.stdin.Close())
}

// Wait waits until the process ends, which must be well, and returns what it has
// printed since.
func (c *Process) Wait(t *testing.T) string {
	t.Helper()
	out, err := c.wait(t)
	require.NoError(t, err, "%s%s", out, &c.stderr)
	return out
}

// Fails waits until the process ends, which must be badly, and returns what it wrote to
// standard error.
func (c *Process) Fails(t *testing.T) string {
	t.Helper()
	out, err := c.wait(t)
	require.Error(t, err, "%s", out)
	return c.stderr.String()
}

// Interrupt interrupts the process, which must then end in order, and returns what it
// has printed since. On Windows, where no process can send another an interrupt, it is
// killed.
func (c *Process) Interrupt(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		require.NoError(t, c.cmd.Process.Kill())
		out, _ := c.wait(t)
		return out
	}
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	return c.Wait(t)
}

// Kill ends the process as a failure of power would.
func (c *Process) Kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	_, err := c.wait(t)
	require.Error(t, err)
}

// Stderr returns what the process wrote to standard error. It must have ended.
func (c *Process) Stderr() string { return c.stderr.String() }

// wait reads what is left of the standard output, and waits for the end.
func (c *Process) wait(t *testing.T) (string, error) {
	t.Helper()
	out, err := io.ReadAll(c.stdout)
	require.NoError(t, err)
	c.waited = true
	defer c.waits()()
	err = c.cmd.Wait()
	c.checkSecrets(t)
	return strings.ReplaceAll(string(out), "\r\n", "\n"), err
}

func (c *Process) checkSecrets(t *testing.T) {
	t.Helper()
	c.program.mu.Lock()
	defer c.program.mu.Unlock()
	for _, secret := range c.program.secrets {
		require.False(t, strings.Contains(c.stderr.String(), secret), "a secret on standard error")
	}
}

// Shown holds the README of the example to the truth: text, what a process printed,
// stands in it, line by line, indented or not. What matches one of varying, a time say, may be
// another time there.
func Shown(t *testing.T, text string, varying ...*regexp.Regexp) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, flat(string(readme), varying), flat(text, varying), "README.md shows something else")
}

// flat takes indentation away, and puts … in the place of what varies.
func flat(text string, varying []*regexp.Regexp) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, re := range varying {
			line = re.ReplaceAllLiteralString(line, "…")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
