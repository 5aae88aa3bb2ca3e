//go:build !linux

package hostile

import (
	"errors"
	"time"
)

var errNotLinux = errors.New("only Linux tells")

// residentNow is not known here.
func residentNow() (int64, bool) { return 0, false }

// Resident is not known here.
func Resident(int) (int64, error) { return 0, errNotLinux }

// ResidentPeak is not known here.
func ResidentPeak(int) (int64, error) { return 0, errNotLinux }

// CPUOf is not known here.
func CPUOf(int) (time.Duration, error) { return 0, errNotLinux }
