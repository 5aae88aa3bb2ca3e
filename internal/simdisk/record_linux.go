//go:build linux && (amd64 || arm64)

package simdisk

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Recorder notes what its process does to the files below a folder. Its methods are safe for concurrent use.
type Recorder struct {
	dir    string
	mem    *os.File // memory of the process
	listen int      // the kernel asks there

	mu     sync.Mutex
	names  *names
	exact  map[int]bool   // files of which each write was seen
	seen   map[int][]byte // what the others had when that was looked at last
	refuse func(Step) syscall.Errno
	err    error // what could not be noted
}

// watched are the calls that change files, as far as the standard library and bbolt make them, but for write: the Go
// runtime makes that itself, where nothing of Go may run meanwhile. What it has written is seen a little later.
var watched = []uint32{
	unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_MKDIRAT, unix.SYS_LINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT,
}

// arch is what the kernel calls the machine.
var arch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]

// Record notes what this process does below dir; what is there already is certain. It is so until the process ends, and can be had once; it is
// nothing for a process that starts others. The error says why the kernel does not let it.
func Record(dir string) (*Recorder, error) {
	r := &Recorder{}
	err := r.Restart(dir)
	if err != nil {
		return nil, err
	}
	if r.mem, err = os.Open("/proc/self/mem"); err != nil {
		return nil, err
	}
	if r.listen, err = install(); err != nil {
		return nil, errors.Join(fmt.Errorf("simdisk: the kernel lets nobody watch: %w", err), r.mem.Close())
	}
	go r.run()
	return r, nil
}

// install has the kernel ask before it makes one of the watched calls, whichever thread wants it.
func install() (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	const load, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_RET | unix.BPF_K
	const equal, anyOf = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	allow, ask := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_USER_NOTIF}
	filter := []unix.SockFilter{
		{Code: load, K: 4}, // the machine
		{Code: equal, K: arch, Jt: 1},
		allow,
		{Code: load, K: 0}, // the number of the call
		{Code: equal, K: unix.SYS_OPENAT, Jt: uint8(len(watched) + 2)},
	}
	for i, nr := range watched {
		filter = append(filter, unix.SockFilter{Code: equal, K: nr, Jt: uint8(len(watched) - i)})
	}
	filter = append(filter, allow, ask,
		unix.SockFilter{Code: load, K: 16 + 2*8}, // how a file is to be opened: only what changes something is of interest
		unix.SockFilter{Code: anyOf, K: unix.O_CREAT | unix.O_TRUNC, Jt: 1},
		allow, ask)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	flags := unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
		unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// question is struct seccomp_notif, and reply struct seccomp_notif_resp.
type question struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type reply struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

// run answers the kernel until the process ends. It must not make a watched call itself.
func (r *Recorder) run() {
	runtime.LockOSThread()
	for {
		var q question
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.listen), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&q))); errno != 0 {
			continue // who wanted to call is gone
		}
		a := reply{id: q.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if errno := r.ask(&q); errno != 0 {
			a.err, a.flags = -int32(errno), 0
		}
		// An error says that who wanted to call is gone.
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(r.listen), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a)))
	}
}

// ask notes a call, and returns the error with which it is to fail.
func (r *Recorder) ask(q *question) syscall.Errno {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.step(q)
	if !ok {
		return 0
	}
	switch s.kind {
	case syncing, link, rename:
		r.written(s.node, s.path)
	}
	if r.refuse != nil {
		if errno := r.refuse(Step{kinds[s.kind], s.path}); errno != 0 {
			return errno
		}
	}
	r.names.add(s)
	return 0
}

// step returns what a call does; not ok if it does nothing below the folder, or will fail.
func (r *Recorder) step(q *question) (s step, ok bool) {
	a := q.args
	switch uint32(q.nr) {
	case unix.SYS_OPENAT:
		return r.open(r.path(a[0], a[1]), a[2])
	case unix.SYS_MKDIRAT:
		path := r.path(a[0], a[1])
		s, ok = r.names.at(folder, path)
		return s, ok && !exists(path)
	case unix.SYS_PWRITE64:
		if s, ok = r.names.at(write, r.opened(a[0])); !ok {
			return s, false
		}
		s.data, s.at = r.read(a[1], a[2]), int64(a[3])
		r.exact[s.node] = true
		return s, true
	case unix.SYS_FTRUNCATE:
		s, ok = r.names.at(resize, r.opened(a[0]))
		s.at = int64(a[1])
		return s, ok
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return r.names.at(syncing, r.opened(a[0]))
	case unix.SYS_UNLINKAT:
		return r.names.at(unlink, r.path(a[0], a[1]))
	case unix.SYS_LINKAT:
		return r.move(link, r.path(a[0], a[1]), r.path(a[2], a[3]))
	default:
		return r.move(rename, r.path(a[0], a[1]), r.path(a[2], a[3]))
	}
}

