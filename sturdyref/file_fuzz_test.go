package sturdyref_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// FuzzRead reads .cap files. What is taken is one sturdyref in its one form, followed by
// one line end at most, and reads the same when it is written; an error quotes nothing.
func FuzzRead(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.URI + "\n"))
		f.Add([]byte(" \t\r\n" + v.URI))
		f.Add([]byte(v.URI + "\n" + v.URI))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := sturdyref.Read(bytes.NewReader(text))
		if err == nil {
			require.Contains(t, []string{r.URI(), r.URI() + "\n", r.URI() + "\r\n"}, string(text))
			again, err := sturdyref.Read(strings.NewReader(r.URI() + "\n"))
			require.NoError(t, err)
			require.Equal(t, r, again)
			return
		}
		require.True(t, r.IsZero())
		for i := 0; i+16 <= len(text); i++ {
			if piece := string(text[i : i+16]); strings.Contains(err.Error(), piece) && !strings.Contains(fixedTexts, piece) {
				t.Fatalf("error %q quotes %q", err, piece)
			}
		}
	})
}
