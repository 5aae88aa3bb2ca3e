package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// newStore are the commands that look after the directory of a log that is kept.
func newStore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the directory of a log that is kept",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("do what? There are: vat store check, compact, backup, passphrase, identity, rotate, retire")
		},
	}
	cmd.AddCommand(
		newCheck(),
		storeCommand("compact", "Give back the room that is not used any more; the log must not be served", store.Store.Compact),
		newBackup(), newPassphrase(), newIdentity(), newRotateIdentity(), newRetire(),
	)
	return cmd
}

// storeCommand is a command that has the store of a directory to itself.
func storeCommand(name, short string, do func(store.Store, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " DIR",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := filepath.Join(args[0], "store")
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("there is no store in %q", args[0])
			}
			s, err := boltstore.Open(path)
			if err != nil {
				return err
			}
			return errors.Join(do(s, cmd.Context()), s.Close())
		},
	}
}

// newCheck is the command that checks a store: it asks the server, or looks itself if none runs.
func newCheck() *cobra.Command {
	cmd := storeCommand("check", "Read everything, and report what is damaged, also while the log is served", store.Store.Check)
	alone := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		conn, err := dialControl(args[0])
		if err != nil {
			return alone(cmd, args)
		}
		r, err := askServer(conn, request{Do: "check"})
		if err == nil && r.Error != "" {
			err = errors.New(r.Error)
		}
		return err
	}
	return cmd
}

func newBackup() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{
		Use:   "backup DIR TO",
		Short: "Copy what is needed to serve the log elsewhere into a new directory, also while it is served",
		Long: "Make the directory TO, with which the log can be served under the same sturdyrefs if DIR is lost. It holds\n" +
			"the same secrets as DIR. Never serve both.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			if _, err := askDir(cmd, args[0], phrase, request{Do: "backup", To: to}); err != nil {
				return err
			}
			text, err := os.ReadFile(capPath(args[0]))
			if errors.Is(err, os.ErrNotExist) {
				return nil // a new one is made when the copy is served
			}
			if err == nil {
				err = os.WriteFile(capPath(to), text, 0o600)
			}
			return err
		},
	}
	passphraseFlag(cmd, &phrase, "passphrase", keyPhrase)
	return cmd
}
