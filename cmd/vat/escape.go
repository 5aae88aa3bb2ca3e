package main

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escape makes a text of a peer safe to show: everything that does not print as
// itself (control characters, ANSI sequences, marks that turn the direction of
// writing, invisible ones, invalid UTF-8) is written as JSON's \u escapes, and a
// backslash as two.
func escape(s string) string { return string(appendEscaped(nil, s)) }

// appendEscaped appends the escaped s, without the quotes around it.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\':
			b = append(b, `\\`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == utf8.RuneError && n == 1, !strconv.IsPrint(r):
			if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
				b = fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
			} else {
				b = fmt.Appendf(b, `\u%04x`, r)
			}
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return b
}

// appendQuoted appends s as a JSON string, escaped.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i, start := 0, 0; ; i++ {
		if i == len(s) {
			return append(appendEscaped(b, s[start:]), '"')
		}
		if s[i] == '"' {
			b = append(appendEscaped(b, s[start:i]), `\"`...)
			start = i + 1
		}
	}
}
