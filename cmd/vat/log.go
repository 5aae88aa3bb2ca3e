package main

import (
	"strings"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// logObject is E's log service, which serve and demo export. examples/log explains
// the same object line by line. In a vat with a store its lines are kept there.
type logObject struct {
	vat.Durable
	Lines vat.List[entry]
}

func init() { vat.Register[logObject]("log") }

// entry is one line of a log.
type entry struct {
	At   time.Time
	Line string
}

// Log adds a line.
func (l *logObject) Log(line string) { l.Lines.Append(entry{time.Now(), line}) }

// Search returns the lines that contain sub, in the order in which they came.
func (l *logObject) Search(sub string) []entry {
	found := []entry{}
	for _, e := range l.Lines.All() {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}
