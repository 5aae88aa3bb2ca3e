package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

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
func (l *Log) Search(sub string) []Entry {
	var found []Entry
	for _, e := range l.lines {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}

// serve exports a log, prints its URI, and serves it until ctx ends.
func serve(ctx context.Context, cfg *vat.Config, out io.Writer) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
	return program.Serve(ctx, v, out, &Log{})
}
