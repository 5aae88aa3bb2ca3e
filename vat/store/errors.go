package store

import (
	"errors"
	"fmt"
)

// The errors of stores. Backends wrap them; test with errors.Is.
var (
	ErrClosed   = errors.New("store: closed")
	ErrLocked   = errors.New("store: in use")
	ErrFailed   = errors.New("store: failed before; open it again")
	ErrFull     = errors.New("store: no space left on the disk")
	ErrDamaged  = errors.New("store: damaged")
	ErrFormat   = errors.New("store: of a format that this program does not know")
	ErrBusy     = errors.New("store: a snapshot is open")
	ErrName     = errors.New("store: an empty key, or a name that no bucket can have")
	ErrTooLarge = errors.New("store: a key or value is too large")
)

// LockedError says who has a store open. It satisfies errors.Is(err, ErrLocked).
type LockedError struct {
	Path string // of the store
	PID  int    // of the holder; 0 if it is not known
}

// Error implements error.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("store %q is in use by another process", e.Path)
	}
	return fmt.Sprintf("store %q is in use by process %d", e.Path, e.PID)
}

// Is makes it an ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }
