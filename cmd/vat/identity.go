package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// identityInfo is an identity of a vat in a list.
type identityInfo struct {
	ID           string
	Since, Until time.Time // of a former one: when it became that, and how long it is answered to; zero: not any more
}

// identities returns those of a vat, the present one first.
func identities(v *vat.Vat) []identityInfo {
	infos := []identityInfo{{ID: v.ID().String()}}
	for _, f := range v.Formers() {
		infos = append(infos, identityInfo{ID: f.ID.String(), Since: f.Since, Until: f.Until})
	}
	return infos
}

// retire retires the vat from the former identity with a text.
func retire(v *vat.Vat, text string) error {
	id, err := crypto.ParseVatID(text)
	if err != nil {
		return fmt.Errorf("which identity? %w; see: vat store identity", err)
	}
	return v.RetireFormer(id)
}

func newIdentity() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{
		Use:   "identity DIR",
		Short: "List the server's identity, and those that it had before",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := askDir(cmd, args[0], phrase, request{Do: "identities"})
			if err != nil {
				return err
			}
			return identityTable(cmd.OutOrStdout(), r.Identities)
		},
	}
	passphraseFlag(cmd, &phrase, "passphrase", keyPhrase)
	return cmd
}

func identityTable(out io.Writer, infos []identityInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, i := range infos {
		state := "present"
		switch {
		case !i.Until.IsZero():
			state = "former, answered to until " + i.Until.Local().Format(time.DateTime)
		case !i.Since.IsZero():
			state = "former, retired"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", i.ID, state) // Flush has the error
	}
	return w.Flush()
}

func newRotateIdentity() *cobra.Command {
	var phrase string
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rotate DIR",
		Short: "Give the server a new identity, under which the log and all grants go on; it must not be served",
		Long: "Make a new key for the server, and print the new vat id. The log, the grants and their secrets stay; log.cap\n" +
			"names the new identity from the next start on. For the time of --grace the server answers to the old one, too,\n" +
			"and who has an old sturdyref gets the new one with vat follow. After that, or vat store retire, the old\n" +
			"key is gone, and old sturdyrefs lead nowhere.\n\n" +
			"If the key may be known to others give no grace, and hand the new sturdyrefs out by another way: who has\n" +
			"the old key can pose as the old identity.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if grace < 0 {
				return errors.New("--grace must not be negative")
			}
			id, err := vat.RotateIdentity(args[0], &vat.RotateConfig{Passphrase: passphrase(phrase), Grace: grace})
			if errors.Is(err, vat.ErrTooManyFormers) {
				return fmt.Errorf("%w; see: vat store identity, vat store retire", err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
			return err
		},
	}
	cmd.Flags().DurationVar(&grace, "grace", 0, "how long the server answers to the old identity, such as 720h (default: not at all)")
	passphraseFlag(cmd, &phrase, "passphrase", "the passphrase of the server's key, which the new one gets, too")
	return cmd
}

func newRetire() *cobra.Command {
	var phrase string
	cmd := &cobra.Command{
		Use:   "retire DIR ID",
		Short: "End an identity that the server had before, also while it is served",
		Long: "Remove the key of a former identity: what vat store identity shows. Sturdyrefs that name it lead nowhere from\n" +
			"then on; their secrets stay good in those that name the present one.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := askDir(cmd, args[0], phrase, request{Do: "retire", Which: args[1]})
			return err
		},
	}
	passphraseFlag(cmd, &phrase, "passphrase", keyPhrase)
	return cmd
}

func newFollow() *cobra.Command {
	var timeout time.Duration
	var out string
	cmd := &cobra.Command{
		Use:   "follow REF",
		Short: "Ask for the sturdyref that takes the place of one whose vat has a new identity",
		Long: "Ask the vat that REF names by which identity it goes now, and print the sturdyref with that: the same secret,\n" +
			"and where the vat is to be found now. It is REF itself if the vat has not changed.\n\n" + refHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unused(out); err != nil {
				return err
			}
			fresh, err := follow(cmd, args[0], timeout)
			if err != nil {
				return err
			}
			return show(cmd, fresh, out)
		},
	}
	timeoutFlag(cmd, &timeout)
	outFlag(cmd, &out)
	return cmd
}

// follow asks for the successor of what a REF means.
func follow(cmd *cobra.Command, where string, timeout time.Duration) (fresh sturdyref.Ref, err error) {
	ctx, cancel, err := deadline(cmd.Context(), timeout)
	if err != nil {
		return fresh, err
	}
	defer cancel()
	sr, err := readRef(cmd, where)
	if err != nil {
		return fresh, err
	}
	v, err := vat.New(&vat.Config{Logger: logger(cmd)})
	if err != nil {
		return fresh, err
	}
	defer goodbye(v, time.Second)
	fresh, err = v.Successor(ctx, sr)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = failed(exitTimeout, "no answer in time")
	case errors.Is(err, vat.ErrWrongVat):
		err = failed(exitWrongVat, "%s", anotherVat)
	case errors.Is(err, vat.ErrNoSuchObject):
		err = failed(exitNoObject, "%s", noSuchObject)
	case errors.Is(err, vat.ErrDisconnected):
		err = failed(exitUnreachable, "the vat, or its successor, cannot be reached: %s", escape(err.Error()))
	case err != nil:
		err = failed(exitRaised, "%s", escape(err.Error()))
	}
	return fresh, err
}

// warnFormer tells the user of a reference that its sturdyref will not be good for ever.
func warnFormer(cmd *cobra.Command, ref *vat.Ref) {
	if ref.Former() {
		warn(cmd, "the vat has a new identity, and answers to the one in this sturdyref for a time only; "+
			"get the new sturdyref with: vat follow REF --out FILE")
	}
}
