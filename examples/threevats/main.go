// Threevats introduces two parties that never met, and kills the introducer: they go on talking.
//
//	go run ./examples/threevats
//
// It runs three processes, each a vat. Carol has a counter. Bob has a guest, whom others may introduce to counters, and
// who then counts. Alice has a sturdyref of each, and introduces Bob's guest to Carol's counter. Bob counts at once, by way
// of Alice's vat; as soon as his own has found Carol's he counts there. Then Alice's process is killed.
//
// roles.go is what the three do; this file starts them.
package main

import (
	"bufio"
	"context"
	"errors"
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
	var err error
	switch role := strings.Join(os.Args[1:], " "); role {
	case "":
		err = show(ctx, os.Stdout)
	case "alice":
		err = alice(ctx, os.Stdin)
	case "bob":
		err = bob(ctx, os.Stdout)
	case "carol":
		err = carol(ctx, os.Stdout)
	default:
		err = fmt.Errorf("who is %q?", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "threevats:", err)
		os.Exit(1)
	}
}

// show starts the three, and says what happens until Bob has counted on without Alice.
func show(ctx context.Context, out io.Writer) error {
	carol, carolSays, err := start(ctx, "carol", nil)
	if err != nil {
		return err
	}
	defer kill(carol)
	bob, bobSays, err := start(ctx, "bob", nil)
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
	alice, _, err := start(ctx, "alice", strings.NewReader(bobs+"\n"+carols+"\n"))
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
func start(ctx context.Context, role string, stdin io.Reader) (*exec.Cmd, *bufio.Reader, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, exe, role)
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
