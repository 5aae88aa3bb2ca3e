// Vat is the command line of Vatnet: it serves an object, sends verbs to any
// object whose sturdyref one holds, and shows in one command what the whole is
// about.
//
//	vat demo                         E's log service in two processes, told step by step
//	vat serve log                    serve a log, and print the sturdyref that reaches it
//	vat send REF VERB [ARG…]         send a verb, print the result as JSON
//	vat describe REF                 print what verbs an object has
//	vat save REF                     ask for another sturdyref of an object
//	vat ref new|ls|revoke|rotate     manage the sturdyrefs of a log that is kept in a directory
//	vat store check|compact|backup   look after the directory
//	vat version
//
// REF says where to find a sturdyref: a file that holds it, - for standard input,
// or env:NAME. The URI itself is taken, too, with a warning: it is a secret, and
// other users of a machine can read command lines.
//
// Results go to standard output, everything else to standard error. The exit
// status says what kind of failure it was; see docs/cli.md, or the constants in
// exit.go.
package main

import (
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the command without the process around it. It returns the exit status.
func run(args []string, in io.Reader, out, diag io.Writer) int {
	root := newRoot()
	root.SetArgs(shieldNegatives(args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(diag)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	complain(diag, "%s", redactArgs(err.Error(), args))
	return statusOf(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "vat",
		Short: "Objects of other machines, by unguessable URIs",
		Long: "vat serves objects and sends verbs to the objects of others.\n\n" +
			"An object is designated by a sturdyref, an unguessable URI that is all the authority one needs to\n" +
			"use it. Try: vat demo",
		SilenceUsage:  true, // an error is one line; who wants the usage asks for it
		SilenceErrors: true,
	}
	root.AddCommand(newDemo(), newDemoServer(), newServe(), newSend(), newDescribe(), newSave(), newFollow(), newRef(), newStore(), newVersion())
	return root
}

// A negative number is an argument, though it looks like a flag. No flag begins
// with a digit, and no argument of a process can hold a NUL: so one in front keeps
// the number from the flag parser, and unshield takes it away again.
const shield = "\x00"

var negative = regexp.MustCompile(`^-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func shieldNegatives(args []string) []string {
	shielded := make([]string, len(args))
	for i, a := range args {
		if negative.MatchString(a) {
			a = shield + a
		}
		shielded[i] = a
	}
	return shielded
}

func unshield(arg string) string { return strings.TrimPrefix(arg, shield) }

// redactArgs takes the sturdyrefs among args out of a text that may quote them, as
// that of an unknown command does.
func redactArgs(text string, args []string) string {
	for _, a := range args {
		if sr, err := sturdyref.Parse(a); err == nil {
			text = strings.ReplaceAll(text, a, sr.String())
		} else if strings.Contains(a, "://") {
			text = strings.ReplaceAll(text, a, "[redacted]")
		}
	}
	return strings.NewReplacer(shield, "", `\x00`, "").Replace(text)
}
