//go:build unix

package boltstore

import (
	"errors"
	"math/bits"
	"os"
	"syscall"
)

// mapSize is for how large a file addresses are set aside: up to there a commit that makes
// the file grow does not wait for snapshots. It costs nothing.
const mapSize = (16 << 30) * (bits.UintSize >> 6)

// diskFull is one more name for syscall.ENOSPC.
const diskFull = syscall.ENOSPC

// tryLock locks a file, until it is closed, and reports whether nobody else has it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// unlock gives up a lock on a file.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
