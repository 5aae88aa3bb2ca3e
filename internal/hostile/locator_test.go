package hostile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLocator asks a vat's nonce locator for the victim's swissnum, altered by a mask and cut
// to its length or extended to it. Nothing but the swissnum itself gets an object, and
// whatever else gets the one error.
func FuzzLocator(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(append(make([]byte, 31), 1))
	f.Add([]byte{})
	f.Add(make([]byte, 31))
	f.Add(make([]byte, 33))
	r := &Runner{}
	f.Cleanup(r.Close)
	f.Fuzz(func(t *testing.T, mask []byte) {
		tg, err := r.target("plain")
		require.NoError(t, err)
		secret := tg.victim.Swissnum().Reveal()
		asked := bytes.Clone(mask)
		for i := range min(len(asked), len(secret)) {
			asked[i] ^= secret[i]
		}
		lookup, expect := `""`, "exception failed vat.noobject"
		if len(asked) > 0 {
			lookup = fmt.Sprintf("0x%x", asked)
		}
		if bytes.Equal(asked, secret[:]) {
			expect = "answers"
		}
		a := newAttack(tg, &Case{Vat: "plain", Expect: expect, Steps: []string{
			"bootstrap q=1", "await return", "call q=5 cap=$cap lookup=" + lookup,
		}}, patience)
		defer a.close()
		require.NoError(t, a.attempt().Err)
		require.NoError(t, tg.log.surprises())
	})
}
