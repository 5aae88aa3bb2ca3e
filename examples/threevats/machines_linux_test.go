package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// addresses are those of the three machines.
var addresses = map[string]string{"alice": "10.77.0.1", "bob": "10.77.0.2", "carol": "10.77.0.3"}

func init() { programs["machines"] = machines }

// forbidden is the exit status of machines where this machine does not let it make others.
const forbidden = 3

// TestOnThreeMachines runs the three on three machines, as far as they can see: each in a network namespace of its own, with
// an address of its own, on one wire. CI must have that.
func TestOnThreeMachines(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var reasons []error
	for _, root := range []bool{true, false} {
		said, err := inNamespaces(ctx, root)
		var exit *exec.ExitError
		if err == nil {
			requireTheyWentOn(t, said)
			return
		} else if errors.As(err, &exit) && exit.ExitCode() != forbidden {
			require.NoError(t, err, "%s", said)
		}
		reasons = append(reasons, fmt.Errorf("as root: %t: %w: %s", root, err, said))
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine allows no network namespaces: %v", errors.Join(reasons...))
	}
	t.Skipf("this machine allows no network namespaces: %v", errors.Join(reasons...))
}

// inNamespaces runs machines in namespaces of its own, so that nothing of it is seen outside and nothing is left of it: as
// who this is, who has to be root, or as root of a user namespace. It returns what that has said.
func inNamespaces(ctx context.Context, root bool) (said string, err error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, exe, "machines")
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if !root {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err = cmd.Run(); err != nil {
		return strings.TrimSpace(out.String() + diag.String()), err
	}
	return out.String(), nil
}

// machines makes three, and runs the three on them.
func machines() {
	err := wire()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(forbidden)
	}
	err = show(context.Background(), os.Stdout, func(ctx context.Context, role string) (*exec.Cmd, error) {
		exe, err := os.Executable()
		return exec.CommandContext(ctx, "ip", "netns", "exec", role, exe, "-listen", addresses[role]+":0", role), err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// wire makes a network namespace for each of the three, and a bridge to which they are plugged.
func wire() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := syscall.Mount("machines", "/run", "tmpfs", 0, ""); err != nil { // where ip keeps the names
		return fmt.Errorf("mounting /run: %w", err)
	}
	script := []string{"link add wire type bridge", "link set wire up"}
	for name, address := range addresses {
		script = append(script,
			"netns add "+name,
			"link add to-"+name+" type veth peer name eth0 netns "+name,
			"link set to-"+name+" master wire up",
			"-n "+name+" address add "+address+"/24 dev eth0",
			"-n "+name+" link set eth0 up",
			"-n "+name+" link set lo up",
		)
	}
	for _, line := range script {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, bytes.TrimSpace(out))
		}
	}
	return nil
}
