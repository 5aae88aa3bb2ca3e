package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// Log is the object. To embed vat.Durable has its exported fields kept; a list is kept
// entry by entry, so that a log of a million lines costs no more per line than one of ten.
type Log struct {
	vat.Durable
	Lines vat.List[Entry]
}

// Entry is plain data.
type Entry struct {
	At   time.Time
	Line string
}

// The name is how the next incarnation of the vat knows the type.
func init() { vat.Register[Log]("log") }

// Log adds a line. When its caller hears that it is done, it is on the disk.
func (l *Log) Log(line string) { l.Lines.Append(Entry{time.Now(), line}) }

// All returns the lines, in the order in which they came.
func (l *Log) All() (all []Entry) {
	for _, e := range l.Lines.All() {
		all = append(all, e)
	}
	return all
}

// serve publishes the log of the vat, which it makes if there is none, prints its URI, and serves it until ctx ends.
func serve(ctx context.Context, v *vat.Vat) error {
	uri, err := publish(v, filepath.Join(*dir, "log.cap"))
	if err != nil {
		return err
	}
	fmt.Println(uri)
	return program.Serve(ctx, v, os.Stdout)
}

// publish makes or revives the log, and returns its URI, of which there is but one copy: in
// a file. The vat itself keeps no more than a digest.
func publish(v *vat.Vat, file string) (string, error) {
	log, err := vat.Root(v, "log", func() *Log { return &Log{} })
	if err == nil {
		err = v.Publish("log", log)
	}
	if err != nil {
		return "", err
	}
	sr, err := sturdyref.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var grant *vat.Grant
		if grant, err = v.Mint("log", nil); err == nil {
			sr = grant.Sturdyref()
			err = sturdyref.WriteFile(file, sr)
		}
	}
	return sr.URI(), err
}
