package hostile

import (
	"fmt"
	"strconv"
	"strings"
)

// node is a value of the notation before its type is known:
//
//	(name=value name …)   fields of a struct; one without a value is a void arm
//	[value value …]       a list; [value …]*1000 repeats its elements
//	"text"  "a"*70000     a text
//	0x0a0b  17  -1  name  a number, an enumerant, true, false; hexadecimal also is data
//	cap:3                 a capability, by index
//	deep:30               a Value: lists in one another
type node struct {
	fields []field // of a struct
	elems  []node  // of a list
	text   string  // of everything else
	kind   byte    // '(', '[', '"' or 'w' for a word
}

// field is one assignment.
type field struct {
	path  string // dotted
	value node
}

// scanner reads the notation.
type scanner struct {
	in  string
	pos int
}

func (s *scanner) peek() byte {
	for s.pos < len(s.in) && (s.in[s.pos] == ' ' || s.in[s.pos] == ',') {
		s.pos++
	}
	if s.pos == len(s.in) {
		return 0
	}
	return s.in[s.pos]
}

// fields reads assignments up to a closing byte, or to the end for 0.
func (s *scanner) fields(end byte) (fs []field, err error) {
	for s.peek() != end {
		if s.peek() == 0 {
			return nil, fmt.Errorf("%q ends too early", s.in)
		}
		f := field{path: s.word(), value: node{kind: 'w'}}
		if f.path == "" {
			return nil, fmt.Errorf("no name at %q", s.in[s.pos:])
		}
		if s.pos < len(s.in) && s.in[s.pos] == '=' {
			s.pos++
			if f.value, err = s.value(); err != nil {
				return nil, err
			}
		}
		fs = append(fs, f)
	}
	s.pos++
	return fs, nil
}

// word reads up to the next delimiter.
func (s *scanner) word() string {
	s.peek()
	start := s.pos
	for s.pos < len(s.in) && !strings.ContainsRune(" ,=()[]\"", rune(s.in[s.pos])) {
		s.pos++
	}
	return s.in[start:s.pos]
}

func (s *scanner) value() (n node, err error) {
	switch c := s.peek(); c {
	case '(':
		s.pos++
		n.kind = c
		n.fields, err = s.fields(')')
		return n, err
	case '[':
		s.pos++
		n.kind = c
		for s.peek() != ']' {
			e, err := s.value()
			if err != nil {
				return n, err
			}
			n.elems = append(n.elems, e)
		}
		s.pos++
		k, err := s.times()
		all := n.elems
		for range k - 1 {
			all = append(all, n.elems...)
		}
		n.elems = all
		return n, err
	case '"':
		quoted, err := strconv.QuotedPrefix(s.in[s.pos:])
		if err != nil {
			return n, err
		}
		s.pos += len(quoted)
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return n, err
		}
		k, err := s.times()
		return node{kind: '"', text: strings.Repeat(text, k)}, err
	default:
		if n = (node{kind: 'w', text: s.word()}); n.text == "" {
			return n, fmt.Errorf("no value at %q", s.in[s.pos:])
		}
		if depth, ok := strings.CutPrefix(n.text, "deep:"); ok {
			return nested(depth)
		}
		return n, nil
	}
}

// times reads *n, 1 if there is none.
func (s *scanner) times() (int, error) {
	if s.pos == len(s.in) || s.in[s.pos] != '*' {
		return 1, nil
	}
	s.pos++
	return strconv.Atoi(s.word())
}

// nested is a Value: so many lists in one another.
func nested(depth string) (n node, err error) {
	k, err := strconv.Atoi(depth)
	n.kind = '('
	for range k {
		n = node{kind: '(', fields: []field{{"list", node{kind: '[', elems: []node{n}}}}}
	}
	return n, err
}
