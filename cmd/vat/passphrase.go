package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/crypto"
)

// passphraseFlag gives a command a flag that says where a passphrase is: never the passphrase itself,
// which others could see in the command line.
func passphraseFlag(cmd *cobra.Command, where *string, name, usage string) {
	cmd.Flags().StringVar(where, name, "", usage+": a `file` that holds it, or env:NAME (default: there is none)")
}

// passphrase returns the function that gets the passphrase that a flag means; nil if there is none.
func passphrase(where string) func() ([]byte, error) {
	if where == "" {
		return nil
	}
	return func() ([]byte, error) {
		var text string
		if name, ok := strings.CutPrefix(where, "env:"); ok {
			if text, ok = os.LookupEnv(name); !ok {
				return nil, fmt.Errorf("there is no environment variable %q", name)
			}
		} else {
			data, err := os.ReadFile(where)
			if err != nil {
				return nil, err
			}
			text = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		}
		if text == "" {
			return nil, errors.New("the passphrase is empty")
		}
		return []byte(text), nil
	}
}

func newPassphrase() *cobra.Command {
	var old, fresh string
	cmd := &cobra.Command{
		Use:   "passphrase DIR",
		Short: "Change the passphrase of the server's key, or give it one, or take it away",
		Long: "Change the passphrase of DIR/key. The server need not be stopped. Copies of the file that were made before,\n" +
			"in backups for instance, still open with the old one.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var phrases [2][]byte // nil: none
			for i, where := range []string{old, fresh} {
				if get := passphrase(where); get != nil {
					var err error
					if phrases[i], err = get(); err != nil {
						return err
					}
				}
			}
			if cut, _ := filepath.Glob(filepath.Join(args[0], "key.*")); len(cut) > 0 { // it fails for bad patterns only
				return fmt.Errorf("a rotation of the identity was cut short: %q is there; any vat ref command puts it in order", cut[0])
			}
			return crypto.ChangePassphrase(filepath.Join(args[0], "key"), phrases[0], phrases[1])
		},
	}
	passphraseFlag(cmd, &old, "old", "the passphrase that it has")
	passphraseFlag(cmd, &fresh, "new", "the passphrase that it is to have")
	return cmd
}
