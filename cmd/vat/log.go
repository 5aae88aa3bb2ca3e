package main

import (
	"strings"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// logObject is E's log service, which serve and demo export. examples/log explains
// the same object line by line.
type logObject struct {
	vat.Object
	lines []entry
}

// entry is one line of a log.
type entry struct {
	At   time.Time
	Line string
}

// Log adds a line.
func (l *logObject) Log(line string) { l.lines = append(l.lines, entry{time.Now(), line}) }

// Search returns the lines that contain sub, in the order in which they came.
func (l *logObject) Search(sub string) []entry {
	found := []entry{}
	for _, e := range l.lines {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}
