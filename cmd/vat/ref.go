package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
)

// refHelp says in each command's help what REF is.
const refHelp = "REF is a file that holds the sturdyref, - for standard input, or env:NAME for an environment variable.\n" +
	"The URI itself works, too, but other users of the machine can see it in the command line."

// readRef gets the sturdyref that a REF means. Its errors are the user's to mend,
// and never quote what may be the secret.
func readRef(cmd *cobra.Command, ref string) (sturdyref.Ref, error) {
	switch name, isEnv := strings.CutPrefix(ref, "env:"); {
	case ref == "-":
		sr, err := sturdyref.Read(cmd.InOrStdin())
		return sr, from("standard input", err)
	case isEnv:
		uri, ok := os.LookupEnv(name)
		if !ok {
			return sturdyref.Ref{}, fmt.Errorf("there is no environment variable %s", escape(name))
		}
		sr, err := sturdyref.Parse(uri)
		return sr, from("environment variable "+escape(name), err)
	case strings.Contains(ref, ":/"), strings.HasPrefix(ref, "captp:"):
		warn(cmd, "a sturdyref in the command line is seen by other users of this machine and kept by the shell's history; "+
			"better keep it in a file that only you can read, and give the file, or - (standard input), or env:NAME")
		sr, err := sturdyref.Parse(ref)
		return sr, from("the URI", err)
	}
	sr, err := sturdyref.ReadFile(ref)
	if errors.Is(err, sturdyref.ErrPermissive) {
		warn(cmd, "%v", err)
		err = nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		// The name might be a URI whose beginning was lost.
		if name := filepath.Base(ref); len(name) < 56 {
			err = fmt.Errorf("file %s: %w", escape(name), path.Err)
		} else {
			err = fmt.Errorf("file: %w", path.Err)
		}
		return sturdyref.Ref{}, fmt.Errorf("%w (a sturdyref begins with captp://)", err)
	}
	return sr, err
}

// from says where a malformed sturdyref came from.
func from(source string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", source, err)
}
