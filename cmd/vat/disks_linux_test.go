package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func init() { programs["disks"] = disksMain }

// forbidden is the exit status of disksMain where this machine does not let it mount anything.
const forbidden = 3

// TestBadDisks has the log on disks that are full, and that only read. They are mounted in a namespace of their own, of which
// nothing is seen outside and nothing left. CI must have that.
func TestBadDisks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var reasons []error
	for _, root := range []bool{true, false} {
		said, err := onDisks(ctx, t.TempDir(), root)
		var exit *exec.ExitError
		if err == nil || errors.As(err, &exit) && exit.ExitCode() != forbidden {
			require.NoError(t, err, "%s", said)
			return
		}
		reasons = append(reasons, fmt.Errorf("as root: %t: %w: %s", root, err, said))
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine lets nothing be mounted: %v", errors.Join(reasons...))
	}
	t.Skipf("this machine lets nothing be mounted: %v", errors.Join(reasons...))
}

// onDisks runs disksMain in a namespace: as who this is, who has to be root, or as root of a user namespace.
func onDisks(ctx context.Context, dir string, root bool) (said string, err error) {
	cmd := exec.CommandContext(ctx, "disks", dir)
	runtime.LockOSThread() // with the thread that starts it, it ends
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if !root {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// disksMain mounts a small disk on a folder, and has the log on it.
func disksMain() {
	dir := os.Args[1]
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("disks", dir, "tmpfs", 0, "size=4m")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mounting:", err)
		os.Exit(forbidden)
	}
	d := &diskTrial{dir: dir, log: filepath.Join(dir, "log")}
	for _, part := range []func(){d.fill, d.full, d.offline, d.room, d.readOnly} {
		if part(); d.err != nil {
			fmt.Fprintln(os.Stderr, d.err)
			os.Exit(1)
		}
	}
}

// diskTrial is a log on a disk. err is what went wrong first.
type diskTrial struct {
	dir, log string
	uri      string
	server   *exec.Cmd
	kept     int // lines that were acknowledged
	err      error
}

func (d *diskTrial) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// start starts the server. It has the same sturdyref each time.
func (d *diskTrial) start() {
	d.server = exec.Command("vat", "serve", "log", "--dir", d.log)
	var diag strings.Builder
	d.server.Stderr = &diag
	out, err := d.server.StdoutPipe()
	if err = errors.Join(err, d.server.Start()); err != nil {
		d.fail("%w", err)
		return
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = d.server.Wait() // it has ended
		d.fail("the server does not start: %s", diag.String())
	}
	if d.uri != "" && line != d.uri {
		d.fail("the sturdyref is another one")
	}
	d.uri = line
}

// stop kills the server, or ends it in order.
func (d *diskTrial) stop(how os.Signal) {
	_ = d.server.Process.Signal(how) // perhaps it has ended
	if err := d.server.Wait(); err != nil && how != os.Kill {
		d.fail("the server ends with %w", err)
	}
}

// run runs the command, and returns what it says.
func (d *diskTrial) run(in string, args ...string) (out, diag string, err error) {
	cmd := exec.Command("vat", args...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// refused runs a command that must fail, and say why.
func (d *diskTrial) refused(want string, args ...string) {
	if _, diag, err := d.run("", args...); err == nil || !strings.Contains(diag, want) {
		d.fail("vat %q gives %w, and says %q instead of %q", args, err, diag, want)
	}
}

// works runs a command that must not fail.
func (d *diskTrial) works(args ...string) {
	if _, diag, err := d.run("", args...); err != nil {
		d.fail("vat %q gives %w, and says %q", args, err, diag)
	}
}

// say sends lines until one is refused, or there were so many.
func (d *diskTrial) say(most int) (refused string) {
	for range most {
		if _, diag, err := d.run(d.uri, "send", "-", "log", fmt.Sprintf("line %d %s", d.kept, strings.Repeat("x", 4000))); err != nil {
			return diag
		}
		d.kept++
	}
	return ""
}

// look looks for all lines that were acknowledged.
func (d *diskTrial) look() {
	out, diag, err := d.run(d.uri, "send", "-", "search", "line ")
	if n := strings.Count(out, "line "); err != nil || n != d.kept {
		d.fail("%d lines are there, and %d were acknowledged: %w, %s", n, d.kept, err, diag)
	}
}

// fill has a log on the disk, and then fills that.
func (d *diskTrial) fill() {
	d.start()
	if refused := d.say(3); refused != "" {
		d.fail("refused: %s", refused)
	}
	d.cram()
}

// cram takes all the room that there is.
func (d *diskTrial) cram() {
	f, err := os.OpenFile(filepath.Join(d.dir, "filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		_ = f.Close() // it is full
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.fail("filling the disk: %w", err)
	}
}

// full has the server run, be killed, and start, on a full disk: it reads, and refuses.
func (d *diskTrial) full() {
	for range 2 {
		if refused := d.say(1000); !strings.Contains(refused, "store") {
			d.fail("a full disk refuses with %q", refused)
		}
		d.look()
		d.stop(os.Kill)
		if err := os.Truncate(filepath.Join(d.log, "store.lock"), 0); err != nil { // there may be no room for a process id, either
			d.fail("%w", err)
		}
		d.cram()
		d.start()
		d.look()
	}
	d.stop(os.Interrupt)
}

// offline does what is done without a server: what needs room says so, and leaves things as they were.
func (d *diskTrial) offline() {
	d.works("store", "check", d.log)
	d.refused("no space left", "store", "compact", d.log)
	d.refused("no space left", "store", "backup", d.log, filepath.Join(d.dir, "copy"))
	d.refused("no space left", "serve", "log", "--dir", filepath.Join(d.dir, "another"))
	d.works("store", "check", d.log)
	if left, _ := filepath.Glob(filepath.Join(d.dir, "copy")); len(left) > 0 { // the pattern is good
		d.fail("half a backup is left")
	}
}

// room has the server go on by itself when there is room.
func (d *diskTrial) room() {
	d.start()
	if refused := d.say(1000); refused == "" {
		d.fail("the disk is not full any more")
	}
	if err := os.Remove(filepath.Join(d.dir, "filler")); err != nil {
		d.fail("%w", err)
	}
	if refused := d.say(3); refused != "" {
		d.fail("there is room, and it says %q", refused)
	}
	d.look()
	d.stop(os.Interrupt)
	d.works("store", "compact", d.log)
	d.works("store", "check", d.log)
}

// readOnly has the log on a disk that only reads.
func (d *diskTrial) readOnly() {
	if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		d.fail("mounting: %w", err)
	}
	for _, args := range [][]string{
		{"serve", "log", "--dir", d.log}, {"ref", "ls", "--dir", d.log}, {"store", "check", d.log},
		{"store", "compact", d.log}, {"store", "passphrase", d.log}, {"serve", "log", "--dir", filepath.Join(d.dir, "another")},
	} {
		d.refused("read-only file system", args...)
	}
	if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT, ""); err != nil {
		d.fail("mounting: %w", err)
	}
	d.start()
	d.look()
	d.stop(os.Interrupt)
}
