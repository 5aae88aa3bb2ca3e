// Package cpp runs Cap'n Proto's own C++ implementation, as Debian packages it, so that floods can be poured at it. The
// server is server/stock.cc; [Build] compiles it, [Start] runs it.
package cpp

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed" // the server
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vatnet/vatnet/internal/hostile"
)

//go:embed server/stock.cc
var source []byte

// ErrMissing: what the server needs is not at hand. The error that wraps it says what.
var ErrMissing = errors.New("left out")

var (
	flags     = []string{"-std=c++17", "-O2", "-Wall", "-Werror", "-x", "c++"}
	libraries = []string{"-lcapnp-rpc", "-lcapnp", "-lkj-async", "-lkj"}
)

// Build gives the path of the program, which it compiles unless the user's cache folder has it: under a name made of
// the program's text with all that it includes, so that another version of the library is another program. The cache
// is not in the folder for temporary files, where others could put a program of theirs.
func Build() (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("%w: only Linux tells what a process holds", ErrMissing)
	}
	if _, err := exec.LookPath("g++"); err != nil {
		return "", fmt.Errorf("%w: no compiler (apt-get install g++)", ErrMissing)
	}
	text, err := compile("-E", "-")
	if err != nil {
		return "", fmt.Errorf("%w: no library (apt-get install libcapnp-dev): %w", ErrMissing, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "vatnet")
	program := filepath.Join(dir, fmt.Sprintf("capnp-cpp-%x", sha256.Sum256(text)))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "stock")
	if _, err := compile(append([]string{"-o", made, "-"}, libraries...)...); err != nil {
		return "", err
	}
	return program, os.Rename(made, program) // whole, also if somebody else builds it now
}

// compile runs the compiler on the server's source.
func compile(args ...string) ([]byte, error) {
	cmd := exec.Command("g++", append(flags[:len(flags):len(flags)], args...)...)
	cmd.Stdin = bytes.NewReader(source)
	var says strings.Builder
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(says.String()), "\n")
		return nil, fmt.Errorf("g++: %w: %s", err, first)
	}
	return out, nil
}

// Server is one process of the server.
type Server struct {
	hostile.Stock
	cmd   *exec.Cmd
	stdin io.Closer
}

// Start runs the program that [Build] made. The process ends with Close, or with this one.
func Start(program string) (*Server, error) {
	s := &Server{cmd: exec.Command(program)}
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("the server of %s did not say where it listens: %w", program, err)
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strings.TrimSpace(port))
	s.Held = func() (int64, error) { return hostile.Resident(s.cmd.Process.Pid) }
	s.Used = func() (time.Duration, error) { return hostile.CPUOf(s.cmd.Process.Pid) }
	return s, nil
}

// Close ends the process.
func (s *Server) Close() {
	_ = s.stdin.Close()
	_ = s.cmd.Process.Kill() // it may be busy, or gone
	_ = s.cmd.Wait()         // was killed
}
