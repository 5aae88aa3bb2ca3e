package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/vat"
)

func newSend() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "send REF VERB [ARG…]",
		Short: "Send a verb to an object and print the result",
		Long: "Send VERB with the ARGs to the object that REF designates, and print the result as JSON.\n\n" +
			refHelp + "\n\n" +
			"Each ARG is JSON; a text may stand without quotes if it does not look like JSON. For what JSON has no\n" +
			`notation for there is {"$bytes":"<base64>"}, {"$time":"<RFC 3339>"} and {"$duration":"1m30s"}.` + "\n" +
			"What begins with a dash and is no number stands behind --.\n\n" +
			"@FILE passes a reference to the object whose sturdyref FILE holds; so do @- and @env:NAME. A text that\n" +
			`begins with @ is written as a JSON string, '"@home"'.`,
		Example: "  vat send log.cap log 'it rained'\n  vat send log.cap search rain\n  vat send guest.cap meet @counter.cap",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, words []string) error {
			args, err := parseArgs(cmd, words[2:])
			if err != nil {
				return err
			}
			return call(cmd, words[0], timeout, func(ctx context.Context, ref *vat.Ref) (string, error) {
				if err := enliven(ctx, ref.Vat(), args); err != nil {
					return "", err
				}
				result, err := vat.Call[any](ctx, ref, words[1], args...)
				if err != nil {
					return "", explain(ctx, ref, words[1], err)
				}
				return string(appendJSON(nil, result)) + "\n", nil
			})
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

// timeoutFlag gives a command --timeout.
func timeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", 30*time.Second, "how long to wait for everything together")
}

// call asks something of the object that a REF means, and prints the answer. Errors of ask are explained already.
func call(cmd *cobra.Command, where string, timeout time.Duration, ask func(context.Context, *vat.Ref) (string, error)) error {
	ctx, cancel, err := deadline(cmd.Context(), timeout)
	if err != nil {
		return err
	}
	defer cancel()
	sr, err := readRef(cmd, where)
	if err != nil {
		return err
	}
	v, err := vat.New(&vat.Config{Logger: logger(cmd)})
	if err != nil {
		return err
	}
	patience := time.Second
	defer func() { goodbye(v, patience) }()
	ref := v.Enliven(sr)
	answer, err := ask(ctx, ref)
	warnFormer(cmd, ref)
	if err != nil {
		return err
	}
	patience = 5 * time.Second // those who were passed references may still be on their way there: see Shutdown
	_, err = fmt.Fprint(cmd.OutOrStdout(), answer)
	return err
}

// goodbye ends the vat of a command, in order if the others answer soon. How it
// goes changes nothing for the user, who has the answer or the error already.
func goodbye(v *vat.Vat, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = v.Shutdown(ctx)
}

// deadline returns a context that ends after timeout.
func deadline(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if timeout <= 0 {
		return nil, nil, errors.New("--timeout must be more than 0, such as 500ms, 30s or 5m")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

// logger returns where the vat of a command says what went wrong on its side. It
// quotes what peers chose.
func logger(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
