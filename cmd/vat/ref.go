package main

import (
	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
)

// refHelp says in each command's help what REF is.
const refHelp = "REF is a file that holds the sturdyref, - for standard input, or env:NAME for an environment variable.\n" +
	"The URI itself works, too, but other users of the machine can see it in the command line."

// readRef gets the sturdyref that a REF means. Its errors are the user's to mend,
// and never quote what may be the secret.
func readRef(cmd *cobra.Command, ref string) (sturdyref.Ref, error) {
	sr, err := sturdyref.Open(ref, cmd.InOrStdin())
	if err != nil && !sr.IsZero() {
		warn(cmd, "%v", err)
		err = nil
	}
	return sr, err
}
