package docs_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

type Log struct {
	vat.Object // passes by reference; its methods are its verbs
	lines      []Entry
}

type Entry struct { // plain data: passes by copy
	At   time.Time
	Line string
}

func (l *Log) Log(line string) { l.lines = append(l.lines, Entry{time.Now(), line}) }

func (l *Log) Search(sub string) (found []Entry) {
	for _, e := range l.lines {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}

// The README's program, both halves in one process.
func Example_readme() {
	ctx := context.Background()
	uri, err := server()
	if err == nil {
		err = client(ctx, uri)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output: foot
}

func server() (sturdyref.Ref, error) {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return v.Export(&Log{}, nil) // its URI() is all that a client needs
}

func client(ctx context.Context, uri sturdyref.Ref) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	log := v.Enliven(uri) // a promise, at once: nobody has been dialled yet
	log.SendOnly("log", "foot")
	log.SendOnly("log", "shoe")
	found, err := vat.Call[[]Entry](ctx, log, "search", "foo")
	for _, e := range found {
		fmt.Println(e.Line)
	}
	return err
}
