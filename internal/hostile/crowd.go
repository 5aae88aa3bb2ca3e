package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// MaxCrowd is how many bytes a vat that a thousand hostile sessions attack may have in memory.
const MaxCrowd = 512 << 20

// ServeArg as its first argument makes a program that calls Serve the process of a vat.
const ServeArg = "-hostile-serve-a-vat"

// Serve runs a vat with a victim, prints the victim's sturdyref to out, and ends with
// in. The sturdyref is of no worth to others: the vat is gone when its parent is.
func Serve(in io.Reader, out io.Writer) error {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = v.Close() }()
	ref, err := v.Export(&Victim{v: v}, nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, ref.URI()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// served is a vat in a process of its own, with an honest session.
type served struct {
	*target
	cmd *exec.Cmd
	in  io.Closer
}

// serve starts this program as a vat under a memory limit for Go's collector; "" is none.
func serve(limit string) (*served, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &served{cmd: exec.Command(self, ServeArg)}
	if limit != "" {
		s.cmd.Env = append(os.Environ(), "GOMEMLIMIT="+limit)
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.meet(out); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// meet reads the victim's sturdyref and makes an honest call.
func (s *served) meet(out io.Reader) error {
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	ref, err := sturdyref.Parse(strings.TrimSpace(line))
	if err != nil {
		return err
	}
	s.target = &target{addr: ref.Locations()[0], peer: ref.Vat(), victim: ref, log: newRecorder()}
	if s.honest, err = vat.New(&vat.Config{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	s.ref = s.honest.Enliven(ref)
	return s.check()
}

func (s *served) close() error {
	if s.target != nil && s.honest != nil {
		_ = s.honest.Close() // it was only here to call
	}
	_ = s.in.Close() // which ends it
	return s.cmd.Wait()
}

// CrowdResult is what a crowd came to.
type CrowdResult struct {
	Sessions int   // that had got in
	Before   int64 // bytes of the vat's process in memory
	Peak     int64 // the same, at most, up to the end
	After    int64 // the same when the crowd has gone quiet, still connected
	Honest   time.Duration
	Took     time.Duration
}

// crowdFloods are the floods of a crowd: those of messages alone. How many messages each
// session of it sends is what reaches one session's limits, or the flood's own small count.
func crowdFloods() (fs []*Flood) {
	for _, f := range Floods {
		if !f.Raw && f.Vat == "" {
			fs = append(fs, f)
		}
	}
	return fs
}

// Crowd has n hostile sessions, each of another vat, attack one vat at once, each with
// the next of the floods. The vat is in a process of its own; this program must call
// Serve when ServeArg is its first argument. limit is the vat's GOMEMLIMIT; "" is none:
// what is charged is bounded also without, but then Go lets as much garbage lie again.
func Crowd(n int, limit string) (res CrowdResult, err error) {
	s, err := serve(limit)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if res.Before, err = Resident(s.cmd.Process.Pid); err != nil {
		return res, err
	}
	begin := time.Now()
	attacks, errs := make([]*attack, n), make([]error, n)
	floods := crowdFloods()
	var wg sync.WaitGroup
	room := make(chan struct{}, 64) // what the attackers themselves hold at a time
	for i := range n {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			f := floods[i%len(floods)]
			attacks[i] = newAttack(s.target, &Case{}, time.Second)
			attacks[i].hello.calls = 1 << 20
			errs[i] = attacks[i].pourAll(f, f.Small)
		})
	}
	honest := time.Now()
	err = s.check()
	res.Honest = time.Since(honest)
	wg.Wait()
	err = errors.Join(err, s.check())
	res.Took = time.Since(begin)
	res.After, _ = Resident(s.cmd.Process.Pid) // the next line says why not
	peak, perr := ResidentPeak(s.cmd.Process.Pid)
	res.Peak = peak
	for i, a := range attacks {
		if a.accepted {
			res.Sessions++
		}
		a.close()
		if errs[i] != nil && !isGone(errs[i]) && !isTimeout(errs[i]) {
			err = errors.Join(err, errs[i])
		}
	}
	return res, errors.Join(err, perr)
}
