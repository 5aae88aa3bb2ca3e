package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/vat"
)

// The exit statuses. They are a contract with scripts.
const (
	exitOK          = 0 // it worked
	exitRaised      = 1 // the remote object raised an error, or has no such verb
	exitUsage       = 2 // the command line, a malformed sturdyref, or this machine: nothing was sent
	exitUnreachable = 3 // the vat could not be reached, or the session ended
	exitWrongVat    = 4 // the vat that answered is not the one that the sturdyref names
	exitNoObject    = 5 // that vat has no such object: unknown, expired or revoked
	exitTimeout     = 6 // no answer within --timeout
)

// failure is an error with its exit status.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed makes a failure.
func failed(status int, format string, args ...any) error {
	return &failure{status, fmt.Errorf(format, args...)}
}

// statusOf returns the exit status for an error. What says nothing else is about
// the command line: most of it is what cobra found there.
func statusOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.status
	}
	return exitUsage
}

// complain writes a diagnostic.
func complain(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "vat: "+format+"\n", args...) // there is nobody left to tell
}

// warn writes a warning on the diagnostics of a command.
func warn(cmd *cobra.Command, format string, args ...any) {
	complain(cmd.ErrOrStderr(), "warning: "+format, args...)
}

// anotherVat is what is to be said of ErrWrongVat.
const anotherVat = "another vat answered than the one that the sturdyref names, or that has given up this identity: nothing was sent to it"

// noSuchObject is what is to be said of ErrNoSuchObject.
const noSuchObject = "the vat has no such object: it never had, or the sturdyref has expired or was revoked"

// explain turns what came of a call on ref into a failure that tells a person what
// happened and a script which kind it was.
func explain(ctx context.Context, ref *vat.Ref, verb string, err error) error {
	if err == nil {
		return nil
	}
	// Codes of the vats are of the vat that answered: an object that raises them is
	// an object that raised something.
	broken := ref.Err()
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return failed(exitTimeout, "no answer in time: %s may or may not have been carried out", escape(verb))
	case errors.Is(err, vat.ErrWrongVat):
		return failed(exitWrongVat, "%s", anotherVat)
	case errors.Is(err, vat.ErrUnreachable):
		return failed(exitUnreachable, "the vat cannot be reached at any location of the sturdyref: nothing was sent")
	case errors.Is(err, vat.ErrNotDelivered):
		return failed(exitUnreachable, "disconnected (%s): %s was certainly not delivered", escape(err.Error()), escape(verb))
	case errors.Is(err, vat.ErrDisconnected):
		return failed(exitUnreachable, "disconnected (%s): %s may or may not have been carried out", escape(err.Error()), escape(verb))
	case errors.Is(broken, vat.ErrNoSuchObject), errors.Is(err, vat.ErrRevoked): // the latter while the call was on its way
		return failed(exitNoObject, "%s", noSuchObject)
	case errors.Is(err, vat.ErrNotSendable):
		return failed(exitUsage, "%s", escape(err.Error()))
	}
	var raised *vat.Error
	if errors.As(err, &raised) {
		return failed(exitRaised, "%s raised: %s", escape(verb), escape(raised.Text))
	}
	return failed(exitRaised, "%s: %s", escape(verb), escape(err.Error()))
}
