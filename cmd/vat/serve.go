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
	var listen, advertise string
	log := &cobra.Command{
		Use:   "log",
		Short: "Serve a log: log(line) adds a line, search(text) finds lines",
		Long: "Serve a log until interrupted. The first line of standard output is the sturdyref that reaches it.\n" +
			"It is a secret: whoever has it can use the log. To keep it from others:\n\n" +
			"  (umask 077; vat serve log > log.cap) &",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cfg := &vat.Config{Listen: []string{listen}, Logger: logger(cmd)}
			if advertise != "" {
				cfg.Advertise = []string{advertise}
			}
			return serveLog(ctx, cfg, cmd.OutOrStdout())
		},
	}
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
