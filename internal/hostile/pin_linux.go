package hostile

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// cpuSet is a set of processors as sched_setaffinity takes it.
type cpuSet [16]uint64

func (s *cpuSet) call(trap uintptr) error {
	_, _, errno := syscall.RawSyscall(trap, 0, unsafe.Sizeof(*s), uintptr(unsafe.Pointer(s)))
	if errno != 0 {
		return errno
	}
	return nil
}

// processors gives those that this process may use.
func processors() (list []int) {
	var s cpuSet
	if s.call(syscall.SYS_SCHED_GETAFFINITY) != nil {
		return nil
	}
	for i := range 64 * len(s) {
		if s[i/64]&(1<<(i%64)) != 0 {
			list = append(list, i)
		}
	}
	return list
}

// startOn starts a command that may use only one processor. A new process inherits that of the
// thread which starts it, and the Go runtime in it counts what it has. One that is urgent gets the
// processor as soon as it has something to do, if this process may arrange that: whoever shares
// it with a busy process waits for milliseconds else, which is not the doing of that process.
func startOn(cmd *exec.Cmd, processor int, urgent bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, one cpuSet
	if err := old.call(syscall.SYS_SCHED_GETAFFINITY); err != nil {
		return err
	}
	one[processor/64] = 1 << (processor % 64)
	if err := one.call(syscall.SYS_SCHED_SETAFFINITY); err != nil {
		return err
	}
	urgent = urgent && schedule(schedFIFO, 1)
	err := cmd.Start()
	if urgent && !schedule(schedOther, 0) {
		err = errors.Join(err, errors.New("this thread stays urgent"))
	}
	return errors.Join(err, old.call(syscall.SYS_SCHED_SETAFFINITY))
}

const (
	schedOther = 0
	schedFIFO  = 1
)

// schedule sets how the calling thread is scheduled, and reports whether it may.
func schedule(policy uintptr, priority int32) bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, policy, uintptr(unsafe.Pointer(&priority)))
	return errno == 0
}

// rest waits as exactly as the system can, which Go's timers do not.
func rest(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // a signal makes it shorter
}
