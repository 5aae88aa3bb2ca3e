package sturdyref

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vatnet/vatnet/internal/durably"
)

// ErrPermissive is wrapped by the warning that [ReadFile] gives for a file that others than its owner can open. Test for
// it with errors.Is.
var ErrPermissive = errors.New("others than its owner can open it; run chmod 600 on it, and revoke the sturdyref if they were not meant to have it")

// WriteFile writes the sturdyref's URI and a line end into a new file that only its owner can read (mode 0600). It never
// overwrites: if path exists, the error satisfies errors.Is(err, fs.ErrExist). When WriteFile returns nil the file is
// whole and on the disk; whoever opens path meanwhile finds either nothing or the whole of it. (On a file system without
// hard links the file is created in its place instead, and somebody may meet it half written.)
func WriteFile(path string, r Ref) error {
	if r.IsZero() {
		return errors.New("sturdyref: the zero Ref cannot be written to a file")
	}
	if err := writeFile(path, r.URI()+"\n", os.Link); err != nil {
		return fmt.Errorf("sturdyref: %w", err)
	}
	return nil
}

// writeFile writes a temporary file and links it to path: a link, unlike a rename, fails if path exists.
func writeFile(path, text string, link func(from, to string) error) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".cap-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := fill(tmp, text); err != nil {
		return err
	}
	switch err := link(tmp.Name(), path); {
	case err == nil:
		return durably.Sync(dir)
	case errors.Is(err, fs.ErrExist):
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := fill(f, text); err != nil {
		os.Remove(path)
		return err
	}
	return durably.Sync(dir)
}

// fill writes text to f, brings it to the disk and closes f.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ReadFile reads a sturdyref from a file that holds its URI and at most one line end.
//
// If others than the file's owner can open it (by its mode; not on Windows), the Ref is returned together with an error
// that wraps [ErrPermissive]. It is the only error that comes with a valid Ref: who means to warn does so and goes on,
// who treats it like any other error is on the safe side. A path that is no regular file, a pipe for example, is read
// without that check.
func ReadFile(path string) (Ref, error) {
	f, err := os.Open(path)
	if err != nil {
		return Ref{}, fmt.Errorf("sturdyref: %w", err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return Ref{}, fmt.Errorf("file %q: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return Ref{}, fmt.Errorf("sturdyref: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return r, fmt.Errorf("file %q: mode %#o: %w", path, info.Mode().Perm(), ErrPermissive)
	}
	return r, nil
}

// Read reads a sturdyref from r up to its end, standard input for example. What it reads must be the URI and at most one
// line end; other text gives a *[ParseError].
func Read(r io.Reader) (Ref, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxURI+int64(len("\r\n"))+1))
	if err != nil {
		return Ref{}, fmt.Errorf("sturdyref: %w", err)
	}
	line := strings.TrimSuffix(string(text), "\n")
	if line != string(text) {
		line = strings.TrimSuffix(line, "\r")
	}
	return Parse(line)
}
