//go:build !(linux && (amd64 || arm64))

package simdisk

import (
	"errors"
	"syscall"
)

// Recorder is something that only Linux has.
type Recorder struct{}

// Record fails with errors.ErrUnsupported.
func Record(string) (*Recorder, error) { return nil, errors.ErrUnsupported }

// Nobody has a Recorder whose methods he could call.

func (*Recorder) Mark(string)                     {}
func (*Recorder) Refuse(func(Step) syscall.Errno) {}
func (*Recorder) Restart(string) error            { return errors.ErrUnsupported }
func (*Recorder) Log() (*Log, error)              { return nil, errors.ErrUnsupported }
