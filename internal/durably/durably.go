// Package durably makes names in folders last. A file that is on the disk has its name on the disk only when the folder
// has been brought there, too, and so has the folder its own in the one above it.
package durably

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Sync brings the names in a folder to the disk. Windows does it by itself, and some file systems have no way to be asked.
func Sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err = d.Sync(); errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// Mkdir is os.MkdirAll for a folder whose name lasts when it returns; also if it was there already, as whoever has made
// it may not have come to that.
func Mkdir(dir string, mode os.FileMode) error {
	parent := filepath.Dir(dir)
	_, err := os.Stat(dir)
	there := err == nil
	if !there && parent != dir {
		if err := Mkdir(parent, mode); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	err = Sync(parent)
	if there && errors.Is(err, fs.ErrPermission) { // another's, who has seen to it
		return nil
	}
	return err
}

// Rename is os.Rename within a folder, with a name that lasts when it returns.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return Sync(filepath.Dir(to))
}
