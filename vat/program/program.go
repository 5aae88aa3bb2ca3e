// Package program is the frame around a small program with a vat: its command line,
// its signals, its end. The programs in examples/ stand in it, and so may yours.
//
// Such a program is two halves in one. Without arguments it is the server: it exports
// its objects, prints their sturdyrefs, each in a line, and serves until it is
// interrupted. With arguments it is the client: the first says where the sturdyref
// is, and the others are its own.
//
//	func main() { program.Main(serve, client) }
//
//	func serve(ctx context.Context, v *vat.Vat) error {
//		return program.Serve(ctx, v, os.Stdout, &Counter{})
//	}
//
//	func client(ctx context.Context, counter *vat.Ref, args []string) error {
//		n, err := vat.Call[int](ctx, counter, "add", 1)
//		…
//	}
//
// A sturdyref is a secret, and everybody on a machine can see its command lines. So
// the sturdyref is best given as a file that holds it:
//
//	(umask 077; counter > counter.cap) &
//	counter counter.cap
package program

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// drainTime is how long calls under way may take to end when a program ends.
const drainTime = 5 * time.Second

// Main runs a program of two halves, and ends the process if one fails. Flags that the
// program has of its own are defined before; Main adds -listen and -advertise, for
// the server, and parses.
//
// Without arguments serve runs, with a new vat that listens. With arguments use runs, with
// a new vat that cannot be dialled: there is what the first argument designates, see
// [sturdyref.Open], a promise so far, and args are the others. When one of them has returned,
// its vat is shut down in order: calls under way have five seconds to end, and do not have
// them if it has failed.
//
// The context ends when the process is interrupted, or told to terminate; the second
// time that ends the process. An error is printed on standard error, and the process
// ends with status 1.
func Main(serve func(ctx context.Context, v *vat.Vat) error, use func(ctx context.Context, there *vat.Ref, args []string) error) {
	MainIn(nil, serve, use)
}

// MainIn is Main for a server that outlives its process: its vat is opened from a directory, see [vat.Open]. dir is
// read once flags have been parsed; nil means a new vat.
func MainIn(dir *string, serve func(ctx context.Context, v *vat.Vat) error, use func(ctx context.Context, there *vat.Ref, args []string) error) {
	listen := flag.String("listen", "127.0.0.1:0", "serve on this `address`; 0.0.0.0:PORT means every interface")
	advertise := flag.String("advertise", "", "`host` (or host:port) that sturdyrefs name; default: that of the listener")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second time it ends at once
	open := vat.New
	if dir != nil {
		open = func(cfg *vat.Config) (*vat.Vat, error) { return vat.Open(*dir, cfg) }
	}
	server := func() (*vat.Vat, error) { return open(config(*listen, *advertise)) }
	err := run(ctx, server, flag.Args(), serve, use)
	if err != nil {
		complain("%v", err)
		os.Exit(1)
	}
}

// config makes the server's config of the flags.
func config(listen, advertise string) *vat.Config {
	cfg := &vat.Config{Listen: []string{listen}}
	if advertise != "" {
		cfg.Advertise = []string{advertise}
	}
	return cfg
}

// run is serve without arguments, with the vat that server makes, and use with some.
func run(ctx context.Context, server func() (*vat.Vat, error), args []string, serve func(context.Context, *vat.Vat) error,
	use func(context.Context, *vat.Ref, []string) error) error {
	if len(args) == 0 {
		return with(server, func(v *vat.Vat) error { return serve(ctx, v) })
	}
	sr, err := sturdyref.Open(args[0], os.Stdin)
	if sr.IsZero() {
		return err
	}
	if err != nil {
		complain("warning: %v", err)
	}
	client := func() (*vat.Vat, error) { return vat.New(nil) }
	return with(client, func(v *vat.Vat) error { return use(ctx, v.Enliven(sr), args[1:]) })
}

// with runs f with the vat that open gives, and ends that.
func with(open func() (*vat.Vat, error), f func(v *vat.Vat) error) error {
	v, err := open()
	if err != nil {
		return err
	}
	if err := f(v); err != nil {
		return errors.Join(err, v.Close())
	}
	return shutdown(v)
}

// shutdown ends a vat in order.
func shutdown(v *vat.Vat) error {
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return v.Shutdown(drain)
}

// complain writes a diagnostic.
func complain(format string, args ...any) {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	fmt.Fprintf(os.Stderr, name+": "+format+"\n", args...)
}

// Serve exports objects of v, writes their sturdyrefs to out, each in a line and in
// their order, all at once, and waits until ctx ends. Then it shuts v down in order: calls under
// way have five seconds to end. It returns what went wrong.
//
// To out go secrets: it should be a file of its owner's, or a pipe to who may have
// them.
func Serve(ctx context.Context, v *vat.Vat, out io.Writer, objects ...any) error {
	var lines strings.Builder // written at once: who sees one, in a file, say, sees all
	var err error
	for _, o := range objects {
		sr, xerr := v.Export(o, nil)
		if xerr == nil {
			lines.WriteString(sr.URI() + "\n")
		}
		err = errors.Join(err, xerr)
	}
	if err == nil {
		_, err = io.WriteString(out, lines.String())
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, shutdown(v))
}

// Input gives r, standard input say, as a reader that can be closed: that ends a Read which
// waits, with io.ErrClosedPipe.
//
// A read of r itself cannot be interrupted. So a goroutine stays until r gives something more,
// or has come to its end, and reads what that is in vain.
func Input(r io.Reader) io.ReadCloser {
	in, out := io.Pipe()
	go func() {
		_, err := io.Copy(out, r)
		out.CloseWithError(err)
	}()
	return in
}

// Lines gives the lines of r, standard input say, without their ends, until r or ctx
// ends: in the latter case, and when r fails, the last thing given is the error; a line of
// 64 KiB is too long, bufio.ErrTooLong. It reads r by [Input].
func Lines(ctx context.Context, r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := Input(r)
		defer in.Close()
		defer context.AfterFunc(ctx, func() { _ = in.Close() })() // it never fails
		lines := bufio.NewScanner(in)
		for ctx.Err() == nil && lines.Scan() {
			if !yield(lines.Text(), nil) {
				return
			}
		}
		if err := cmp.Or(ctx.Err(), lines.Err()); err != nil {
			yield("", err)
		}
	}
}

// Printable returns s with U+FFFD in the place of everything that does not print as
// itself. A text that came from somebody else may move the cursor, or the eye.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
