package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/vat"
)

func newDescribe() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "describe REF",
		Short: "Print what verbs an object has",
		Long:  "Print the verbs of the object that REF designates, one in a line, as it describes them itself.\n\n" + refHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			return call(cmd, words[0], timeout, func(ctx context.Context, ref *vat.Ref) (string, error) {
				d, err := vat.Describe(ctx, ref)
				if err != nil {
					return "", explain(ctx, ref, "describe", err)
				}
				var text strings.Builder
				for _, v := range d.Verbs {
					text.WriteString(escape(v.String()) + "\n")
				}
				return text.String(), nil
			})
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}
