package boltstore

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// mapSize is 0: addresses that are set aside would be a file of that size.
const mapSize = 0

// diskFull is what Windows says when there is no room.
const diskFull = windows.ERROR_DISK_FULL

// tryLock locks a file, until it is closed, and reports whether nobody else has it. What
// is locked is a byte far behind its end: what stands in the file can still be read.
func tryLock(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// unlock has nothing to do: the lock ends with the file.
func unlock(*os.File) error { return nil }
