package hostile

import (
	"bufio"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Case is one fault and what must come of it.
type Case struct {
	File   string // where it stands
	Line   int
	Kind   string // of message, record or file
	Field  string // of that, which is abused
	State  string // in which it happens
	Expect string // the outcome; see Outcomes
	Vat    string // which vat is attacked: see vats
	Raw    bool   // the steps begin before the handshake
	Steps  []string
}

// Name is the case's name.
func (c *Case) Name() string { return c.Kind + " | " + c.Field + " | " + c.State }

// Expectations that are no code of the closed list.
//
//	alive          the session goes on
//	ignored        it goes on, and nothing was answered
//	unimplemented  the message is echoed, and the session goes on
//	answers        the last question gets results, and the session goes on
//	exception …    it gets an exception of that type and, if one is named, code (-: none)
//	canceled       it gets that it was canceled
//	refused        a text or file is not taken
//	reset          the connection is reset without a word, and no outcome is due
var expectations = map[string]bool{
	"alive": true, "ignored": true, "unimplemented": true, "answers": true, "exception": true, "canceled": true,
	"refused": true, "reset": true,
}

// Parse reads the cases of all files, in the order of their names.
//
// A line that begins with # is a comment. One that begins with % holds for the cases that follow in the file: `%vat
// NAME` which vat is attacked, `%raw` that the steps begin before the handshake, `%session` that they begin behind it,
// `%before STEP; STEP` what is done first. One that begins with @ begins a case: `@ kind | field | state -> outcome`. Each
// other line is a step.
func Parse(files fs.FS) (cases []*Case, err error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		more, err := parseFile(name, string(text))
		if err != nil {
			return nil, err
		}
		cases = append(cases, more...)
	}
	return cases, nil
}

func parseFile(name, text string) (cases []*Case, err error) {
	var before []string
	var c *Case
	vat, raw := "plain", false
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		bad := func(why string) error { return fmt.Errorf("%s:%d: %s", path.Base(name), n, why) }
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '%':
			word, rest, _ := strings.Cut(line[1:], " ")
			switch word {
			case "vat":
				vat = rest
			case "raw", "session":
				raw = word == "raw"
			case "before":
				before = nil
				for _, s := range strings.Split(rest, ";") {
					if s = strings.TrimSpace(s); s != "" {
						before = append(before, s)
					}
				}
			default:
				return nil, bad("no such directive")
			}
		case line[0] == '@':
			head, expect, ok := strings.Cut(line[1:], "->")
			parts := strings.Split(head, "|")
			if !ok || len(parts) != 3 {
				return nil, bad("want @ kind | field | state -> outcome")
			}
			c = &Case{
				File: name, Line: n, Vat: vat, Raw: raw, Expect: strings.TrimSpace(expect), Steps: append([]string(nil), before...),
				Kind: strings.TrimSpace(parts[0]), Field: strings.TrimSpace(parts[1]), State: strings.TrimSpace(parts[2]),
			}
			cases = append(cases, c)
		case c == nil:
			return nil, bad("a step before the first case")
		default:
			c.Steps = append(c.Steps, line)
		}
	}
	return cases, lines.Err()
}
