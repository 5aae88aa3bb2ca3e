//go:build !linux

package hostile

import (
	"os/exec"
	"time"
)

// processors gives those that this process may use; here they cannot be told apart.
func processors() []int { return nil }

// startOn starts a command; here it cannot be kept to one processor.
func startOn(cmd *exec.Cmd, _ int, _ bool) error { return cmd.Start() }

// rest waits.
func rest(d time.Duration) { pause(d) }
