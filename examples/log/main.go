// Log is E's log service, the program that explains it all.
//
// A server has an object, the log, and prints a URI; whoever holds that URI can
// use the log, and nobody else can. A client takes the URI, logs two lines and
// searches them, without waiting in between.
//
//	go run ./examples/log [-listen ADDR] [-advertise HOST]     # serves, and prints the URI
//	go run ./examples/log URI                                  # the client
//
// The URI is a secret, and everybody on a machine can see its command lines. So
// the client takes a file that holds it, or - for standard input, as well:
//
//	(umask 077; go run ./examples/log > log.cap) &
//	go run ./examples/log log.cap
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Log is the object. To embed vat.Object makes it pass by reference; its methods
// are its verbs. They run one at a time, so it needs no mutex.
type Log struct {
	vat.Object
	lines []Entry
}

// Entry is plain data, and passes by copy.
type Entry struct {
	At   time.Time
	Line string
}

// Log adds a line.
func (l *Log) Log(line string) { l.lines = append(l.lines, Entry{time.Now(), line}) }

// Search returns the lines that contain sub, in the order in which they came.
func (l *Log) Search(sub string) (found []Entry) {
	for _, e := range l.lines {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}

// serve exports a log, prints its URI, and serves it until ctx ends.
func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Log{})
}

// The client.

// client logs two lines, searches, and prints what was found. The log is a promise:
// nothing is waited for before the search is.
func client(ctx context.Context, log *vat.Ref, _ []string) error {
	log.SendOnly("log", "foot")
	log.SendOnly("log", "shoe")
	found, err := vat.Call[[]Entry](ctx, log, "search", "foo")
	for _, e := range found {
		fmt.Printf("At %s: %s\n", e.At.Format(time.DateTime), program.Printable(e.Line))
	}
	return err
}
