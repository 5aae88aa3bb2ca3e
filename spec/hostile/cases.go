// Package hostile holds the corpus of misbehaviour: text files of cases, each one fault and the outcome that it must
// have. README.md says how to read them; internal/hostile runs them.
package hostile

import "embed"

// Files are the cases.
//
//go:embed *.txt
var Files embed.FS