// open is the step of an open that changes something.
func (r *Recorder) open(path string, flags uint64) (s step, ok bool) {
	switch there := exists(path); {
	case !there && flags&unix.O_CREAT != 0:
		return r.names.at(create, path)
	case there && flags&unix.O_TRUNC != 0 && flags&unix.O_EXCL == 0:
		return r.names.at(resize, path)
	}
	return s, false
}

// move is the step that gives what is at from the name to.
func (r *Recorder) move(k kind, from, to string) (s step, ok bool) {
	s, ok = r.names.at(k, from)
	if !ok || k == link && exists(to) {
		return s, false
	}
	if filepath.Dir(from) != filepath.Dir(to) {
		r.fail("%q goes to another folder", from)
		return s, false
	}
	s.old, s.name = s.name, filepath.Base(to)
	return s, true
}

// fail notes that something cannot be noted.
func (r *Recorder) fail(format string, args ...any) {
	r.err = errors.Join(r.err, fmt.Errorf("simdisk: "+format, args...))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// opened returns the path of an open file below the folder; empty for another one.
func (r *Recorder) opened(fd uint64) string {
	path, err := os.Readlink("/proc/self/fd/" + strconv.FormatUint(fd, 10))
	if err != nil {
		return ""
	}
	return r.below(path)
}

func (r *Recorder) below(path string) string {
	if path != r.dir && !strings.HasPrefix(path, r.dir+"/") {
		return ""
	}
	return path
}

// path returns the path that is meant by an open folder and a text in memory; empty if it is not below the folder.
func (r *Recorder) path(at, text uint64) string {
	path := r.text(text)
	if !filepath.IsAbs(path) {
		dir := "/proc/self/cwd"
		if int32(at) != unix.AT_FDCWD {
			dir = "/proc/self/fd/" + strconv.FormatUint(at, 10)
		}
		base, err := os.Readlink(dir)
		if err != nil {
			return ""
		}
		path = filepath.Join(base, path)
	}
	return r.below(filepath.Clean(path))
}

// text reads a text that ends with a zero.
func (r *Recorder) text(at uint64) string {
	page := make([]byte, 4096)
	var all []byte
	for {
		n, _ := r.mem.ReadAt(page[:4096-at%4096], int64(at)) // less if there is no more
		if end := bytes.IndexByte(page[:n], 0); end >= 0 || n == 0 {
			return string(append(all, page[:max(end, 0)]...))
		}
		all, at = append(all, page[:n]...), at+uint64(n)
	}
}

// read reads n bytes of memory.
func (r *Recorder) read(at, n uint64) []byte {
	data := make([]byte, n)
	if _, err := r.mem.ReadAt(data, int64(at)); err != nil {
		r.fail("reading memory: %w", err)
	}
	return data
}

// written notes what was written to a file by write, which is not watched.
func (r *Recorder) written(node int, path string) {
	if r.exact[node] {
		return
	}
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		r.fail("%w", err)
	}
	if !bytes.Equal(data, r.seen[node]) {
		r.seen[node] = data
		r.names.add(step{kind: write, path: path, node: node, data: data})
	}
}

// Mark notes that the program has said something: what was done before that is a promise.
func (r *Recorder) Mark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names.add(step{kind: mark, path: text})
}

// Refuse has f asked before each call; what is not 0 is the error with which it fails, without having done anything. nil
// ends that. f must not touch files.
func (r *Recorder) Refuse(f func(Step) syscall.Errno) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = f
}

// Restart forgets what was noted, and notes what is done below another folder from now on.
func (r *Recorder) Restart(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	fresh, err := newNames(dir)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dir, r.names, r.err = dir, fresh, nil
	r.exact, r.seen = map[int]bool{}, map[int][]byte{}
	return nil
}

// Log returns what was noted. Nobody may be writing below the folder. The error says that it is not all there was.
func (r *Recorder) Log() (*Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(r.names.nodes)) {
		r.written(r.names.nodes[path], path)
	}
	log := r.names.log
	return &log, errors.Join(r.err, log.Whole().Same(r.dir))
}
