package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

func newSave() *cobra.Command {
	var timeout time.Duration
	var out string
	cmd := &cobra.Command{
		Use:   "save REF",
		Short: "Ask for another sturdyref of an object, if its owner permits it",
		Long: "Ask the object that REF designates for another sturdyref, to hand on perhaps, and print it. It ends with\n" +
			"REF. The object's owner has to permit it: see vat ref new --saves.\n\n" + refHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unused(out); err != nil {
				return err
			}
			var saved sturdyref.Ref
			err := call(cmd, args[0], timeout, func(ctx context.Context, ref *vat.Ref) (string, error) {
				var err error
				if saved, err = vat.Save(ctx, ref); err != nil {
					return "", explain(ctx, ref, "save", err)
				}
				return "", nil
			})
			if err != nil {
				return err
			}
			return show(cmd, saved, out)
		},
	}
	timeoutFlag(cmd, &timeout)
	outFlag(cmd, &out)
	return cmd
}
