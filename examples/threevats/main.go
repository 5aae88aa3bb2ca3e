// Threevats introduces two parties that never met, and kills the introducer: they go on talking.
//
//	go run ./examples/threevats
//
// It runs three processes, each a vat. Carol has a counter. Bob has a guest, whom others may introduce to counters, and
// who then counts. Alice has a sturdyref of each, and introduces Bob's guest to Carol's counter. Bob counts at once, by way
// of Alice's vat; as soon as his own has found Carol's he counts there. Then Alice's process is killed.
//
// To have them on three machines, start each of them by hand: with a role, and where others reach this machine.
//
//	threevats -listen 192.0.2.3:0 carol > carol.cap
//	threevats -listen 192.0.2.2:0 bob | tee bob.cap
//	head -qn1 bob.cap carol.cap | threevats alice
//
// roles.go is what the three do; this file starts them.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vatnet/vatnet/sturdyref"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "127.0.0.1:0", "`address` where others reach Bob, or Carol")
	flag.Parse()
	var err error
	switch role := strings.Join(flag.Args(), " "); role {
	case "":
		err = show(ctx, os.Stdout, here)
	case "alice":
		err = alice(ctx, os.Stdin)
	case "bob":
		err = bob(ctx, *listen, os.Stdout)
	case "carol":
		err = carol(ctx, *listen, os.Stdout)
	default:
		err = fmt.Errorf("who is %q?", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "threevats:", err)
		os.Exit(1)
	}
}

// place is somewhere to run this program in a role.
type place func(ctx context.Context, role string) (*exec.Cmd, error)

// here is this machine.
func here(ctx context.Context, role string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	return exec.CommandContext(ctx, exe, role), err
}

// show starts the three, and says what happens until Bob has counted on without Alice.
func show(ctx context.Context, out io.Writer, at place) error {
	carol, carolSays, err := at.start(ctx, "carol", nil)
	if err != nil {
		return err
	}
	defer kill(carol)
	bob, bobSays, err := at.start(ctx, "bob", nil)
	if err != nil {
		return err
	}
	defer kill(bob)
	carols, bobs := line(carolSays), line(bobSays)
	counter, err := sturdyref.Parse(carols)
	if err != nil {
		return err
	}
	// URIs are secrets: they go through pipes, and never stand in a command line.
	alice, _, err := at.start(ctx, "alice", strings.NewReader(bobs+"\n"+carols+"\n"))
	if err != nil {
		return err
	}
	defer kill(alice)
	for alone := -1; alone < 3; {
		n, via, ok := strings.Cut(line(bobSays), " ")
		if !ok {
			return errors.New("bob fell silent")
		}
		if via != counter.Vat().String() {
			fmt.Fprintf(out, "Bob counts to %s, by way of Alice.\n", n)
			continue
		}
		fmt.Fprintf(out, "Bob counts to %s, at Carol's.\n", n)
		if alone++; alone == 0 {
			kill(alice)
			fmt.Fprintln(out, "Alice is killed.")
		}
	}
	return nil
}

// start runs this program again, in a role, until ctx ends. It gives what the process says.
func (at place) start(ctx context.Context, role string, stdin io.Reader) (*exec.Cmd, *bufio.Reader, error) {
	cmd, err := at(ctx, role)
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdin, cmd.Stderr = stdin, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, bufio.NewReader(stdout), cmd.Start()
}

// kill ends a process, and waits until it has ended. Once more is as once.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended by itself
	_ = cmd.Wait()         // and then was killed, or had a reason that it has told
}

// line reads one line, "" if there is none.
func line(r *bufio.Reader) string {
	s, _ := r.ReadString('\n') // what there is
	return strings.TrimSpace(s)
}
