package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// drainTime is how long calls under way may take to end when a server is stopped.
const drainTime = 5 * time.Second

func newServe() *cobra.Command {
	serve := &cobra.Command{
		Use:   "serve",
		Short: "Serve an object until interrupted",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return errors.New("serve what? There is: vat serve log") },
	}
	var listen, advertise, dir, phrase string
	log := &cobra.Command{
		Use:   "log",
		Short: "Serve a log: log(line) adds a line, search(text) finds lines",
		Long: "Serve a log until interrupted. The first line of standard output is the sturdyref that reaches it.\n" +
			"It is a secret: whoever has it can use the log. To keep it from others:\n\n" +
			"  (umask 077; vat serve log > log.cap) &\n\n" +
			"With --dir the log, the server's identity and whom it has been granted to are kept in a directory, and\n" +
			"the sturdyref is the same at each start; it is also in the file log.cap there. See: vat ref",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limitMemory()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cfg := &vat.Config{Listen: []string{listen}, Logger: logger(cmd)}
			if advertise != "" {
				cfg.Advertise = []string{advertise}
			}
			if dir != "" {
				cfg.Passphrase = passphrase(phrase)
				return serveDir(ctx, dir, cfg, cmd.OutOrStdout())
			}
			return serveLog(ctx, cfg, cmd.OutOrStdout())
		},
	}
	log.Flags().StringVar(&dir, "dir", "", "`directory` in which everything is kept (default: nothing is kept)")
	passphraseFlag(log, &phrase, "passphrase", "the passphrase of the server's key in --dir, which it gets when it is made")
	log.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`address` to listen on; 0.0.0.0:PORT means every interface")
	log.Flags().StringVar(&advertise, "advertise", "", "`host`, or host:port, that the sturdyref names (default: derived from --listen)")
	serve.AddCommand(log)
	return serve
}

// serveLog exports a log, writes its sturdyref, and serves until ctx ends.
func serveLog(ctx context.Context, cfg *vat.Config, out io.Writer) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	sr, err := v.Export(&logObject{}, nil)
	return serveUntil(ctx, v, sr, err, out)
}

// serveDir does so with the log that is kept in a directory.
func serveDir(ctx context.Context, dir string, cfg *vat.Config, out io.Writer) error {
	v, err := vat.Open(dir, cfg)
	if err != nil {
		return err
	}
	log, err := vat.Root(v, logName, func() *logObject { return &logObject{} })
	if err == nil {
		err = v.Publish(logName, log)
	}
	var sr sturdyref.Ref
	if err == nil {
		sr, err = ownCap(v, dir)
	}
	var control *control
	if err == nil {
		control, err = listenControl(v, dir)
	}
	err = serveUntil(ctx, v, sr, err, out)
	return errors.Join(err, control.close())
}

// serveUntil writes the sturdyref of what v serves, waits until ctx ends, and shuts v down. err is
// why it cannot serve.
func serveUntil(ctx context.Context, v *vat.Vat, sr sturdyref.Ref, err error, out io.Writer) error {
	if err == nil {
		_, err = fmt.Fprintln(out, sr.URI())
	}
	if err == nil {
		<-ctx.Done()
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(err, v.Shutdown(drain))
}
