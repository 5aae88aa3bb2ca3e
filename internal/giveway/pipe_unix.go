//go:build unix

package giveway

import (
	"os"
	"sync"
	"syscall"
)

// waiter is a pipe through which the one who yields sends himself a byte.
type waiter struct {
	mu    sync.Mutex
	read  syscall.RawConn
	write syscall.RawConn
	file  [2]*os.File // so that they are not closed
	sent  bool
	step  func(fd uintptr) bool
	byte  [1]byte
	bad   bool
}

// line makes the pipe of this process, once; nil if there is none.
var line = sync.OnceValue(func() *waiter {
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	x := &waiter{file: [2]*os.File{r, w}}
	x.step = x.next
	if x.read, err = r.SyscallConn(); err != nil {
		return nil
	}
	if x.write, err = w.SyscallConn(); err != nil {
		return nil
	}
	return x
})

// yield reports whether it has waited.
func (w *waiter) yield() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = false
	return !w.bad && w.read.Read(w.step) == nil && !w.bad
}

// next is called by the pipe's RawConn.Read, and again after the network has been waited for if it gives false. The byte
// is sent in here, and not before: the runtime has just forgotten what arrived earlier.
func (w *waiter) next(fd uintptr) (done bool) {
	if !w.sent {
		w.sent = true
		w.bad = w.write.Control(w.send) != nil || w.bad
		return w.bad
	}
	for {
		switch _, err := syscall.Read(int(fd), w.byte[:]); err {
		case syscall.EAGAIN: // woken for nothing
			return false
		case syscall.EINTR:
			continue
		case nil:
			return true
		default:
			w.bad = true
			return true
		}
	}
}

func (w *waiter) send(fd uintptr) {
	for {
		if _, err := syscall.Write(int(fd), w.byte[:]); err != syscall.EINTR {
			w.bad = err != nil
			return
		}
	}
}
