package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// newRef are the commands that manage the grants of a log that is kept.
func newRef() *cobra.Command {
	ref := &cobra.Command{
		Use:   "ref",
		Short: "Manage the sturdyrefs of a log that is kept in a directory, also while it is served",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("which? There are: vat ref new, ls, revoke, rotate")
		},
	}
	ref.AddCommand(newRefNew(), newRefList(), newRefRevoke(), newRefRotate())
	return ref
}

// place is the directory of a log, and what opens the key in it.
type place struct{ dir, phrase string }

const keyPhrase = "the passphrase of the server's key, if it is not served"

// flags gives a command --dir, which it needs, and --passphrase.
func (p *place) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&p.dir, "dir", "", "`directory` of the log")
	_ = cmd.MarkFlagRequired("dir") // it is there
	passphraseFlag(cmd, &p.phrase, "passphrase", keyPhrase)
	return cmd
}

// outFlag gives a command --out.
func outFlag(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVar(out, "out", "", "write the sturdyref into this new `file`, for its owner only (default: standard output)")
}

// ask asks the vat there.
func (p *place) ask(cmd *cobra.Command, q request) (response, error) {
	return askDir(cmd, p.dir, p.phrase, q)
}

// askDir asks the vat in a directory.
func askDir(cmd *cobra.Command, dir, phrase string, q request) (response, error) {
	return ask(cmd.Context(), dir, &vat.Config{Logger: logger(cmd), Passphrase: passphrase(phrase)}, q)
}

// showNew shows the sturdyref of a response.
func showNew(cmd *cobra.Command, r response, file string) error {
	sr, err := sturdyref.Parse(r.URI)
	if err != nil {
		return err
	}
	return show(cmd, sr, file)
}

// show writes a new sturdyref where its owner wants it. What cannot be written there goes to standard
// output: it would be lost, and an old one may be good no more.
func show(cmd *cobra.Command, sr sturdyref.Ref, file string) error {
	if file != "" {
		err := sturdyref.WriteFile(file, sr)
		if err == nil {
			return nil
		}
		warn(cmd, "the sturdyref is on standard output instead: %v", err)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), sr.URI())
	return err
}

// unused returns an error if there is a file already where a sturdyref is to go.
func unused(file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("file %q exists", file)
	}
	return nil
}

func newRefNew() *cobra.Command {
	var at place
	var out string
	q := request{Do: "new"}
	cmd := &cobra.Command{
		Use:   "new --dir DIR",
		Short: "Make a sturdyref of its own for somebody",
		Long: "Make another sturdyref of the log, which can be revoked by itself, and print it. It is shown this once:\n" +
			"the directory has but a digest of it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Lifetime < 0 {
				return errors.New("--lifetime must not be negative")
			}
			if err := unused(out); err != nil {
				return err
			}
			r, err := at.ask(cmd, q)
			if err != nil {
				return err
			}
			return showNew(cmd, r, out)
		},
	}
	cmd.Flags().StringVar(&q.Label, "label", "", "`text` for your own list: whom it is for, say")
	cmd.Flags().DurationVar(&q.Lifetime, "lifetime", 0, "how long it is good, such as 24h (default: until it is revoked)")
	cmd.Flags().BoolVar(&q.Once, "once", false, "it is good for one use")
	cmd.Flags().IntVar(&q.Saves, "saves", 0, "how many others may be made of it with vat save; they end with it")
	outFlag(cmd, &out)
	return at.flags(cmd)
}

func newRefList() *cobra.Command {
	var at place
	return at.flags(&cobra.Command{
		Use:   "ls --dir DIR",
		Short: "List who can use the log; the secrets are not shown, nobody has them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := at.ask(cmd, request{Do: "ls"})
			if err != nil {
				return err
			}
			return table(cmd.OutOrStdout(), r.Grants)
		},
	})
}

// table prints grants, each in a line.
func table(out io.Writer, grants []grantInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLABEL\tCREATED\tEXPIRES\tUSES\tLAST USE")
	for _, g := range grants {
		label := escape(g.Label)
		if label == "" {
			label = "-"
		}
		uses := fmt.Sprint(g.Uses)
		if g.Once {
			uses += " of 1"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, label, when(g.Created), when(g.Expires), uses, when(g.Used))
	}
	return w.Flush()
}

// when prints a time, to the second.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.RFC3339)
}

func newRefRevoke() *cobra.Command {
	var at place
	return at.flags(&cobra.Command{
		Use:   "revoke --dir DIR ID|LABEL",
		Short: "Revoke sturdyrefs, and everything that came of them, at once and for good",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := at.ask(cmd, request{Do: "revoke", Which: args[0]})
			return err
		},
	})
}

func newRefRotate() *cobra.Command {
	var at place
	var out string
	q := request{Do: "rotate"}
	cmd := &cobra.Command{
		Use:   "rotate --dir DIR ID|LABEL",
		Short: "Make a new sturdyref in the place of an old one, and print it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unused(out); err != nil {
				return err
			}
			q.Which = args[0]
			r, err := at.ask(cmd, q)
			if r.URI != "" { // also if something went wrong then
				err = errors.Join(showNew(cmd, r, out), err)
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&q.Grace, "grace", 0, "how long the old one stays good, such as 1h (default: it ends at once)")
	outFlag(cmd, &out)
	return at.flags(cmd)
}
