package hostile

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"
)

// residentNow gives how many bytes of this process are in memory, once what is
// free was given back.
func residentNow() (int64, bool) {
	debug.FreeOSMemory()
	n, err := Resident(os.Getpid())
	return n, err == nil
}

// Resident gives how many bytes of a process are in memory.
func Resident(pid int) (int64, error) { return status(pid, "VmRSS:") }

// ResidentPeak gives how many bytes of a process have been in memory at most.
func ResidentPeak(pid int) (int64, error) { return status(pid, "VmHWM:") }

// status reads a figure in kilobytes.
func status(pid int, name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == name {
			kb, err := strconv.ParseInt(string(f[1]), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s of process %d", name, pid)
}

// CPUOf gives what a process has used.
func CPUOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // its name may hold anything
	var ticks int64
	for _, i := range []int{11, 12} { // utime and stime
		n, err := strconv.ParseInt(string(f[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil // USER_HZ is 100
}
