package sturdyref

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrExposed is the warning that [Open] gives for a URI in a command line. Test for it with errors.Is.
var ErrExposed = errors.New("a sturdyref in the command line is seen by other users of this machine and kept by the shell's history; " +
	"better keep it in a file that only you can read, and give the file, or - (standard input), or env:NAME")

// Open gets the sturdyref that an argument of a command line means: "-" stands for what stdin holds, "env:NAME" for an
// environment variable, a URI for itself, everything else for a file.
//
// Like [ReadFile] it returns a Ref together with an error where it only warns: [ErrPermissive], [ErrExposed]. So an error
// with a zero Ref is a failure and one with a Ref is a warning. No error quotes what may be the secret.
func Open(arg string, stdin io.Reader) (Ref, error) {
	switch name, isEnv := strings.CutPrefix(arg, "env:"); {
	case arg == "-":
		r, err := Read(stdin)
		return r, from("standard input", err)
	case isEnv:
		uri, ok := os.LookupEnv(name)
		if !ok {
			return Ref{}, fmt.Errorf("there is no environment variable %q", name)
		}
		r, err := Parse(uri)
		return r, from(fmt.Sprintf("environment variable %q", name), err)
	case strings.Contains(arg, ":/"), strings.HasPrefix(arg, "captp:"):
		r, err := Parse(arg)
		if err == nil {
			err = ErrExposed
		}
		return r, from("the URI", err)
	}
	r, err := ReadFile(arg)
	var path *fs.PathError
	if r.IsZero() && errors.As(err, &path) {
		err = fmt.Errorf("file: %w (a sturdyref begins with captp://)", path.Err)
		// The name might be a URI whose beginning was lost.
		if len(filepath.Base(arg)) < textSize {
			err = fmt.Errorf("file %q: %w (a sturdyref begins with captp://)", arg, path.Err)
		}
	}
	return r, err
}

// from says where a sturdyref came from that is malformed.
func from(source string, err error) error {
	if err == nil || errors.Is(err, ErrExposed) {
		return err
	}
	return fmt.Errorf("%s: %w", source, err)
}
